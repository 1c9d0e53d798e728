"""A key that counts only when nothing is typed right after it: ``y`` is an answer, ``yes but`` is
the beginning of a sentence."""

from collections.abc import Callable

SILENCE_SECONDS = 0.3

Later = Callable[[float, Callable[[], None]], object]
"""Calls a function after some seconds, as an event loop's `call_later`."""


class LoneKey:
    """Holds one key back for `SILENCE_SECONDS`, then hands it to `alone`."""

    def __init__(self, alone: Callable[[str], None], later: Later) -> None:
        self._alone = alone
        self._later = later
        self._held = ""
        self._turn = 0

    def hold(self, key: str) -> None:
        self._held = key
        self._turn += 1
        turn = self._turn
        self._later(SILENCE_SECONDS, lambda: self._fell_silent(turn))

    def take(self) -> str:
        """The key that is held back, or nothing; it will not count any more."""
        held, self._held = self._held, ""
        return held

    def _fell_silent(self, turn: int) -> None:
        if turn == self._turn and (key := self.take()):
            self._alone(key)
