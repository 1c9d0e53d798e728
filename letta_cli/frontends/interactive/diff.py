"""Draws a unified diff: line numbers, signs, coloured rows, and what changed within a line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.syntax import Syntax
from rich.text import Text

from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.markdown import CODE_THEME
from letta_cli.frontends.sanitize import sanitize

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_SIMILAR = 0.5
_HIGHLIGHT_LIMIT = 400
_ADDED = Style.parse("#e8e8e8 on #16351f")
_REMOVED = Style.parse("#e8e8e8 on #3f1a1d")
_ADDED_WORD = Style.parse("on #008700")
_REMOVED_WORD = Style.parse("on #870000")
_QUIET = Style(dim=True)


@dataclass(slots=True)
class Row:
    """One line of a diff.

    Attributes:
        sign: ``+``, ``-`` or a blank; ``~`` stands between two hunks.
        changed: the parts of a line that differ from its partner, as (start, end).
    """

    sign: str
    number: int
    text: str
    changed: tuple[tuple[int, int], ...] = ()


def parse(diff: str) -> list[Row]:
    """The rows of a unified diff; file headers are left out, hunks are parted by ``~``."""
    rows: list[Row] = []
    old = new = 0
    inside = False
    for line in diff.splitlines():
        hunk = _HUNK.match(line)
        if hunk:
            if rows:
                rows.append(Row("~", 0, ""))
            old, new, inside = int(hunk[1]), int(hunk[2]), True
        elif not inside or line.startswith("\\"):
            continue
        elif line.startswith("-"):
            rows.append(Row("-", old, sanitize(line[1:], whole=True)))
            old += 1
        elif line.startswith("+"):
            rows.append(Row("+", new, sanitize(line[1:], whole=True)))
            new += 1
        else:
            rows.append(Row(" ", new, sanitize(line[1:], whole=True)))
            old, new = old + 1, new + 1
    _mark_words(rows)
    return rows


def counts(rows: list[Row]) -> tuple[int, int]:
    """How many lines were added and removed."""
    return sum(row.sign == "+" for row in rows), sum(row.sign == "-" for row in rows)


def _mark_words(rows: list[Row]) -> None:
    """Find what changed within lines where as many were put in as taken out."""
    index = 0
    while index < len(rows):
        removed = _stretch(rows, index, "-")
        added = _stretch(rows, index + len(removed), "+")
        if removed and len(removed) == len(added):
            for before, after in zip(removed, added, strict=True):
                _mark_pair(before, after)
        index += max(1, len(removed) + len(added))


def _stretch(rows: list[Row], start: int, sign: str) -> list[Row]:
    end = start
    while end < len(rows) and rows[end].sign == sign:
        end += 1
    return rows[start:end]


def _mark_pair(before: Row, after: Row) -> None:
    if max(len(before.text), len(after.text)) > 500:
        return
    matcher = SequenceMatcher(None, before.text, after.text, autojunk=False)
    if matcher.ratio() < _SIMILAR:
        return
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    before.changed = tuple((code[1], code[2]) for code in changes if code[1] < code[2])
    after.changed = tuple((code[3], code[4]) for code in changes if code[3] < code[4])


class DiffView:
    """A diff as a Rich renderable, of at most `limit` rows."""

    def __init__(self, rows: list[Row], path: str, look: Look, *, limit: int | None = None) -> None:
        self._rows = rows if limit is None else rows[:limit]
        self.hidden = len(rows) - len(self._rows)
        self._path = path
        self._look = look

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        digits = max((len(str(row.number)) for row in self._rows), default=1)
        room = max(options.max_width - digits - 3, 10)
        texts = self._highlighted()
        widest = min(room, max((cell_len(text.plain) for text in texts), default=0) + 1)
        for row, text in zip(self._rows, texts, strict=True):
            if row.sign == "~":
                yield Segment(" " * digits + f" {self._look.dots}", _QUIET)
                yield Segment.line()
                continue
            row_style = _row_style(row, self._look)
            for part, piece in enumerate(_fold(text, room)):
                number = f"{row.number:>{digits}}" if part == 0 else " " * digits
                sign = row.sign if part == 0 else " "
                yield Segment(f"{number} ", _QUIET)
                if row_style is None:
                    yield Segment(f"{sign} ")
                    yield from piece.render(console)
                else:
                    piece.pad_right(max(0, widest - cell_len(piece.plain)))
                    yield Segment(f"{sign} ", row_style)
                    yield from Segment.apply_style(piece.render(console), row_style)
                yield Segment.line()

    def _highlighted(self) -> list[Text]:
        texts = [Text(row.text, end="") for row in self._rows]
        if self._look.color and self._path and len(self._rows) <= _HIGHLIGHT_LIMIT:
            self._color_code(texts)
        for row, text in zip(self._rows, texts, strict=True):
            style = _ADDED_WORD if row.sign == "+" else _REMOVED_WORD
            for start, end in row.changed:
                text.stylize(style if self._look.color else Style(reverse=True), start, end)
        return texts

    def _color_code(self, texts: list[Text]) -> None:
        lexer = Syntax.guess_lexer(self._path)
        if lexer in ("default", "text"):
            return
        syntax = Syntax("", lexer, theme=CODE_THEME, background_color="default")
        for text in texts:
            colored = syntax.highlight(text.plain)
            if colored.plain.startswith(text.plain):
                end = len(text.plain)
                text.spans.extend(
                    span.right_crop(end) for span in colored.spans if span.start < end
                )


def _row_style(row: Row, look: Look) -> Style | None:
    if row.sign == " " or not look.color:
        return Style(bold=True) if row.sign != " " else None
    return _ADDED if row.sign == "+" else _REMOVED


def _fold(text: Text, width: int) -> Iterator[Text]:
    """`text` in pieces of at most `width` cells; at least one piece."""
    cuts: list[int] = []
    used = 0
    for index, char in enumerate(text.plain):
        cells = cell_len(char)
        if used + cells > width:
            cuts.append(index)
            used = 0
        used += cells
    for piece in text.divide(cuts) if cuts else [text]:
        piece.end = ""
        yield piece
