"""Claude through Anthropic's official SDK: thinking, prompt caching, typed failures.

Like `openai_client`, it posts through the SDK's generic method and reads events as dicts: the
typed way costs several milliseconds a step and chokes on what it does not know.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from letta_cli.core.errors import AuthError, BadRequest, ProviderError
from letta_cli.core.provider import Completed, Delta, ModelInfo, ProviderSettings, Request
from letta_cli.core.run import Usage
from letta_cli.providers.anthropic_stream import MessageAccumulator
from letta_cli.providers.anthropic_thinking import (
    ThinkingForms,
    forms_from_capabilities,
    forms_from_name,
    thinking_fields,
)
from letta_cli.providers.anthropic_wire import (
    PROVIDER,
    mark_messages,
    message_to_wire,
    system_to_wire,
    tools_to_wire,
    without_thinking,
)
from letta_cli.providers.errors import Where, cut, read_event, translate
from letta_cli.providers.http import CLOSE_SECONDS, make_http_client
from letta_cli.providers.message_cache import WireCache
from letta_cli.providers.models import lookup
from letta_cli.providers.shapes import as_object, as_rows
from letta_cli.providers.wording import encodable

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

Json = dict[str, Any]

BASE_URL = "https://api.anthropic.com"
DEFAULT_MAX_TOKENS = 32_000
"""Room for an answer with its thinking; no more, because it is reserved from the context."""
BINDING_BETA = "thinking-binding-controls-2026-08-01"


class AnthropicProvider:
    """One client for all requests of the process."""

    name = PROVIDER

    def __init__(self, settings: ProviderSettings) -> None:
        base_url = (settings.base_url or BASE_URL).rstrip("/").removesuffix("/v1")
        self._settings = settings
        self._base_url = base_url
        self._where = Where(
            PROVIDER,
            "Anthropic",
            "" if base_url == BASE_URL else base_url,
            secret=settings.api_key or "",
        )
        self._client: AsyncAnthropic | None = None
        self._cache = WireCache(message_to_wire, tools_to_wire)
        self._known: dict[str, ModelInfo] = {}
        self._forms: dict[str, ThinkingForms] = {}
        self._altered: set[str] = set()
        """Conversations whose past was rewritten (compaction), so that old thinking is refused."""
        self._unreadable: dict[str, int] = {}
        """For a conversation, up to which seq thinking has to be left out by us."""
        self._unthinking: set[str] = set()
        """Models that turned out to refuse the fields we send for thinking."""

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """See `core.provider.Provider.stream`."""
        where = replace(self._where, model=request.model)
        done = MessageAccumulator()
        async for event in self._tolerant_events(request, where):
            for delta in read_event(done.feed, event, where):
                yield delta
        if not done.finished:
            raise cut(where)
        yield Completed(done.parts(), done.stop_reason, self._priced(done.usage, request.model))

    async def models(self) -> list[ModelInfo]:
        """All models of the account, newest first, with context windows.

        Raises:
            ProviderError: the API could not be asked.
        """
        answer = await self._get("/v1/models?limit=1000")
        return [self._learn(entry) for entry in as_rows(answer.get("data"))]

    async def model_info(self, model: str) -> ModelInfo:
        """The table, where it knows the model's window; else the API is asked once."""
        table = self._from_table(model)
        if model not in self._known and table.context_window is None:
            try:
                self._learn(await self._get(f"/v1/models/{model}"))
            except ProviderError:
                return table
        return self._known.get(model) or table

    async def warm(self) -> None:
        """Import the SDK in a thread and make the client. Raises AuthError without a key."""
        await self._connect()

    async def aclose(self) -> None:
        """Drop the connections without waiting for the other side."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await client.close()

    def _body(self, request: Request) -> Json:
        """All four cache breakpoints are used: tools, system, two in the messages."""
        known = self._known.get(request.model) or self._from_table(request.model)
        limit = known.max_output or DEFAULT_MAX_TOKENS
        max_tokens = min(request.max_output or DEFAULT_MAX_TOKENS, limit)
        forms = self._forms.get(request.model) or forms_from_name(request.model)
        body: Json = {"model": request.model, "max_tokens": max_tokens, "stream": True}
        if request.tools:
            body["tools"] = self._cache.tools(request.tools)
        if request.system:
            body["system"] = system_to_wire(encodable(request.system))
        if request.model not in self._unthinking:
            body |= thinking_fields(forms, request.effort, max_tokens)
        if request.conversation_id in self._altered and _is_adaptive(body):
            body["thinking"] |= _DROP_OLD_THINKING
        # Last, so that one request's bytes begin with those of the one before it.
        body["messages"] = mark_messages(self._messages(request))
        return body

    def _messages(self, request: Request) -> list[Json]:
        until = self._unreadable.get(request.conversation_id)
        if until is None:
            return self._cache.messages(request.messages)
        old = [message for message in request.messages if message.seq <= until]
        new = [message for message in request.messages if message.seq > until]
        return without_thinking(self._cache.messages(old)) + self._cache.messages(new)

    async def _tolerant_events(self, request: Request, where: Where) -> AsyncIterator[Json]:
        """The events; when the API refuses a thinking field or old thinking, once more without.

        Newer models check that nothing before a thinking block has changed since it was written.
        After a compaction that is so by nature: the API is then told to drop those blocks, and
        where it cannot be told, or still refuses, they are left out.
        """
        for attempt in range(3):
            body = self._body(request)
            started = False
            try:
                async for event in self._events(body, where):
                    started = True
                    yield event
                return
            except BadRequest as error:
                words = str(error)
                if started or attempt == 2 or not _about_thinking(words):
                    raise
                if "signature" not in words and "block" not in words:
                    self._unthinking.add(request.model)
                elif _is_adaptive(body) and request.conversation_id not in self._altered:
                    self._altered.add(request.conversation_id)
                else:
                    self._unreadable[request.conversation_id] = request.messages[-1].seq

    async def _events(self, body: Json, where: Where) -> AsyncIterator[Json]:
        started = False
        headers = {"anthropic-beta": BINDING_BETA} if _controls_binding(body) else {}
        try:
            client = await self._connect()
            from anthropic import AsyncStream

            stream = await client.post(
                "/v1/messages",
                cast_to=object,
                body=body,
                options={"headers": headers},
                stream=True,
                stream_cls=AsyncStream[object],
            )
            try:
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

    async def _get(self, path: str) -> Any:
        try:
            client = await self._connect()
            return await client.get(path, cast_to=object, options={"timeout": 10.0})
        except Exception as error:
            known = translate(error, self._where)
            if known is None or known is error:
                raise
            raise known from error

    def _learn(self, entry: Mapping[str, Any]) -> ModelInfo:
        model = str(entry.get("id", ""))
        table = self._from_table(model)
        info = ModelInfo(
            handle=f"{PROVIDER}/{model}",
            context_window=self._settings.context_window
            or entry.get("max_input_tokens")
            or table.context_window,
            max_output=entry.get("max_tokens") or table.max_output,
            prices=table.prices,
            note="retires soon" if entry.get("lifecycle") == "deprecated" else "",
        )
        self._known[model] = info
        forms = forms_from_capabilities(entry.get("capabilities"))
        if forms is not None:
            self._forms[model] = forms
        return info

    def _from_table(self, model: str) -> ModelInfo:
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

    async def _connect(self) -> "AsyncAnthropic":
        if self._client is None:
            _need_key(self._settings)
            await asyncio.to_thread(import_module, "anthropic")
            self._client = self._client or _make_client(self._settings, self._base_url)
        return self._client


def _need_key(settings: ProviderSettings) -> None:
    given = {name.lower() for name, _ in settings.headers}
    if not settings.api_key and not given & {"authorization", "x-api-key"}:
        raise AuthError(
            "Anthropic needs a key. Set ANTHROPIC_API_KEY, or store one with: "
            "agent config set-key anthropic"
        )


def _make_client(settings: ProviderSettings, base_url: str) -> "AsyncAnthropic":
    from anthropic import AsyncAnthropic, Omit

    headers: dict[str, Any] = dict(settings.headers)
    if not settings.api_key and "authorization" not in {name.lower() for name in headers}:
        headers["Authorization"] = Omit()
    return AsyncAnthropic(
        # A key is always given: without one the SDK would look for credentials by itself.
        api_key=settings.api_key or "none",
        base_url=base_url,
        max_retries=0,
        default_headers=headers,
        http_client=make_http_client(base_url, settings.timeout_seconds),
    )


def _about_thinking(words: str) -> bool:
    return "thinking" in words or "effort" in words


_DROP_OLD_THINKING = {"block_binding": {"prefix_mismatch_behavior": "drop_block"}}


def _is_adaptive(body: Json) -> bool:
    return as_object(body.get("thinking")).get("type") == "adaptive"


def _controls_binding(body: Json) -> bool:
    return "block_binding" in as_object(body.get("thinking"))
