"""How a tool call and its outcome look: a bullet and a title, the outcome under an elbow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from letta_cli.core.counting import plural
from letta_cli.core.message import ReturnStatus, ToolReturn
from letta_cli.frontends.interactive import diff
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.measures import duration
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.sanitize import sanitize, sanitize_line

TEXT_LINES = 5
DIFF_LINES = 40
EXPANDED_LINES = 2_000
_TITLE_LENGTH = 300
_SLOW_SECONDS = 10.0
_QUIET_TOOLS = {"memory_insert", "memory_replace", "memory_rethink", "memory"}
_NEEDS_A_BLOCK = {"diff", "todos", "exit_code"}

_BULLET_STYLE: dict[ReturnStatus, str] = {
    "ok": "ok",
    "error": "bad",
    "denied": "warn",
    "cancelled": "quiet",
    "unknown": "warn",
}


@dataclass(frozen=True, slots=True)
class ToolBlock:
    """Attributes:
    hidden: lines that were left out, and that Ctrl+O shows.
    one_line: needs no blank line between itself and another one.
    """

    body: RenderableType
    hidden: int
    one_line: bool = False


def is_quiet(result: ToolReturn) -> bool:
    """A change of memory that succeeded: it is told by its own line."""
    return result.name in _QUIET_TOOLS and result.status == "ok"


def title_text(title: str) -> Text:
    """``Tool(argument)`` with the name in bold."""
    line = sanitize_line(title)
    if len(line) > _TITLE_LENGTH:
        line = line[: _TITLE_LENGTH - 1] + "…"
    name, parenthesis, rest = line.partition("(")
    return Text.assemble((name, "bold"), parenthesis + rest)


def tool_block(
    title: str, result: ToolReturn, seconds: float, look: Look, *, expanded: bool = False
) -> ToolBlock:
    """The finished call as it goes into the scrollback."""
    style = _BULLET_STYLE[result.status]
    if not expanded and (summary := _summary(result)):
        line = Hanging(_summary_text(summary), f"{look.bullet} ", style)
        return ToolBlock(line, result.content.count("\n") + 1, one_line=True)
    head = Hanging(title_text(title), f"{look.bullet} ", style)
    body, hidden = outcome(result, seconds, look, expanded=expanded)
    return ToolBlock(Group(head, Hanging(body, f"  {look.elbow}  ", "quiet")), hidden)


def _summary(result: ToolReturn) -> str:
    """What was looked at, in one line: enough for a call that only read something."""
    display: Mapping[str, Any] = result.display or {}
    title = display.get("title")
    if result.status != "ok" or not isinstance(title, str) or display.keys() & _NEEDS_A_BLOCK:
        return ""
    return title


def _summary_text(summary: str) -> Text:
    name, blank, rest = sanitize_line(summary).partition(" ")
    return Text.assemble((name, "bold"), blank + rest[:_TITLE_LENGTH])


def outcome(
    result: ToolReturn, seconds: float, look: Look, *, expanded: bool = False
) -> tuple[RenderableType, int]:
    """What stands under the elbow, and how many lines of it are hidden."""
    display: Mapping[str, Any] = result.display or {}
    todos = display.get("todos")
    if result.status == "ok" and isinstance(todos, list):
        return todo_list(todos, look), 0  # pyright: ignore[reportUnknownArgumentType] - JSON
    diff_text = display.get("diff")
    if result.status == "ok" and isinstance(diff_text, str) and diff_text:
        return _diff_part(diff_text, str(display.get("path", "")), look, expanded=expanded)
    return _text_part(result, display, seconds, look, expanded=expanded)


def todo_list(todos: Sequence[Mapping[str, str]], look: Look) -> RenderableType:
    """The list with what is done struck off and what is being done in bold."""
    lines: list[Text] = []
    for todo in todos:
        content = sanitize_line(str(todo.get("content", "")))
        match todo.get("status"):
            case "completed":
                lines.append(Text.assemble((f"{look.todo_done} ", "ok"), (content, "dim strike")))
            case "in_progress":
                lines.append(Text.assemble((f"{look.todo_open} ", "accent"), (content, "bold")))
            case _:
                lines.append(Text(f"{look.todo_open} {content}"))
    return Group(*lines) if lines else Text("(empty list)", style="quiet")


def _diff_part(text: str, path: str, look: Look, *, expanded: bool) -> tuple[RenderableType, int]:
    rows = diff.parse(text)
    added, removed = diff.counts(rows)
    view = diff.DiffView(rows, path, look, limit=EXPANDED_LINES if expanded else DIFF_LINES)
    head = Text.assemble((f"+{added}", "ok"), " ", (f"-{removed}", "bad"))
    parts: list[RenderableType] = [head, view]
    if view.hidden:
        parts.append(more_line(view.hidden, look, expanded=expanded))
    return Group(*parts), view.hidden


def _text_part(
    result: ToolReturn, display: Mapping[str, Any], seconds: float, look: Look, *, expanded: bool
) -> tuple[RenderableType, int]:
    shown = display.get("text")
    text = sanitize(shown if isinstance(shown, str) else result.content).strip("\n")
    lines = [line.rstrip() for line in text.split("\n")] if text.strip() else []
    limit = EXPANDED_LINES if expanded else TEXT_LINES
    # The end of a command's output says how it went; of anything else the beginning.
    from_end = result.name == "Bash"
    hidden = max(0, len(lines) - limit)
    kept = (lines[-limit:] if from_end else lines[:limit]) if hidden else lines
    style = {"error": "bad", "denied": "warn", "unknown": "warn", "cancelled": "quiet"}.get(
        result.status, "default"
    )
    parts: list[RenderableType] = []
    if kept:
        parts.append(Text("\n".join(kept), style=style))
    if hidden:
        parts.insert(0 if from_end else 1, more_line(hidden, look, expanded=expanded))
    note = _note(display, seconds, empty=not lines)
    if note:
        parts.append(Text(note, style="quiet"))
    return Group(*parts), hidden


def _note(display: Mapping[str, Any], seconds: float, *, empty: bool) -> str:
    notes: list[str] = []
    code = display.get("exit_code")
    if isinstance(code, int) and code != 0:
        notes.append(f"exit code {code}")
    elif empty:
        notes.append("(no output)")
    if seconds >= _SLOW_SECONDS:
        notes.append(duration(seconds))
    return ", ".join(notes)


def more_line(hidden: int, look: Look, *, expanded: bool = False) -> Text:
    """``… +12 lines (ctrl+o to expand)``."""
    hint = "" if expanded else " (ctrl+o to expand)"
    return Text(f"{look.dots} +{plural(hidden, 'line')}{hint}", style="quiet")
