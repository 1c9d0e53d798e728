"""The embedded model as a provider: our own server, in the small profile.

Promises that the first use of the model starts its server, that a crash of the native code is a
pause and not an end, and that a missing piece is named with what to type.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from letta_cli.core.errors import (
    ConnectionFailed,
    ModelNotFound,
    NoModelConfigured,
    Retryable,
    ServerError,
    StreamCut,
)
from letta_cli.core.provider import (
    Delta,
    ModelInfo,
    Prices,
    Progress,
    ProviderSettings,
    Request,
)
from letta_cli.providers.local.manifest import DEFAULT, EmbeddedModel, installed
from letta_cli.providers.local.rendezvous import ServerState
from letta_cli.providers.local.server import ServerOptions, SharedServer
from letta_cli.providers.openai_chat import OpenAIChatProvider
from letta_cli.providers.small import SmallModelProvider

FREE = Prices(0.0, 0.0)

DYING_LOOKS = 10
DYING_SECONDS = 0.1


class LocalProvider:
    """Serves handles ``local/…``; there is one model."""

    name = "local"

    def __init__(self, settings: ProviderSettings) -> None:
        self._chat = _LocalChat(settings, DEFAULT)
        self._small = SmallModelProvider(self._chat, form="lark")

    def stream(self, request: Request) -> AsyncIterator[Delta]:
        """See `core.provider.Provider.stream`.

        Raises:
            NoModelConfigured: the weights or the runtime are missing.
        """
        return self._small.stream(request)

    async def models(self) -> list[ModelInfo]:
        return await self._chat.models()

    async def model_info(self, model: str) -> ModelInfo:
        return await self._chat.model_info(model)

    async def warm(self) -> None:
        """Start the server, or join the one that runs; quiet when a piece is missing."""
        await self._chat.warm()

    async def aclose(self) -> None:
        await self._chat.aclose()


class _LocalChat:
    """Chat messages to the shared server, started when needed."""

    name = "local"

    def __init__(self, settings: ProviderSettings, model: EmbeddedModel) -> None:
        self._settings = settings
        self._model = model
        served = model.context_window
        self._window = min(settings.context_window or served, served)
        self._folder = Path(settings.cache_dir)
        options = dict(settings.options)
        self._server = SharedServer(
            model,
            self._folder,
            ServerOptions(
                linger_seconds=float(options.get("linger_seconds", 5)),
                idle_seconds=float(options.get("idle_seconds", 600)),
            ),
        )
        self._state: ServerState | None = None
        self._client: OpenAIChatProvider | None = None

    async def stream_chat(
        self,
        *,
        model: str,
        messages: list[dict[str, Any]],
        temperature: float | None = None,
        max_tokens: int | None = None,
        response_schema: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Delta]:
        """Stream one answer; see `OpenAIChatProvider.stream_chat`.

        Raises:
            Retryable: the server died; the next request starts it anew.
        """
        self._check_name(model)
        if not await self._server.is_running():
            yield Progress("starting the local model")
        client = await self._join()
        started = False
        try:
            async for delta in client.stream_chat(
                model=self._model.name,
                messages=messages,
                temperature=temperature,
                max_tokens=max_tokens,
                response_schema=response_schema,
                extra={"return_progress": True, **(extra or {})},
            ):
                started = True
                self._server.touch()
                yield delta
        except (ConnectionFailed, StreamCut, ServerError) as error:
            if not await self._died():
                raise
            words = "stopped in the middle of an answer" if started else "stopped"
            raise Retryable(
                f"The local model {words}: restarting. Its log is {self._server.meeting.log}",
                retry_after=0.1,
            ) from error

    async def models(self) -> list[ModelInfo]:
        return [await self.model_info(self._model.name)]

    async def model_info(self, model: str) -> ModelInfo:
        here = installed(self._model, self._folder) is not None
        size = f"{self._model.size / 1e9:.1f} GB, {self._model.license}"
        return ModelInfo(
            handle=f"{self.name}/{model}",
            context_window=self._window,
            prices=FREE,
            small=True,
            note=f"installed, {size}" if here else f"not installed, {size}: agent models pull",
        )

    async def warm(self) -> None:
        try:
            client = await self._join()
        except (NoModelConfigured, Retryable):
            # Said by the first request, to whoever makes one.
            return
        await client.warm()

    async def aclose(self) -> None:
        self._server.leave()
        if self._client is not None:
            await self._client.aclose()

    async def _died(self) -> bool:
        """Whether the server's process is gone; one that crashed needs a moment for it."""
        for _ in range(DYING_LOOKS):
            if not await self._server.is_running():
                return True
            await asyncio.sleep(DYING_SECONDS)
        return False

    async def _join(self) -> OpenAIChatProvider:
        state = await self._server.join()
        if self._client is None or state != self._state:
            settings = ProviderSettings(
                name="llamacpp",
                api_key=state.key,
                base_url=f"{state.url}/v1",
                timeout_seconds=self._settings.timeout_seconds,
                context_window=self._window,
                # The server drops idle connections; a request on one that it just dropped is lost.
                headers=(("Connection", "close"),),
            )
            self._client = OpenAIChatProvider(settings, name="llamacpp")
            self._state = state
        return self._client

    def _check_name(self, model: str) -> None:
        if model not in (self._model.name, "default"):
            raise ModelNotFound(
                f"There is no local model {model!r}. There is local/{self._model.name}."
            )
