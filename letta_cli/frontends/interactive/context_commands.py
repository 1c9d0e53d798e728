"""Commands on the context window: what stands in it, and making room."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from letta_cli.agent.context import ContextPart, ContextView
from letta_cli.core.counting import plural
from letta_cli.frontends.interactive.commands import Host
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.measures import money, tokens
from letta_cli.frontends.interactive.toolbar import context_text
from letta_cli.frontends.sanitize import sanitize_line

_BAR = 50
_STYLES = {"system": "accent", "tool": "warn", "message": "ok", "news": "ok"}
_LETTERS = {"system": "s", "tool": "t", "message": "m", "news": "m"}


async def compact(host: Host, argument: str) -> None:
    await host.play(host.session.compact(argument))


async def show_context(host: Host, argument: str) -> None:
    """What the next step would be sent: a bar, a table by part, and what the session took."""
    view = await host.session.context()
    text, _ = context_text(view.tokens, view.window)
    counted = "as the provider counts" if view.measured else "estimated"
    parts: list[RenderableType] = [
        Text.assemble((f"  {text or '0 tokens'}", "bold"), (f"  {counted}", "quiet"))
    ]
    if view.window:
        parts.append(_bar(view, view.window, host.look))
    parts += [_table(view, host.look), Text(f"  {_spent(host)}", style="quiet")]
    host.show(Group(*parts))


def _bar(view: ContextView, window: int, look: Look) -> Text:
    """One cell for a fiftieth of the window; a mark where the next compaction is due."""
    bar = Text("  ")
    cells: list[tuple[str, str]] = []
    upto = 0
    for kind in ("system", "tool", "message", "news"):
        upto += sum(part.tokens for part in view.parts if part.kind == kind)
        sign = _LETTERS[kind] if look.rule == "-" else "█"
        cells += [(sign, _STYLES[kind])] * (round(_BAR * upto / window) - len(cells))
    cells = cells[:_BAR]
    cells += [("." if look.rule == "-" else "░", "quiet")] * (_BAR - len(cells))
    due = min(_BAR - 1, round(_BAR * view.threshold / window))
    cells[due] = ("|" if look.rule == "-" else "┃", "bad")
    for sign, style in cells:
        bar.append(sign, style)
    return bar


def _table(view: ContextView, look: Look) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="ellipsis", no_wrap=True)
    by_group: dict[str, list[ContextPart]] = {}
    for part in view.parts:
        by_group.setdefault(part.group, []).append(part)
    for group, parts in by_group.items():
        kind, size = parts[0].kind, sum(part.tokens for part in parts)
        sign = _LETTERS[kind] if look.rule == "-" else "█"
        name = Text.assemble("  ", (sign, _STYLES[kind]), f" {sanitize_line(group)}")
        note = plural(len(parts), "part") if len(parts) > 1 else ""
        table.add_row(name, tokens(size), _share(size, view), Text(note, style="quiet"))
    if view.free is not None:
        table.add_row(Text("    free"), tokens(view.free), _share(view.free, view))
    due = Text("    compacted beyond")
    table.add_row(due, tokens(view.threshold), _share(view.threshold, view))
    return table


def _share(size: int, view: ContextView) -> str:
    return f"{100 * size / view.window:.1f}%" if view.window else ""


def _spent(host: Host) -> str:
    usage = host.session.usage
    spent = (
        f"this session: {tokens(usage.input + usage.cache_read + usage.cache_write)} in "
        f"({tokens(usage.cache_read)} from cache), {tokens(usage.output)} out"
    )
    return spent if usage.cost_usd is None else f"{spent}, {money(usage.cost_usd)}"
