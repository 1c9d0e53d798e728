"""Prints finished blocks above the live region, into the terminal's own scrollback."""

from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.output import Output
from rich.console import RenderableType

from letta_cli.frontends.interactive.paint import Painter

# Synchronized output (DEC mode 2026): the terminal shows erase, print and redraw as one frame.
# Terminals that do not know the mode ignore it.
_BEGIN_FRAME = "\x1b[?2026h"
_END_FRAME = "\x1b[?2026l"


class Scrollback:
    """What is printed here is never touched again.

    While something else has the terminal (an editor), blocks wait until `resume`.
    """

    def __init__(self, painter: Painter, output: Output) -> None:
        self._painter = painter
        self._output = output
        self._app: Application[Any] | None = None
        self._waiting: list[str] = []
        self._suspended = False
        self._frame_open = False
        self._dense = False

    @property
    def columns(self) -> int:
        return self._output.get_size().columns

    @property
    def rows(self) -> int:
        return self._output.get_size().rows

    def attach(self, app: Application[Any]) -> None:
        """Print above this application from now on."""
        self._app = app
        app.after_render += self._end_frame

    def block(self, renderable: RenderableType, *, dense: bool = False) -> None:
        """Print a block with one blank line before it; none between two `dense` ones."""
        before = "" if dense and self._dense else "\n"
        self._dense = dense
        self._print(before + self._painter.ansi(renderable, self.columns))

    def line(self, renderable: RenderableType) -> None:
        """Print without a blank line before."""
        self._dense = False
        self._print(self._painter.ansi(renderable, self.columns))

    def clear_screen(self) -> None:
        """Empty the visible rows; the scrollback stays."""
        if self._app is not None:
            self._app.renderer.clear()
            # The live region must not begin in the first row, see `layout.Screen`.
            self._print("\n")

    def suspend(self) -> None:
        self._suspended = True

    def resume(self) -> None:
        self._suspended = False
        waiting, self._waiting = self._waiting, []
        for text in waiting:
            self._print(text)

    def _print(self, text: str) -> None:
        if self._suspended:
            self._waiting.append(text)
            return
        raw = text.replace("\n", "\r\n")
        app = self._app
        if app is None or not app.is_running:
            self._output.write_raw(raw)
            self._output.flush()
            return
        if not self._frame_open:
            self._frame_open = True
            self._output.write_raw(_BEGIN_FRAME)
        app.renderer.erase()
        self._output.write_raw(raw)
        self._output.flush()
        app.invalidate()

    def _end_frame(self, _app: Application[Any]) -> None:
        if self._frame_open:
            self._frame_open = False
            self._output.write_raw(_END_FRAME)
            self._output.flush()
