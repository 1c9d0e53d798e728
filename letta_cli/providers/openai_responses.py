"""OpenAI through the Responses API: nothing is kept on their side (``store`` is off), reasoning
comes back encrypted and goes along from step to step, the prompt cache is keyed by conversation.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from letta_cli.core.errors import AuthError, BadRequest
from letta_cli.core.provider import Completed, Delta, ModelInfo, ProviderSettings, Request
from letta_cli.core.run import Usage
from letta_cli.providers.errors import Where, cut, from_body, read_event
from letta_cli.providers.message_cache import WireCache
from letta_cli.providers.models import lookup
from letta_cli.providers.openai_client import OpenAIClient
from letta_cli.providers.responses_stream import ResponseAccumulator
from letta_cli.providers.responses_wire import (
    PROVIDER,
    message_to_wire,
    tools_to_wire,
    without_reasoning,
)
from letta_cli.providers.shapes import as_rows
from letta_cli.providers.wording import encodable

Json = dict[str, Any]

BASE_URL = "https://api.openai.com/v1"

_TALKING_MODELS = ("gpt-", "o1", "o3", "o4", "codex", "chatgpt", "ft:")
_OTHER_PURPOSES = ("audio", "realtime", "image", "tts", "transcribe", "search", "embedding")
_PLAIN_MODELS = ("gpt-4", "gpt-3.5", "chatgpt", "ft:gpt-4", "ft:gpt-3.5")
"""Models that do not reason and refuse the field."""


class OpenAIResponsesProvider:
    """One client for all requests of the process."""

    name = PROVIDER

    def __init__(self, settings: ProviderSettings) -> None:
        base_url = (settings.base_url or BASE_URL).rstrip("/")
        self._settings = settings
        self._where = Where(
            PROVIDER,
            "OpenAI",
            "" if base_url == BASE_URL else base_url,
            secret=settings.api_key or "",
        )
        self._client = OpenAIClient(settings, self._where, base_url)
        self._cache = WireCache(message_to_wire, tools_to_wire)
        self._plain: set[str] = set()
        """Models that turned out to refuse reasoning fields."""
        self._summaries = True
        """Off where the organisation has no right to them."""
        self._stale: dict[str, int] = {}
        """For a conversation, up to which seq its reasoning is no longer accepted."""

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """See `core.provider.Provider.stream`."""
        self._need_key()
        where = replace(self._where, model=request.model)
        done = ResponseAccumulator()
        async for event in self._tolerant_events(request, where):
            for delta in read_event(done.feed, event, where):
                yield delta
            if done.failure is not None:
                raise from_body({"error": done.failure}, where)
        if not done.finished:
            raise cut(where)
        yield Completed(done.parts(), done.stop_reason, self._priced(done.usage, request.model))

    async def models(self) -> list[ModelInfo]:
        """The account's models that can hold a conversation, newest first.

        Raises:
            ProviderError: the API could not be asked.
        """
        self._need_key()
        rows = as_rows((await self._client.get("/models")).get("data"))
        rows.sort(key=lambda row: int(row.get("created") or 0), reverse=True)
        names = [str(row.get("id") or "") for row in rows]
        own = self._client.base_url == BASE_URL
        return [self._info(name) for name in names if not own or _talks(name)]

    async def model_info(self, model: str) -> ModelInfo:
        """From the table: the API tells nothing but names."""
        return self._info(model)

    async def warm(self) -> None:
        """Import the SDK and make the connection pool. Raises AuthError without a key."""
        self._need_key()
        await self._client.warm()

    async def aclose(self) -> None:
        """Drop the connections at once."""
        await self._client.aclose()

    def _body(self, request: Request) -> Json:
        body: Json = {
            "model": request.model,
            "stream": True,
            "store": False,
            "prompt_cache_key": request.conversation_id,
        }
        if request.system:
            body["instructions"] = encodable(request.system)
        if request.tools:
            body["tools"] = self._cache.tools(request.tools)
        if request.max_output is not None:
            body["max_output_tokens"] = request.max_output
        if request.model not in self._plain and not request.model.startswith(_PLAIN_MODELS):
            body["include"] = ["reasoning.encrypted_content"]
            if request.effort != "off":
                # Without an effort a model reasons as much as its publisher found best.
                body["reasoning"] = {"effort": request.effort}
                if self._summaries:
                    body["reasoning"]["summary"] = "auto"
        # Last, so that one request's bytes begin with those of the one before it.
        body["input"] = self._input(request)
        return body

    def _input(self, request: Request) -> list[Json]:
        stale = self._stale.get(request.conversation_id)
        if stale is None:
            return self._cache.messages(request.messages)
        old = [message for message in request.messages if message.seq <= stale]
        new = [message for message in request.messages if message.seq > stale]
        return without_reasoning(self._cache.messages(old)) + self._cache.messages(new)

    async def _tolerant_events(self, request: Request, where: Where) -> AsyncIterator[Json]:
        """The events; when the API refuses reasoning fields or old items, once more without."""
        for attempt in range(3):
            started = False
            try:
                async for event in self._client.events("/responses", self._body(request), where):
                    started = True
                    yield event
                return
            except BadRequest as error:
                words = str(error)
                if started or attempt == 2:
                    raise
                if "encrypted" in words or ("item" in words and "reasoning" in words):
                    self._stale[request.conversation_id] = request.messages[-1].seq
                elif "summar" in words and self._summaries:
                    self._summaries = False
                elif "reasoning" in words or "include" in words:
                    self._plain.add(request.model)
                else:
                    raise

    def _need_key(self) -> None:
        headers = {name.lower() for name, _ in self._settings.headers}
        if not self._settings.api_key and "authorization" not in headers:
            raise AuthError(
                "OpenAI needs a key. Set OPENAI_API_KEY, or store one with: "
                "agent config set-key openai"
            )

    def _info(self, model: str) -> ModelInfo:
        known = lookup(model)
        return ModelInfo(
            handle=f"{PROVIDER}/{model}",
            context_window=self._settings.context_window
            or (known.context_window if known else None),
            max_output=known.max_output if known else None,
            prices=known.prices if known else None,
        )

    def _priced(self, usage: Usage, model: str) -> Usage:
        known = lookup(model)
        return replace(usage, cost_usd=known.cost(usage) if known else None)


def _talks(model: str) -> bool:
    return model.startswith(_TALKING_MODELS) and not any(
        purpose in model for purpose in _OTHER_PURPOSES
    )
