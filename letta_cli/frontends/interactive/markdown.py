"""Markdown as it streams in: whole blocks come out once, only the unfinished end stays live."""

import re
from typing import Any

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, ListItem, Markdown
from rich.padding import Padding
from rich.syntax import Syntax

from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.sanitize import sanitize

CODE_THEME = "ansi_dark"
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
# A tag is text here: nothing renders HTML, and left to Markdown it would just not be shown.
_PARSER = MarkdownIt(options_update={"html": False}).enable("strikethrough").enable("table")


class _LeftHeading(Heading):
    LEVEL_ALIGN = dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "left")  # pyright: ignore[reportAssignmentType] - Rich types the values as a Literal


class _PlainCode(CodeBlock):
    """Code without a box or background: readable on any theme, and clean to copy."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip()
        yield Padding(
            Syntax(
                code,
                self.lexer_name,
                theme=self.theme,
                background_color="default",
                word_wrap=True,
            ),
            (0, 0, 0, 2),
        )


class _Item(ListItem):
    """List items with a dot after the number, at the left margin."""

    def render_bullet(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Hanging(self.elements, "- ")

    def render_number(
        self, console: Console, options: ConsoleOptions, number: int, last_number: int
    ) -> RenderResult:
        width = len(str(last_number))
        yield Hanging(self.elements, f"{number:>{width}}. ")


class Answer(Markdown):
    """A model's Markdown. Control sequences are taken out; link targets are shown in full."""

    elements = {  # noqa: RUF012 - Rich declares it as a ClassVar already
        **Markdown.elements,
        "heading_open": _LeftHeading,
        "fence": _PlainCode,
        "code_block": _PlainCode,
        "list_item_open": _Item,
    }

    def __init__(self, text: str) -> None:
        clean = sanitize(text)
        super().__init__(clean, code_theme=CODE_THEME, hyperlinks=False)
        self.parsed = _PARSER.parse(clean)


class MarkdownStream:
    """Cuts a growing text at the ends of its top-level blocks.

    A block counts as finished when the next one has begun, because only then nothing can be
    added to it any more. Parsing happens at blank lines, headings and fences only, and never
    inside a code block, so a long one costs nothing.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._scanned = 0
        self._fence: str | None = None

    @property
    def pending(self) -> str:
        """What has not been handed out yet."""
        return self._pending

    def feed(self, text: str) -> str:
        """Add `text`; return the blocks that it finished, or an empty string."""
        self._pending += text
        if "\n" not in text or not self._passes_boundary():
            return ""
        return self._cut(_start_of_last_block(self._pending))

    def finish(self) -> str:
        """There is no more text: everything that is left."""
        rest, self._pending = self._pending, ""
        self._scanned, self._fence = 0, None
        return rest if rest.strip() else ""

    def tail(self, lines: int) -> str:
        """The unfinished block, cut to what can be seen in `lines` lines."""
        if self._fence is None:
            return self._pending
        head, newline, body = self._pending.partition("\n")
        shown = body.splitlines()[-lines:]
        return head + newline + "\n".join(shown)

    def _passes_boundary(self) -> bool:
        end = self._pending.rfind("\n") + 1
        boundary = False
        for line in self._pending[self._scanned : end].splitlines():
            boundary = self._see_line(line) or boundary
        self._scanned = end
        return boundary

    def _see_line(self, line: str) -> bool:
        fence = _FENCE.match(line)
        if self._fence is not None:
            closes = fence is not None and fence[1].startswith(self._fence)
            if closes and not line[fence.end() if fence else 0 :].strip():
                self._fence = None
                return True
            return False
        if fence is not None:
            self._fence = fence[1]
            return True
        return not line.strip() or line.startswith("#")

    def _cut(self, position: int) -> str:
        finished, self._pending = self._pending[:position], self._pending[position:]
        self._scanned = max(0, self._scanned - position)
        return finished if finished.strip() else ""


def _start_of_last_block(text: str) -> int:
    starts = [token.map[0] for token in _top_level(text) if token.map]
    if len(starts) < 2:
        return 0
    lines = text.splitlines(keepends=True)
    return sum(map(len, lines[: starts[-1]]))


def _top_level(text: str) -> list[Any]:
    return [token for token in _PARSER.parse(text) if token.level == 0 and token.nesting >= 0]
