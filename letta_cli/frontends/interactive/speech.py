"""What the person said, as a block of the scrollback."""

from rich.console import RenderableType
from rich.text import Text

from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.measures import plural
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.sanitize import sanitize

_LINES = 12


def said(text: str, look: Look) -> RenderableType:
    """The person's words; a very long message is cut, because they know what they pasted."""
    lines = sanitize(text.strip()).split("\n")
    if len(lines) > _LINES + 1:
        rest = plural(len(lines) - _LINES, "line")
        lines = [*lines[:_LINES], f"{look.dots} +{rest}"]
    return Hanging(Text("\n".join(lines), style="said"), f"{look.prompt} ", "accent")
