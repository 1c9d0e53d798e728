"""The `openai` SDK as this program uses it: one client, one pool, events as plain dicts.

Requests go through the SDK's generic `post`, not through its typed methods: those walk every
message of the request against pydantic types, 30 ms for 200 messages, where this takes one. What
the SDK gives us is authentication, the connection pool, timeouts and reading the event stream.
The SDK is imported by the first request or by `warm`.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from letta_cli.core.errors import BadRequest
from letta_cli.core.provider import ProviderSettings
from letta_cli.providers.errors import Where, translate
from letta_cli.providers.http import CLOSE_SECONDS, make_http_client

if TYPE_CHECKING:
    from openai import AsyncOpenAI, RequestOptions

Json = dict[str, Any]


class OpenAIClient:
    """A lazily made `AsyncOpenAI` whose failures are the core's errors.

    Args:
        where: whom we ask, for messages; its `base_url` is empty for OpenAI itself.
        base_url: the address, version path included.
    """

    def __init__(self, settings: ProviderSettings, where: Where, base_url: str) -> None:
        self._settings = settings
        self._where = where
        self.base_url = base_url
        self._client: AsyncOpenAI | None = None

    async def warm(self) -> None:
        """Import the SDK in a thread and make the client."""
        await self._connect()

    async def aclose(self) -> None:
        """Drop the connections without waiting for the other side."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await client.close()

    async def events(self, path: str, body: Json, where: Where) -> AsyncIterator[Json]:
        """Post `body` and yield each event of the answer.

        A server that answers with one whole JSON object instead of a stream yields that object.

        Raises:
            ProviderError: see `errors.translate`.
        """
        started = False
        try:
            client = await self._connect()
            from openai import AsyncStream

            stream = await client.post(
                path,
                cast_to=object,
                body=body,
                options=self._options(),
                stream=True,
                stream_cls=AsyncStream[object],
            )
            try:
                kind = stream.response.headers.get("content-type", "")
                if "json" in kind and "event-stream" not in kind:
                    yield json.loads(await stream.response.aread())
                    return
                _refuse_web_page(kind, where)
                async for event in stream:
                    started = True
                    if isinstance(event, dict):
                        yield cast("Json", event)
            finally:
                await stream.close()
        except Exception as error:
            known = translate(error, where, started=started)
            if known is None or known is error:
                raise
            raise known from error

    async def get(self, url: str, *, seconds: float = 10.0) -> Any:
        """The JSON at `url`, absolute or relative to the base URL.

        Raises:
            ProviderError: see `errors.translate`.
        """
        return await self._plain("GET", url, None, seconds)

    async def post(self, url: str, body: Json, *, seconds: float = 10.0) -> Any:
        """The JSON answer to a plain POST.

        Raises:
            ProviderError: see `errors.translate`.
        """
        return await self._plain("POST", url, body, seconds)

    async def _plain(self, method: str, url: str, body: Json | None, seconds: float) -> Any:
        try:
            client = await self._connect()
            options: RequestOptions = {**self._options(), "timeout": seconds}
            if method == "GET":
                return await client.get(url, cast_to=object, options=options)
            return await client.post(url, cast_to=object, body=body, options=options)
        except Exception as error:
            known = translate(error, self._where)
            if known is None or known is error:
                raise
            raise known from error

    def _options(self) -> "RequestOptions":
        """Without a key no authorisation is sent, unless the settings bring a header for it."""
        given = {name.lower() for name, _ in self._settings.headers}
        if self._settings.api_key or "authorization" in given:
            return {}
        from openai import Omit

        return {"headers": {"Authorization": Omit()}}

    async def _connect(self) -> "AsyncOpenAI":
        if self._client is None:
            await asyncio.to_thread(import_module, "openai")
            self._client = self._client or _make_client(self._settings, self.base_url)
        return self._client


def _make_client(settings: ProviderSettings, base_url: str) -> "AsyncOpenAI":
    from openai import AsyncOpenAI, Omit

    # The SDK fills what is not given from environment variables of OpenAI's own; a key or an
    # organisation meant for OpenAI must not reach another server.
    headers: dict[str, Any] = {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
    headers.update(settings.headers)
    return AsyncOpenAI(
        api_key=settings.api_key or "none",
        base_url=base_url,
        max_retries=0,
        default_headers=headers,
        http_client=make_http_client(base_url, settings.timeout_seconds),
    )


def _refuse_web_page(content_type: str, where: Where) -> None:
    if "html" in content_type:
        raise BadRequest(
            f"{where.place} answered with a web page. Check the base URL: it usually ends in /v1."
        )
