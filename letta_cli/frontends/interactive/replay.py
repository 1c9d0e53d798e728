"""Shows messages that are stored already, so that one sees where a conversation stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.text import Text

from letta_cli.core.counting import plural
from letta_cli.core.message import Message, ToolCall, ToolReturn
from letta_cli.core.message import Text as TextPart
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.markdown import Answer
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.interactive.speech import notice_line, said
from letta_cli.frontends.interactive.tool_lines import is_quiet, title_text, tool_block

SHOWN_MESSAGES = 12
_ARGUMENT = 60


@dataclass(frozen=True, slots=True)
class Replayed:
    """Attributes:
    dense: needs no blank line between itself and another one.
    """

    body: RenderableType
    dense: bool = False


def replay(messages: Sequence[Message], look: Look) -> list[Replayed]:
    """The newest messages as blocks, older ones only counted."""
    told = [message for message in messages if message.role != "tool"]
    shown = told[-SHOWN_MESSAGES:]
    blocks: list[Replayed] = []
    if len(told) > len(shown):
        earlier = plural(len(told) - len(shown), "earlier message")
        line = Text(f"  {look.dots} {earlier}, all still searchable", style="quiet")
        blocks.append(Replayed(line))
    outcomes = {
        part.call_id: part
        for message in messages
        for part in message.parts
        if isinstance(part, ToolReturn)
    }
    for message in shown:
        blocks += _blocks(message, outcomes, look)
    return blocks


def _blocks(message: Message, outcomes: Mapping[str, ToolReturn], look: Look) -> list[Replayed]:
    match message.role:
        case "user":
            return [Replayed(said(message.words, look))]
        case "assistant":
            answers = [
                Replayed(Hanging(Answer(part.text), f"{look.bullet} "))
                for part in message.parts
                if isinstance(part, TextPart) and part.text.strip()
            ]
            calls = message.tool_calls
            return answers + [_call(call, outcomes.get(call.id), look) for call in calls]
        case "summary":
            return [Replayed(Text("  (what came before was summarised here)", style="quiet"))]
        case "notice":
            line = Text(notice_line(message.text), style="quiet")
            return [Replayed(Hanging(line, f"  {look.elbow}  ", "quiet"))]
        case "tool":
            return []


def _call(call: ToolCall, outcome: ToolReturn | None, look: Look) -> Replayed:
    """The call as it looked when it was run."""
    argument = next((str(value) for value in call.arguments.values()), "")
    short = argument if len(argument) <= _ARGUMENT else argument[: _ARGUMENT - 1] + "…"
    title = f"{call.name}({short})"
    if outcome is not None and not is_quiet(outcome):
        block = tool_block(title, outcome, 0.0, look)
        return Replayed(block.body, block.one_line)
    line = title_text(title)
    if outcome is None:
        line.append("  not finished", style="quiet")
    return Replayed(Hanging(line, f"{look.bullet} ", "warn" if outcome is None else "ok"), True)
