"""Models that turn texts into vectors. The one door is `load_embedder`."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

from letta_cli.core.embedding import Embedder
from letta_cli.core.errors import ConfigError
from letta_cli.core.provider import ProviderSettings
from letta_cli.providers.local.manifest import (
    EMBEDDING,
    EMBEDDING_NAME,
    EMBEDDING_TOKENIZER,
    installed,
)

__all__ = ["LOCAL", "choose_embedder", "load_embedder", "runtime_missing", "weights_missing"]

LOCAL = f"local/{EMBEDDING_NAME}"
"""The handle of the model that runs on this computer."""

_PACKAGES = ("onnxruntime", "tokenizers", "numpy")


def runtime_missing() -> bool:
    """Whether the extra that runs the local model is not installed. Imports nothing."""
    return any(importlib.util.find_spec(name) is None for name in _PACKAGES)


def weights_missing(folder: Path) -> bool:
    """Whether the local model was not fetched into `folder` yet."""
    return any(installed(file, folder) is None for file in (EMBEDDING, EMBEDDING_TOKENIZER))


def load_embedder(handle: str, settings: ProviderSettings) -> Embedder:
    """The embedding model `handle`. Cheap: an SDK or weights are loaded by its first use.

    Raises:
        ConfigError: there is no such model, or something of it is not installed.
    """
    provider, _, model = handle.partition("/")
    if provider != "local":
        from letta_cli.providers.embedding.endpoint import EndpointEmbedder

        return EndpointEmbedder(provider, model, settings)
    if handle != LOCAL:
        raise ConfigError(f"There is no embedding model {handle!r} here. The local one is {LOCAL}.")
    if runtime_missing():
        raise ConfigError(
            f"{LOCAL} needs its runtime. Install it with: pip install 'letta-cli[semantic]'"
        )
    folder = Path(settings.cache_dir)
    if weights_missing(folder):
        raise ConfigError(f"{LOCAL} is not here yet. Fetch it: agent models pull {EMBEDDING_NAME}")
    from letta_cli.providers.embedding.minilm import MiniLM

    return MiniLM(folder)


def choose_embedder(handle: str, settings_of: Callable[[str], ProviderSettings]) -> Embedder | None:
    """The model that settings ask for; None when they want none, or name none and there is none.

    Raises:
        ConfigError: they name one that cannot be used.
    """
    if handle == "off":
        return None
    if not handle:
        settings = settings_of("local")
        if runtime_missing() or weights_missing(Path(settings.cache_dir)):
            return None
        return load_embedder(LOCAL, settings)
    return load_embedder(handle, settings_of(handle.partition("/")[0]))
