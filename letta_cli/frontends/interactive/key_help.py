"""The keys, on one panel; any key closes it."""

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from letta_cli.frontends.interactive.look import Look

KEY_HELP = (
    ("enter", "send; during a run: tell the model before its next step"),
    ("\\ enter, ctrl+j, alt+enter", "new line"),
    ("esc or ctrl+c", "interrupt, keeping what was done; ctrl+c twice quits"),
    ("shift+tab", "next permission mode"),
    ("up, down, ctrl+r", "earlier messages, search in them"),
    ("@name", "a file of this directory; it is read and goes with the message"),
    ("!command", "run it yourself, here; the model reads of it with your next message"),
    ("/name", "a command or a skill; /help lists them"),
    ("ctrl+o", "the last tool output in full"),
    ("ctrl+g", "write the message in your editor"),
    ("ctrl+l", "draw the screen again"),
    ("esc esc", "put the text aside, up brings it back; without text: go back to a turn"),
    ("ctrl+d", "quit"),
)


class KeyHelp:
    def __init__(self, look: Look, closed: Callable[[str], None]) -> None:
        self._look = look
        self._closed = closed

    def render(self, width: int, height: int) -> RenderableType:
        rule = Rule("Keys", style="accent", align="left", characters=self._look.rule)
        return Group("", rule, key_table(), Text("  any key closes this", style="quiet"))

    def press(self, key: str, text: str = "") -> None:
        """`closed` gets what was typed, so that it is not lost; a second ``?`` only closes."""
        self._closed("" if text == "?" else text)


def key_table() -> Table:
    """The keys and what they do."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for keys, meaning in KEY_HELP:
        table.add_row(Text(f"  {keys}", style="accent"), Text(meaning))
    return table
