"""What is said beside the model's answers: the person's words, and the program's notices."""

import re

from rich.console import RenderableType
from rich.text import Text

from letta_cli.core.counting import plural
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.sanitize import sanitize, sanitize_line

_LINES = 12
_NOTICE = 160
_IDS = re.compile(r" \((?:conv|run|block)-[^)]*\)")


def said(text: str, look: Look) -> RenderableType:
    """The person's words; a very long message is cut, because they know what they pasted."""
    lines = sanitize(text.strip()).split("\n")
    if len(lines) > _LINES + 1:
        rest = plural(len(lines) - _LINES, "line")
        lines = [*lines[:_LINES], f"{look.dots} +{rest}"]
    return Hanging(Text("\n".join(lines), style="said"), f"{look.prompt} ", "accent")


def notice_line(text: str) -> str:
    """The first sentence of a notice, without ids: what a person needs of what a model is told."""
    first_line = _IDS.sub("", text.strip().partition("\n")[0])
    sentence = re.split(r"(?<=[.!?]) ", sanitize_line(first_line), maxsplit=1)[0]
    return sentence if len(sentence) <= _NOTICE else sentence[: _NOTICE - 1] + "…"
