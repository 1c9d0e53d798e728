"""What can be talked to now: every provider that is configured, found here or installed, asked."""

import asyncio
import importlib.util
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from letta_cli.core.errors import AgentError
from letta_cli.core.provider import Offer, ProviderSettings
from letta_cli.providers.detection import detect
from letta_cli.providers.local.manifest import DEFAULT, installed
from letta_cli.providers.registry import load


async def all_offers(
    configured: Mapping[str, ProviderSettings],
    settings_of: Callable[[str], ProviderSettings],
    *,
    always: Collection[str] = (),
    patience_seconds: float = 5.0,
) -> list[Offer]:
    """Ask all at once; one that fails or is slow is an offer with its error.

    Args:
        configured: the providers that the settings speak of.
        settings_of: the settings of any provider, plain ones where nothing is configured.
        always: asked in any case.
    """
    asked = {name: settings_of(name) for name in always}
    for name, settings in configured.items():
        if settings.api_key or settings.base_url:
            asked[name] = settings
    for server in await detect():
        if server.provider not in asked:
            # Found by chance and not configured by the person: it is never sent a key.
            plain = settings_of(server.provider)
            asked[server.provider] = replace(plain, base_url=server.base_url, api_key=None)
    if _embedded_is_here(settings_of("local")):
        asked["local"] = settings_of("local")
    return list(
        await asyncio.gather(
            *(_ask(name, settings, patience_seconds) for name, settings in asked.items())
        )
    )


def _embedded_is_here(settings: ProviderSettings) -> bool:
    has_runtime = importlib.util.find_spec("xllamacpp") is not None
    return has_runtime and installed(DEFAULT, Path(settings.cache_dir)) is not None


async def _ask(name: str, settings: ProviderSettings, patience_seconds: float) -> Offer:
    try:
        provider = load(name, settings)
        try:
            async with asyncio.timeout(patience_seconds):
                return Offer(name, tuple(await provider.models()))
        finally:
            await provider.aclose()
    except AgentError as error:
        return Offer(name, error=str(error))
    except TimeoutError:
        return Offer(name, error=f"no answer within {patience_seconds:.0f} s")
