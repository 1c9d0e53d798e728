"""From a name to a provider. The only place that knows which module serves which name.

A provider's module is imported by `load`; its SDK only by the first request, `models` or `warm`.
"""

from letta_cli.core.errors import ConfigError
from letta_cli.core.provider import Provider, ProviderSettings

KNOWN: tuple[str, ...] = (
    "anthropic",
    "openai",
    "openai-compatible",
    "ollama",
    "lmstudio",
    "llamacpp",
    "vllm",
    "openrouter",
    "local",
    "scripted",
)


def split_handle(handle: str) -> tuple[str, str]:
    """Split ``provider/model``; the model's name may contain further slashes.

    Raises:
        ConfigError: not of that form, or no such provider.
    """
    provider, slash, model = handle.strip().partition("/")
    if not slash or not provider or not model:
        raise ConfigError(
            f"{handle!r} is not a model handle. Write provider/model, for example "
            "anthropic/claude-sonnet-5-5 or ollama/qwen3:8b; `agent models` lists them."
        )
    if provider not in KNOWN:
        raise ConfigError(
            f"There is no provider {provider!r} (in {handle!r}). Known: {', '.join(KNOWN)}. "
            "Any server that speaks Chat Completions is openai-compatible/MODEL."
        )
    return provider, model


def load(name: str, settings: ProviderSettings) -> Provider:
    """Make the provider called `name`. Cheap: imports our module, not the SDK.

    Raises:
        ConfigError: no such provider, or the settings lack what it needs.
    """
    match name:
        case "anthropic":
            from letta_cli.providers.anthropic import AnthropicProvider

            return AnthropicProvider(settings)
        case "openai":
            from letta_cli.providers.openai_responses import OpenAIResponsesProvider

            return OpenAIResponsesProvider(settings)
        case "openai-compatible" | "ollama" | "lmstudio" | "llamacpp" | "vllm" | "openrouter":
            from letta_cli.providers.openai_chat import OpenAIChatProvider

            return OpenAIChatProvider(settings, name=name)
        case "local":
            from letta_cli.providers.local.provider import LocalProvider

            return LocalProvider(settings)
        case "scripted":
            from letta_cli.providers.scripted import ScriptedProvider

            return ScriptedProvider(settings)
        case _:
            raise ConfigError(f"There is no provider {name!r}. Known: {', '.join(KNOWN)}.")
