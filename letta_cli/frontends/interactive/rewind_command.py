"""``/rewind``: choose an earlier turn, then what goes back: files, the conversation, or both."""

from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from letta_cli.agent.rewind import NOT_COVERED, PastTurn
from letta_cli.core.counting import plural
from letta_cli.frontends.interactive.commands import Host
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.interactive.picker import Item
from letta_cli.frontends.sanitize import sanitize_line
from letta_cli.workspace.undo import Plan, Target


async def rewind(host: Host, argument: str) -> None:
    session = host.session
    turns = {str(turn.number): turn for turn in session.past_turns()}
    if not turns:
        host.complain("Nothing has been said here yet.")
        return
    number: str | None = argument
    if not argument:
        items = [_item(turn) for turn in reversed(turns.values())]
        number = await host.choose("Go back to before which of your words?", items)
    if number is None:
        return
    turn = turns.get(number)
    if turn is None:
        host.complain(f"There is no turn {number}; the conversation has {len(turns)}.")
        return
    plan = session.plan_rewind(turn)
    host.show(_shown(plan, session.workspace.cwd))
    what = await host.choose("What goes back?", _ways(plan))
    if what in {"files", "both"}:
        _restore(host, plan)
    if what in {"conversation", "both"}:
        before = session.conversation
        await session.rewind_thread(turn)
        host.opened()
        host.quiet(f"“{before.title or before.id}” stays as it is")


def _item(turn: PastTurn) -> Item:
    files = plural(turn.files, "file") if turn.files else ""
    return Item(str(turn.number), f"{turn.number}. {sanitize_line(turn.words)[:70]}", files)


def _ways(plan: Plan) -> list[Item]:
    ways = [Item("conversation", "the conversation, in a copy that ends before these words")]
    if count := len(plan.of("restorable")):
        ways.insert(0, Item("files", f"the files ({plural(count, 'file')})"))
        ways.insert(1, Item("both", "both"))
    return ways


def _shown(plan: Plan, cwd: Path) -> RenderableType:
    parts: list[RenderableType] = []
    for target in plan.targets:
        style = "warn" if target.state in {"changed", "lost"} else "quiet"
        parts.append(Hanging(Text(_line(target, cwd), style=style), "  "))
        parts += [
            Hanging(Text(sanitize_line(line), style="quiet"), "      ") for line in target.others
        ]
    if not parts:
        parts.append(Text("  no files to take back", style="quiet"))
    parts.append(Hanging(Text(NOT_COVERED, style="quiet"), "  "))
    return Group(*parts)


def _line(target: Target, cwd: Path) -> str:
    path = Path(target.change.path)
    name = sanitize_line(str(path.relative_to(cwd) if path.is_relative_to(cwd) else path))
    match target.state:
        case "restorable":
            return f"{'remove' if target.change.before is None else 'restore'} {name}"
        case "done":
            return f"{name} is as it was"
        case _:
            return f"leave {name}: {target.reason}"


def _restore(host: Host, plan: Plan) -> None:
    done = host.session.rewind_files(plan)
    for path, reason in done.failed:
        host.complain(f"{path} was not restored: {reason}")
    left = len(plan.of("changed", "lost"))
    rest = f", {left} left as they are" if left else ""
    host.quiet(f"{plural(len(done.changes), 'file')} restored{rest}")
