"""Commands on this session: help, model, mode, skills, leaving."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from letta_cli.core.counting import plural
from letta_cli.core.permission import PermissionMode
from letta_cli.core.provider import ModelInfo
from letta_cli.frontends.interactive.commands import Host
from letta_cli.frontends.interactive.key_help import key_table
from letta_cli.frontends.interactive.measures import money, tokens
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.interactive.picker import Item
from letta_cli.frontends.interactive.toolbar import MODE_NAMES
from letta_cli.frontends.sanitize import sanitize_line


async def show_help(host: Host, argument: str) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for command in host.commands:
        table.add_row(Text(f"  {command.usage}", style="accent"), Text(command.summary))
    skills = sum(skill.user_invocable for skill in host.session.skills)
    parts: list[RenderableType] = [Text("Commands", style="bold"), table]
    if skills:
        parts.append(Text(f"  and {plural(skills, 'skill')} as /name; see /skills", style="quiet"))
    host.show(Group(*parts, "", Text("Keys", style="bold"), key_table()))


async def show_skills(host: Host, argument: str) -> None:
    parts: list[RenderableType] = []
    for skill in host.session.skills:
        name = f"/{skill.name}" if skill.user_invocable else skill.name
        hint = f" {skill.argument_hint}" if skill.argument_hint else ""
        head = Text.assemble((name, "accent"), hint, (f"  {skill.source}", "quiet"))
        parts.append(Hanging(head, "  "))
        parts.append(Hanging(Text(sanitize_line(skill.description)), "    "))
    host.show(Group(*parts) if parts else Text("There are no skills here.", style="quiet"))


async def change_model(host: Host, argument: str) -> None:
    session = host.session
    handle: str | None = argument
    if not argument:
        host.quiet("asking all providers for their models")
        offers = await session.offers()
        for offer in offers:
            if offer.error:
                host.quiet(f"{offer.provider}: {offer.error}")
        infos = [info for offer in offers for info in offer.models]
        items = [Item(info.handle, info.handle, _facts(info)) for info in infos]
        if not items:
            host.complain("No provider lists a model. Name one: /model PROVIDER/MODEL")
            return
        handle = await host.choose(f"Model (now {session.model})", items)
    if handle:
        await session.set_model(handle)
        host.quiet(f"model: {session.model}")


def _facts(info: ModelInfo) -> str:
    facts: list[str] = []
    if info.context_window:
        facts.append(f"{tokens(info.context_window)} context")
    if info.prices:
        facts.append(f"{money(info.prices.input)} in, {money(info.prices.output)} out per million")
    if info.note:
        facts.append(info.note)
    return ", ".join(facts)


async def change_mode(host: Host, argument: str) -> None:
    name: str | None = argument
    if not argument:
        items = [Item(mode, mode, meaning) for mode, meaning in MODE_NAMES.items()]
        name = await host.choose(f"Permission mode (now {host.session.mode})", items)
    if not name:
        return
    mode = _mode_named(name)
    if mode is None:
        host.complain(f"There is no mode {name!r}. Modes: {', '.join(MODE_NAMES)}.")
        return
    host.set_mode(mode)
    host.quiet(f"mode: {mode} ({MODE_NAMES[mode]})")


def _mode_named(name: str) -> PermissionMode | None:
    for mode in MODE_NAMES:
        if mode.lower() == name.lower():
            return mode
    return None


async def leave(host: Host, argument: str) -> None:
    host.leave()
