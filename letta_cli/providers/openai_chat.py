"""Chat Completions at any address: the protocol of Ollama, LM Studio, llama.cpp, vLLM, OpenRouter
and most other servers. Knows where each of them listens; what they differ in is forgiven.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from letta_cli.core.errors import BadRequest, ConfigError, ProviderError
from letta_cli.core.provider import Completed, Delta, ModelInfo, ProviderSettings, Request
from letta_cli.core.run import Usage
from letta_cli.providers.chat_stream import ChatAccumulator, usage_from_wire
from letta_cli.providers.chat_wire import (
    call_ids,
    merge_user_messages,
    message_to_wire,
    response_format,
    tools_to_wire,
    wire_text,
)
from letta_cli.providers.errors import Where, cut, from_body, read_event
from letta_cli.providers.message_cache import WireCache
from letta_cli.providers.ollama_client import OllamaClient
from letta_cli.providers.openai_client import OpenAIClient
from letta_cli.providers.servers import PRESETS, ChatClient, Listing
from letta_cli.providers.tokens import estimate
from letta_cli.providers.wording import encodable

Json = dict[str, Any]


class OpenAIChatProvider:
    """One server.

    Args:
        settings: `base_url` beats the preset's address.
        name: ``openai-compatible`` or one of `servers.PRESETS`.

    Raises:
        ConfigError: no base URL is known.
    """

    def __init__(self, settings: ProviderSettings, *, name: str = "openai-compatible") -> None:
        self.name = name
        preset = PRESETS[name]
        base_url = (settings.base_url or preset.base_url).rstrip("/")
        if not base_url:
            raise ConfigError(
                "The provider openai-compatible needs an address. Set OPENAI_BASE_URL, or "
                "providers.openai-compatible.baseUrl in the settings, for example to "
                "http://127.0.0.1:8000/v1."
            )
        self._settings = settings
        self._preset = preset
        address = "" if preset.remote and base_url == preset.base_url else base_url
        self._where = Where(name, preset.label, address, secret=settings.api_key or "")
        make_client = OllamaClient if name == "ollama" else OpenAIClient
        self._client: ChatClient = make_client(settings, self._where, base_url)
        self._listing = Listing(name, self._client, settings.context_window)
        self._cache = WireCache(message_to_wire, tools_to_wire)
        self._refused: set[str] = set()

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """See `core.provider.Provider.stream`."""
        messages = self._cache.messages(request.messages)
        if request.system:
            messages.insert(0, {"role": "system", "content": encodable(request.system)})
        extra: Json = {}
        if request.tools:
            extra["tools"] = self._cache.tools(request.tools)
        if request.effort != "off":
            extra |= self._preset.effort(request.effort, request.model)
        async for delta in self.stream_chat(
            model=request.model,
            messages=merge_user_messages(messages),
            temperature=None,
            max_tokens=request.max_output,
            response_schema=None,
            extra=extra,
        ):
            yield delta

    async def stream_chat(
        self,
        *,
        model: str,
        messages: list[Json],
        temperature: float | None = None,
        max_tokens: int | None = None,
        response_schema: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Delta]:
        """Stream one answer to messages in wire form; the last delta is `Completed`.

        Args:
            response_schema: JSON Schema that the server forces the answer's text to follow.
            extra: further fields of the request's body, e.g. ``tools``, ``cache_prompt``.

        Raises:
            ProviderError: see `core.provider.Provider.stream`.
        """
        body: Json = {"model": model, "stream": True}
        body["stream_options"] = {"include_usage": True}
        if temperature is not None:
            body["temperature"] = temperature
        if max_tokens is not None:
            body["max_tokens"] = max_tokens
        if response_schema is not None:
            body["response_format"] = response_format(response_schema)
        body = {**body, **self._preset.body, **(extra or {})}
        if self.name == "ollama":
            body = {**await self._listing.ollama_fields(model), **body}
        # Last, so that one request's bytes begin with those of the one before it.
        body["messages"] = messages
        where = replace(self._where, model=model)
        done = ChatAccumulator(self.name, call_ids(messages))
        async for event in self._events(body, where):
            if event.get("error"):
                raise from_body(event, where)
            for delta in read_event(done.feed, event, where):
                yield delta
        for delta in done.close():
            yield delta
        if not done.finished:
            raise cut(where)
        if done.finish_reason == "error":
            raise from_body({"error": {"message": "the model failed"}}, where)
        yield Completed(done.parts(), done.stop_reason, self._usage(done, messages, model))

    async def models(self) -> list[ModelInfo]:
        """What the server offers, with context lengths and prices where it tells them.

        Raises:
            ProviderError: it could not be asked.
        """
        return await self._listing.models()

    async def model_info(self, model: str) -> ModelInfo:
        """What is known of one model; asks the server once, and never fails."""
        return await self._listing.model_info(model)

    async def warm(self) -> None:
        """Import the SDK and make the connection pool."""
        await self._client.warm()

    async def aclose(self) -> None:
        """Drop the connections at once."""
        await self._client.aclose()

    async def _events(self, body: Json, where: Where) -> AsyncIterator[Mapping[str, Any]]:
        """Post, and once more without the optional fields that the server names as unwanted."""
        for _ in range(len(_OPTIONAL) + 1):
            sent = {key: value for key, value in body.items() if key not in self._refused}
            if "max_tokens" in self._refused and "max_tokens" in body:
                sent["max_completion_tokens"] = body["max_tokens"]
            started = False
            try:
                async for event in self._client.events("/chat/completions", sent, where):
                    started = True
                    yield event
                return
            except BadRequest as error:
                unwanted = None if started else _unwanted_field(error, sent)
                if unwanted is None:
                    raise
                self._refused.add(unwanted)

    def _usage(self, done: ChatAccumulator, messages: list[Json], model: str) -> Usage:
        if done.usage is None:
            return Usage(
                input=estimate(wire_text(messages)), output=estimate(done.output_text) or 1
            )
        usage = usage_from_wire(done.usage)
        prices = self._listing.prices(model)
        if usage.cost_usd is None and prices is not None:
            usage = usage + Usage(cost_usd=prices.cost(usage))
        return usage


_OPTIONAL = ("stream_options", "reasoning_effort", "reasoning", "think", "usage", "max_tokens")


def _unwanted_field(error: ProviderError, sent: Mapping[str, Any]) -> str | None:
    """The optional field that a refusal complains of, else None."""
    words = str(error)
    if "max_completion_tokens" in words and "max_tokens" in sent:
        return "max_tokens"
    for name in _OPTIONAL:
        if name in sent and name != "max_tokens" and name in words:
            return name
    return None
