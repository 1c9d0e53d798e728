"""What is particular to each server of Chat Completions: its address, and how it tells which
models it has, how much context they get and what they cost.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from letta_cli.core.errors import ProviderError
from letta_cli.core.provider import Effort, ModelInfo, Prices
from letta_cli.providers.errors import Where
from letta_cli.providers.models import is_small, lookup
from letta_cli.providers.shapes import as_object, as_rows

Json = Mapping[str, Any]

MAX_ASKED = 60
"""Ollama is asked about each model by itself; about so many at most."""


OLLAMA_CONTEXT = 32_768
OLLAMA_SMALL_CONTEXT = 16_384
"""What we ask Ollama for when nobody set a length: enough to work in, and memory is finite."""


class ChatClient(Protocol):
    """How requests travel to a server. `OpenAIClient` and `OllamaClient` are such."""

    base_url: str

    async def warm(self) -> None: ...
    async def aclose(self) -> None: ...
    def events(self, path: str, body: dict[str, Any], where: Where) -> AsyncIterator[Json]: ...
    async def get(self, url: str, *, seconds: float = ...) -> Any: ...
    async def post(self, url: str, body: dict[str, Any], *, seconds: float = ...) -> Any: ...


def _plain_effort(effort: Effort, model: str) -> dict[str, Any]:
    del model
    return {"reasoning_effort": effort}


def _openrouter_effort(effort: Effort, model: str) -> dict[str, Any]:
    del model
    return {"reasoning": {"effort": effort}}


def _ollama_effort(effort: Effort, model: str) -> dict[str, Any]:
    """Only gpt-oss knows degrees; other models think or do not."""
    return {"think": effort if "gpt-oss" in model else True}


@dataclass(frozen=True, slots=True)
class Preset:
    """A server we know.

    Attributes:
        base_url: where it listens when nobody says otherwise; empty: must be configured.
        remote: not a server of the person's own, so its address need not be told.
        body: fields that every request to it carries.
    """

    label: str
    base_url: str
    remote: bool = False
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    effort: Callable[[Effort, str], dict[str, Any]] = _plain_effort


PRESETS: dict[str, Preset] = {
    "openai-compatible": Preset("The model server", ""),
    "ollama": Preset("Ollama", "http://127.0.0.1:11434/v1", effort=_ollama_effort),
    "lmstudio": Preset("LM Studio", "http://127.0.0.1:1234/v1"),
    "llamacpp": Preset("llama.cpp", "http://127.0.0.1:8080/v1"),
    "vllm": Preset("vLLM", "http://127.0.0.1:8000/v1"),
    "openrouter": Preset(
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        remote=True,
        body={"usage": {"include": True}},
        effort=_openrouter_effort,
    ),
}


def server_root(base_url: str) -> str:
    """The address without the version path of the OpenAI protocol."""
    return base_url.rstrip("/").removesuffix("/v1")


class Listing:
    """What one server offers, asked live and remembered for the process."""

    def __init__(self, provider: str, client: ChatClient, context_window: int | None) -> None:
        self._provider = provider
        self._client = client
        self._context_window = context_window
        self._known: dict[str, ModelInfo] = {}
        self._thinkers: set[str] = set()

    async def models(self) -> list[ModelInfo]:
        """Ask the server.

        Raises:
            ProviderError: it could not be asked.
        """
        match self._provider:
            case "ollama":
                found = await self._ollama()
            case "lmstudio":
                found = await self._lmstudio()
            case "llamacpp":
                found = await self._llamacpp()
            case _:
                found = await self._plain()
        self._known = {info.handle.partition("/")[2]: info for info in found}
        return found

    async def model_info(self, model: str) -> ModelInfo:
        """Never fails: a server that does not answer leaves the values unknown."""
        if model not in self._known:
            try:
                if self._provider == "ollama":
                    self._known[model] = await self._ollama_model(model, 0)
                else:
                    await self.models()
            except ProviderError:
                return self._info(model)
        return self._known.get(model) or self._info(model)

    async def ollama_fields(self, model: str) -> dict[str, Any]:
        """What a request to Ollama needs: the context length we count on, and no thinking where
        nobody asked for it."""
        info = await self.model_info(model)
        fields: dict[str, Any] = {}
        if info.context_window:
            fields["options"] = {"num_ctx": info.context_window}
        if model in self._thinkers:
            fields["think"] = False
        return fields

    def prices(self, model: str) -> Prices | None:
        """Dollars for a million tokens, where known."""
        info = self._known.get(model)
        return info.prices if info is not None else None

    async def _plain(self) -> list[ModelInfo]:
        """``/v1/models``, with vLLM's ``max_model_len`` and OpenRouter's context and prices."""
        answer = await self._client.get("/models")
        return [
            self._info(
                str(entry.get("id", "")),
                context=_first_int(entry, "max_model_len", "context_length", "context_window"),
                max_output=_first_int(entry.get("top_provider") or {}, "max_completion_tokens"),
                prices=_openrouter_prices(entry.get("pricing")),
            )
            for entry in _entries(answer, "data")
        ]

    async def _lmstudio(self) -> list[ModelInfo]:
        """Its own listing tells the context length; older ones have only the plain one."""
        try:
            answer = await self._client.get(server_root(self._client.base_url) + "/api/v0/models")
        except ProviderError:
            return await self._plain()
        return [
            self._info(
                str(entry.get("id", "")),
                context=_first_int(entry, "loaded_context_length", "max_context_length"),
                note="" if entry.get("state") == "loaded" else "not loaded",
            )
            for entry in _entries(answer, "data")
            if entry.get("type") != "embeddings"
        ]

    async def _llamacpp(self) -> list[ModelInfo]:
        """One server, one model: its context length stands in ``/props``."""
        plain, props = await asyncio.gather(
            self._client.get("/models"),
            self._client.get(server_root(self._client.base_url) + "/props"),
            return_exceptions=True,
        )
        if isinstance(plain, BaseException):
            raise plain
        settings: Json = {} if isinstance(props, BaseException) else props
        generation: Json = settings.get("default_generation_settings") or {}
        context = _first_int(generation, "n_ctx") or _first_int(settings, "n_ctx")
        return [
            self._info(
                str(entry.get("id", "")),
                context=context or _first_int(entry.get("meta") or {}, "n_ctx", "n_ctx_train"),
                parameters=_first_int(entry.get("meta") or {}, "n_params"),
            )
            for entry in _entries(plain, "data")
        ]

    async def _ollama(self) -> list[ModelInfo]:
        answer = await self._client.get(server_root(self._client.base_url) + "/api/tags")
        names = [
            (str(entry.get("name") or entry.get("model")), _billions(entry.get("details")))
            for entry in _entries(answer, "models")
        ]
        asked = await asyncio.gather(
            *(self._ollama_model(name, size) for name, size in names[:MAX_ASKED]),
            return_exceptions=True,
        )
        found = [info for info in asked if isinstance(info, ModelInfo)]
        missing = {info.handle for info in found}
        found += [
            self._info(name, parameters=int(size * 1e9))
            for name, size in names
            if f"ollama/{name}" not in missing
        ]
        return found

    async def _ollama_model(self, name: str, billions: float) -> ModelInfo:
        root = server_root(self._client.base_url)
        shown, loaded = await asyncio.gather(
            self._client.post(root + "/api/show", {"model": name}),
            self._client.get(root + "/api/ps"),
            return_exceptions=True,
        )
        if isinstance(shown, BaseException):
            raise shown
        facts = as_object(shown.get("model_info"))
        longest = next(
            (int(value) for key, value in facts.items() if key.endswith(".context_length")), None
        )
        parameters = _first_int(facts, "general.parameter_count") or int(
            (billions or _billions(shown.get("details"))) * 1e9
        )
        small = is_small(name, parameters / 1e9 if parameters else None)
        wanted = min(longest or OLLAMA_CONTEXT, OLLAMA_SMALL_CONTEXT if small else OLLAMA_CONTEXT)
        running = None if isinstance(loaded, BaseException) else _loaded_context(loaded, name)
        served = _num_ctx(str(shown.get("parameters") or "")) or max(wanted, running or 0)
        capabilities: list[str] = shown.get("capabilities") or ["tools"]
        if "thinking" in capabilities:
            self._thinkers.add(name)
        return self._info(
            name,
            context=served,
            parameters=parameters,
            note="" if "tools" in capabilities else "says it cannot call tools",
        )

    def _info(
        self,
        model: str,
        *,
        context: int | None = None,
        max_output: int | None = None,
        prices: Prices | None = None,
        parameters: int | None = None,
        note: str = "",
    ) -> ModelInfo:
        known = lookup(model) if self._provider in ("openai-compatible", "openrouter") else None
        return ModelInfo(
            handle=f"{self._provider}/{model}",
            context_window=self._context_window
            or context
            or (known.context_window if known else None),
            max_output=max_output,
            prices=prices,
            small=is_small(model, parameters / 1e9 if parameters else None),
            note=note,
        )


def _entries(answer: Any, key: str) -> list[Json]:
    rows: object = as_object(answer).get(key)
    return as_rows(answer if rows is None else rows)


def _first_int(facts: Json, *keys: str) -> int | None:
    for key in keys:
        value = facts.get(key)
        if isinstance(value, int | float) and value > 0:
            return int(value)
    return None


def _billions(details: Any) -> float:
    """``{"parameter_size": "7.6B"}`` as 7.6; 0 where it is not told."""
    text = str(as_object(details).get("parameter_size") or "").strip().upper()
    try:
        number = float(text.rstrip("BM"))
    except ValueError:
        return 0.0
    return number / 1000 if text.endswith("M") else number


def _loaded_context(answer: Any, name: str) -> int | None:
    for entry in _entries(answer, "models"):
        if name in (entry.get("name"), entry.get("model")):
            return _first_int(entry, "context_length")
    return None


def _num_ctx(parameters: str) -> int | None:
    """The context length that a Modelfile sets."""
    for line in parameters.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "num_ctx" and words[1].isdigit():
            return int(words[1])
    return None


def _openrouter_prices(pricing: Any) -> Prices | None:
    """OpenRouter names dollars for one token, as text; variable prices are negative."""
    fields = as_object(pricing)

    def million(key: str) -> float:
        try:
            return float(fields.get(key) or 0) * 1_000_000
        except ValueError:
            return 0.0

    prices = Prices(
        million("prompt"),
        million("completion"),
        million("input_cache_read"),
        million("input_cache_write"),
    )
    return prices if "prompt" in fields and min(prices.input, prices.output) >= 0 else None
