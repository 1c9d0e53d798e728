"""A short word in the toolbar's place that goes away by itself."""

import asyncio
import time
from collections.abc import Callable

HINT_SECONDS = 2.0


class Hints:
    def __init__(self, redraw: Callable[[], None]) -> None:
        self._redraw = redraw
        self._text = ""
        self._until = 0.0

    @property
    def text(self) -> str:
        return self._text if time.monotonic() < self._until else ""

    def say(self, text: str) -> None:
        self._text, self._until = text, time.monotonic() + HINT_SECONDS
        asyncio.get_running_loop().call_later(HINT_SECONDS + 0.05, self._redraw)
        self._redraw()

    def repeated(self, text: str) -> bool:
        """True when `text` is being shown already; shows it otherwise: for keys pressed twice."""
        if self.text == text:
            self._until = 0.0
            return True
        self.say(text)
        return False
