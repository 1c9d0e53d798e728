"""`agent models`: what every configured provider offers now; fetching the embedded model."""

import asyncio
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.embedded import describe, fetch, runtime_missing
from letta_cli.cli.event_loop import run_async
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.output import confirmed, say, say_json, table, warn
from letta_cli.config import Config, load_config
from letta_cli.config.schema import check_provider
from letta_cli.core.errors import AgentError, UsageError
from letta_cli.core.provider import ModelInfo, ProviderSettings
from letta_cli.providers import detect, load
from letta_cli.providers.local.manifest import (
    DEFAULT,
    EMBEDDING,
    EMBEDDING_NAME,
    EMBEDDING_TOKENIZER,
)
from letta_cli.providers.local.pull import installed

app = new_app("List models; fetch the embedded one.")

PATIENCE_SECONDS = 20.0

FILES = {DEFAULT.name: (DEFAULT,), EMBEDDING_NAME: (EMBEDDING, EMBEDDING_TOKENIZER)}
"""What can be fetched, by name."""

USES = {
    DEFAULT.name: f"agent chat -m local/{DEFAULT.name}",
    EMBEDDING_NAME: "agent search WORDS finds by meaning, too; agent db index prepares it",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """What one provider answered: its models, or why there are none."""

    provider: str
    models: tuple[ModelInfo, ...] = ()
    error: str = ""


@app.command("list", cls=LightCommand)
def list_models(
    provider: Annotated[
        str | None, typer.Argument(metavar="PROVIDER", help="Only this provider.")
    ] = None,
    as_json: options.Json = False,
    directory: options.Directory = None,
) -> int:
    """List what providers, and servers on this computer, offer now.

    Every configured provider is asked. Context is in tokens; prices in US dollars for a million
    tokens, where known.
    """
    if provider is not None:
        check_provider(provider)
    return run_async(_list(load_config(cwd=working_directory(directory)), provider, as_json))


@app.command("pull", cls=LightCommand)
def pull_model(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=f"{DEFAULT.name} or {EMBEDDING_NAME}.")
    ] = DEFAULT.name,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="PATH", help="Take the weights from this file."),
    ] = None,
    yes: options.Yes = False,
) -> None:
    """Fetch a model that runs on this computer, to talk or to search."""
    files = FILES.get(name)
    if files is None:
        raise UsageError(f"There is no model {name!r} to fetch. Known: {', '.join(FILES)}.")
    config = load_config(cwd=working_directory(None), secrets=False)
    folder = Path(config.provider("local").cache_dir)
    use = USES[name]
    if all(installed(file, folder) is not None for file in files):
        say(f"{files[0].title} is here already: {use}")
        return
    if source is not None and len(files) > 1:
        raise UsageError(f"{name} is made of {len(files)} files; leave out --from.")
    agreed = yes or config.local_model_consent or source is not None
    if not agreed and not confirmed(f"Fetch {describe(files[0])}?"):
        raise UsageError(f"Nothing was fetched. {describe(files[0])}. To agree add --yes.")
    fetch(config, files, source=Path(source).expanduser() if source else None)
    say(f"Ready: {use}")


async def _list(config: Config, only: str | None, as_json: bool) -> int:
    asked = await servers_to_ask(config)
    if only is not None:
        asked = {only: asked.get(only) or config.provider(only)}
    offers = await asyncio.gather(*(ask(name, settings) for name, settings in asked.items()))
    if as_json:
        say_json(
            {
                offer.provider: {
                    "models": [_facts(model) for model in offer.models],
                    "error": offer.error or None,
                }
                for offer in offers
            }
        )
    else:
        _print(list(offers), current=config.model)
    failed = [offer for offer in offers if offer.error]
    return 1 if failed and len(failed) == len(offers) else 0


async def servers_to_ask(config: Config) -> dict[str, ProviderSettings]:
    """The providers with a key or an address, those found on loopback, and the embedded one."""
    asked = {
        name: settings
        for name, settings in config.providers.items()
        if settings.api_key or settings.base_url or name == "scripted"
    }
    for server in await detect():
        if server.provider not in asked:
            plain = config.provider(server.provider)
            # Found by chance and not configured by the person: it is never sent a key.
            asked[server.provider] = replace(plain, base_url=server.base_url, api_key=None)
    if not runtime_missing():
        asked["local"] = config.provider("local")
    return asked


async def ask(name: str, settings: ProviderSettings) -> Offer:
    """What this provider offers; a failure is part of the answer."""
    try:
        provider = load(name, settings)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return Offer(name, tuple(await provider.models()))
    except AgentError as error:
        return Offer(name, error=str(error))
    except TimeoutError:
        return Offer(name, error=f"no answer within {PATIENCE_SECONDS:.0f} s")


def _print(offers: list[Offer], *, current: str) -> None:
    rows = [
        (
            "*" if model.handle == current else "",
            model.handle,
            f"{model.context_window:,}" if model.context_window else "?",
            f"{model.prices.input:g}" if model.prices else "?",
            f"{model.prices.output:g}" if model.prices else "?",
            ", ".join(part for part in ("small" if model.small else "", model.note) if part),
        )
        for offer in offers
        for model in offer.models
    ]
    if rows:
        table(("", "MODEL", "CONTEXT", "$ IN", "$ OUT", "NOTE"), rows, flexible=5)
    for offer in offers:
        if offer.error:
            warn(f"{offer.provider}: {offer.error}")
    if not offers:
        sys.stderr.write("No provider is configured and no server was found.\n")
        sys.stderr.write("Store a key: agent config set-key anthropic\n")


def _facts(model: ModelInfo) -> dict[str, Any]:
    prices = model.prices
    return {
        "handle": model.handle,
        "context_window": model.context_window,
        "max_output": model.max_output,
        "small": model.small,
        "note": model.note,
        "prices_usd_per_million": None
        if prices is None
        else {
            "input": prices.input,
            "output": prices.output,
            "cache_read": prices.cache_read,
            "cache_write": prices.cache_write,
        },
    }
