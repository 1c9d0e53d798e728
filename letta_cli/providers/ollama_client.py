"""Ollama over HTTP, without an SDK: its own API is plain JSON, and a stream is a line an event.

Looks from outside like `openai_client.OpenAIClient`: takes bodies and gives events in the words of
Chat Completions, so that everything above it is shared.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from letta_cli.core.provider import ProviderSettings
from letta_cli.providers.errors import Where, from_response, translate
from letta_cli.providers.http import CLOSE_SECONDS, make_http_client
from letta_cli.providers.ollama_wire import body_to_ollama, event_from_ollama
from letta_cli.providers.shapes import as_object

if TYPE_CHECKING:
    from httpx2 import AsyncClient, Response

Json = dict[str, Any]


class OllamaClient:
    """One connection pool to one Ollama server."""

    def __init__(self, settings: ProviderSettings, where: Where, base_url: str) -> None:
        self._settings = settings
        self._where = where
        self.base_url = base_url
        self._client: AsyncClient | None = None

    async def warm(self) -> None:
        """Import the HTTP library in a thread and make the connection pool."""
        if self._client is None:
            await asyncio.to_thread(import_module, "httpx2")
            self._client = self._client or _make_client(self._settings, self.base_url)

    async def aclose(self) -> None:
        """Drop the connections without waiting for the other side."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await client.aclose()

    async def events(self, path: str, body: Json, where: Where) -> AsyncIterator[Json]:
        """Post a Chat Completions `body` to Ollama's chat and yield each event as a chunk.

        Args:
            path: not used; Ollama has one path for chat.

        Raises:
            ProviderError: see `errors.translate`.
        """
        del path
        started = False
        try:
            client = await self._connect()
            native = body_to_ollama(body)
            async with client.stream("POST", "/api/chat", json=native) as response:
                await _refuse(response, where)
                async for line in response.aiter_lines():
                    started = True
                    if line.strip():
                        yield event_from_ollama(as_object(json.loads(line)))
        except Exception as error:
            known = translate(error, where, started=started)
            if known is None or known is error:
                raise
            raise known from error

    async def get(self, url: str, *, seconds: float = 10.0) -> Any:
        """The JSON at `url`, absolute or relative to the server's root.

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
            response = await client.request(method, url, json=body, timeout=seconds)
            await _refuse(response, self._where)
            return response.json()
        except Exception as error:
            known = translate(error, self._where)
            if known is None or known is error:
                raise
            raise known from error

    async def _connect(self) -> "AsyncClient":
        await self.warm()
        assert self._client is not None
        return self._client


def _make_client(settings: ProviderSettings, base_url: str) -> "AsyncClient":
    headers = dict(settings.headers)
    if settings.api_key:
        headers.setdefault("Authorization", f"Bearer {settings.api_key}")
    return make_http_client(base_url.removesuffix("/v1"), settings.timeout_seconds, headers)


async def _refuse(response: "Response", where: Where) -> None:
    """Raise what an HTTP error means."""
    if response.status_code < 400:
        return
    text = (await response.aread()).decode(errors="replace")
    try:
        body: object = json.loads(text)
    except ValueError:
        body = text
    raise from_response(response.status_code, body, response.headers, where)
