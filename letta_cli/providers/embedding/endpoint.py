"""An embedding model of a provider or a server: ``/v1/embeddings``, through the `openai` SDK."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from letta_cli.core.errors import ConfigError, ProviderError
from letta_cli.core.provider import ProviderSettings
from letta_cli.providers.embedding.quantized import quantized
from letta_cli.providers.errors import Where
from letta_cli.providers.openai_client import OpenAIClient
from letta_cli.providers.openai_responses import BASE_URL
from letta_cli.providers.servers import PRESETS

_SECONDS = 20.0


class EndpointEmbedder:
    """See `letta_cli.core.embedding.Embedder`. Not to be called from within an event loop."""

    def __init__(self, provider: str, model: str, settings: ProviderSettings) -> None:
        """Raises ConfigError when nothing says which model, or where its server is."""
        preset = PRESETS.get(provider)
        known = preset.base_url if preset else BASE_URL if provider == "openai" else ""
        base_url = (settings.base_url or known).rstrip("/")
        if not model or not base_url:
            raise ConfigError(
                f"{provider}/{model} is no embedding model that can be asked. Write "
                "provider/model with a provider that has /v1/embeddings, such as openai, and set "
                f"providers.{provider}.baseUrl where it has no address of its own."
            )
        label = preset.label if preset else "OpenAI"
        address = "" if base_url == known else base_url
        self.model = f"{provider}/{model}"
        self._name = model
        self._settings = settings
        self._where = Where(provider, label, address, model, settings.api_key or "")
        self._base_url = base_url

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        # A blank text is refused by some servers, and means nothing anyway.
        given = [text if text.strip() else "-" for text in texts]
        answer = asyncio.run(self._ask({"model": self._name, "input": given}))
        try:
            data = cast("list[dict[str, Any]]", answer["data"])
            made = quantized(each["embedding"] for each in data)
        except (KeyError, TypeError, ValueError) as error:
            raise ProviderError(f"{self.model} did not answer with embeddings.") from error
        if len(made) != len(texts):
            raise ProviderError(f"{self.model} answered {len(made)} of {len(texts)} embeddings.")
        return made

    async def _ask(self, body: dict[str, Any]) -> Any:
        client = OpenAIClient(self._settings, self._where, self._base_url)
        try:
            return await client.post("embeddings", body, seconds=_SECONDS)
        finally:
            await client.aclose()
