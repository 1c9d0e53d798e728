"""Renders Rich objects to text with escape codes, for the scrollback and the live region."""

import io
from collections.abc import Iterable, Iterator

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.theme import Theme

from letta_cli.frontends.interactive.look import Look

_THEME = Theme(
    {
        "quiet": "dim",
        "ok": "green",
        "bad": "red",
        "warn": "yellow",
        "accent": "cyan",
        "said": "bold",
        "markdown.h1": "bold underline",
        "markdown.h2": "bold",
        "markdown.h3": "bold",
        "markdown.h4": "bold italic",
        "markdown.code": "cyan",
        "markdown.link": "underline",
        "markdown.link_url": "dim",
        "markdown.block_quote": "dim italic",
        "markdown.item.bullet": "default",
        "markdown.item.number": "default",
        "markdown.list": "default",
        "markdown.hr": "dim",
        "markdown.table.border": "dim",
        "markdown.table.header": "bold",
    }
)

MIN_WIDTH = 20


class Painter:
    """Keeps one Rich console, so that styles are parsed once."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self._file = io.StringIO()
        self._console = Console(
            file=self._file,
            force_terminal=True,
            no_color=not look.color,
            color_system="auto" if look.color else "standard",
            theme=_THEME,
            markup=False,
            emoji=False,
            highlight=False,
            legacy_windows=False,
            width=80,
        )

    def ansi(self, renderable: RenderableType, width: int) -> str:
        """`renderable` at `width` columns as text with SGR codes, ending in a newline."""
        self._console.width = max(width, MIN_WIDTH)
        with self._console.capture() as capture:
            self._console.print(Trimmed(renderable), end="")
        text = capture.get()
        return text if not text or text.endswith("\n") else text + "\n"


class Trimmed:
    """Drops the blanks that Rich pads lines with, so that copied text has none."""

    def __init__(self, body: RenderableType) -> None:
        self._body = body

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self._body, options, pad=False):
            yield from trim(line)
            yield Segment.line()


class Hanging:
    """A body behind a sign: the sign on its first line, blanks before all others.

    Empty lines at both ends of the body are left out.
    """

    def __init__(
        self, body: RenderableType, first: str, style: str = "", *, rest: str | None = None
    ) -> None:
        self._body = body
        self._first = first
        self._style = style
        self._rest = " " * len(first) if rest is None else rest

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(options.max_width - len(self._first), MIN_WIDTH // 2)
        inner = options.update(width=width, height=None)
        lines = [list(trim(line)) for line in console.render_lines(self._body, inner, pad=False)]
        while lines and not lines[-1]:
            lines.pop()
        while lines and not lines[0]:
            lines.pop(0)
        style = console.get_style(self._style) if self._style else None
        for number, rest in enumerate(lines or [[]]):
            if number == 0:
                yield Segment(self._first, style)
            elif rest:
                yield Segment(self._rest)
            yield from rest
            yield Segment.line()


def trim(line: Iterable[Segment]) -> Iterator[Segment]:
    """The line without blanks at its end that nobody would see."""
    segments = list(line)
    while segments:
        last = segments[-1]
        if last.control or _visible_blank(last.style):
            break
        text = last.text.rstrip(" ")
        if text:
            segments[-1] = Segment(text, last.style)
            break
        segments.pop()
    yield from segments


def _visible_blank(style: Style | None) -> bool:
    if style is None:
        return False
    background = style.bgcolor is not None and not style.bgcolor.is_default
    return background or bool(style.reverse or style.underline)
