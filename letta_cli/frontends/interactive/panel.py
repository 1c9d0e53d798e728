"""A panel takes the keys while it is open: an approval, a list to choose from, the key help."""

from typing import Protocol

from rich.console import RenderableType

KEYS = (
    "enter", "escape", "up", "down", "backspace", "tab", "c-c", "c-d", "c-e", "pageup", "pagedown",
)  # fmt: skip
"""The named keys a panel is told of; what can be typed comes as ``text``, and a
paste as ``paste``."""


class PanelSlot:
    """Where panels are shown: the newest one has the keys, the others wait under it."""

    def __init__(self) -> None:
        self._open: list[Panel] = []

    @property
    def current(self) -> "Panel | None":
        return self._open[-1] if self._open else None

    def open(self, panel: "Panel") -> None:
        self._open.append(panel)

    def close(self, panel: "Panel") -> None:
        """Close it, whether it is on top or not; closing twice does nothing."""
        self._open = [one for one in self._open if one is not panel]


class Panel(Protocol):
    """Draws itself, and reacts to keys until it closes itself."""

    def render(self, width: int, height: int) -> RenderableType:
        """The panel at `width` columns; should keep to `height` lines."""
        ...

    def press(self, key: str, text: str = "") -> None:
        """A key of `KEYS`, or ``text`` or ``paste`` with what was typed or pasted."""
        ...
