"""Large pasted texts stand in the input line as one short mark and are put back when sent."""

import re

MIN_LINES = 10
MIN_CHARACTERS = 1_500
RECALLED_LINES = 200
RECALLED_CHARACTERS = 20_000
_MARK = re.compile(r"\[Pasted text #(\d+)[^\]\n]*\]")


class Chips:
    def __init__(self) -> None:
        self._texts: list[str] = []

    def take(self, text: str) -> str:
        """What to insert for a paste: the text itself, or a mark for a large one."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = _lines(text)
        if lines < MIN_LINES and len(text) < MIN_CHARACTERS:
            return text
        if text not in self._texts:
            self._texts.append(text)
        size = f"{lines} lines" if lines > 1 else f"{len(text):,} characters"
        return f"[Pasted text #{self._texts.index(text) + 1}, {size}]"

    def recall(self, text: str) -> str:
        """How an earlier message comes back: what nobody would edit by hand as a mark."""
        if _lines(text) < RECALLED_LINES and len(text) < RECALLED_CHARACTERS:
            return text
        return self.take(text)

    def expand(self, text: str) -> str:
        """`text` with every known mark replaced by what was pasted."""
        return _MARK.sub(self._original, text)

    def _original(self, mark: re.Match[str]) -> str:
        number = int(mark[1])
        return self._texts[number - 1] if 1 <= number <= len(self._texts) else mark[0]


def _lines(text: str) -> int:
    return text.count("\n") + (not text.endswith("\n"))
