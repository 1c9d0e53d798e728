"""Shows the end of a conversation that is opened again, so that one sees where it stands."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from letta_cli.core.message import Message, ToolCall, ToolReturn
from letta_cli.core.message import Text as TextPart
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.markdown import Answer
from letta_cli.frontends.interactive.measures import plural
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.interactive.speech import notice_line, said
from letta_cli.frontends.interactive.tool_lines import title_text

SHOWN_MESSAGES = 12
_ARGUMENT = 60


def replay(messages: Sequence[Message], look: Look) -> list[RenderableType]:
    """The newest messages as blocks, older ones only counted."""
    told = [message for message in messages if message.role != "tool"]
    shown = told[-SHOWN_MESSAGES:]
    blocks: list[RenderableType] = []
    if len(told) > len(shown):
        earlier = plural(len(told) - len(shown), "earlier message")
        blocks.append(Text(f"  {look.dots} {earlier}, all still searchable", style="quiet"))
    outcomes = {
        part.call_id: part
        for message in messages
        for part in message.parts
        if isinstance(part, ToolReturn)
    }
    for message in shown:
        blocks += _blocks(message, outcomes, look)
    return blocks


def _blocks(message: Message, outcomes: dict[str, ToolReturn], look: Look) -> list[RenderableType]:
    match message.role:
        case "user":
            return [said(message.text, look)]
        case "assistant":
            return _assistant_blocks(message, outcomes, look)
        case "summary":
            return [Text("  (what came before was summarised here)", style="quiet")]
        case "notice":
            line = Text(notice_line(message.text), style="quiet")
            return [Hanging(line, f"  {look.elbow}  ", "quiet")]
        case "tool":
            return []


def _assistant_blocks(
    message: Message, outcomes: dict[str, ToolReturn], look: Look
) -> list[RenderableType]:
    blocks: list[RenderableType] = [
        Hanging(Answer(part.text), f"{look.bullet} ")
        for part in message.parts
        if isinstance(part, TextPart) and part.text.strip()
    ]
    calls = [_call_line(call, outcomes.get(call.id), look) for call in message.tool_calls]
    return [*blocks, Group(*calls)] if calls else blocks


def _call_line(call: ToolCall, outcome: ToolReturn | None, look: Look) -> RenderableType:
    status = outcome.status if outcome is not None else "unknown"
    style = {"ok": "ok", "error": "bad"}.get(status, "warn")
    title = (outcome.display or {}).get("title") if outcome is not None else None
    if not isinstance(title, str):
        argument = next((str(value) for value in call.arguments.values()), "")
        short = argument if len(argument) <= _ARGUMENT else argument[: _ARGUMENT - 1] + "…"
        title = f"{call.name}({short})"
    line = title_text(title)
    if status not in {"ok", "error"}:
        line.append(f"  {status}", style="quiet")
    return Hanging(line, f"{look.bullet} ", style)
