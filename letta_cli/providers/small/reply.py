"""Reads a model's one JSON object while it streams, and hands out the words of a `respond`."""

import json
import re

RESPOND = "respond"
"""The name under which a small model talks to the person instead of calling a tool."""

_NAME = re.compile(r'"name"\s*:\s*"((?:[^"\\]|\\.)*)"')
_TEXT_START = re.compile(r'"text"\s*:\s*"')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class ReplyReader:
    """Feed it what streams; it returns what is for the person's eyes by now.

    Attributes:
        raw: all that was fed.
        name: the tool's name as soon as it is known, else an empty string.
    """

    def __init__(self) -> None:
        self.raw = ""
        self.name = ""
        self._position = -1
        self._ended = False

    def feed(self, fragment: str) -> str:
        """New words of a `respond`, decoded; empty while there are none."""
        self.raw += fragment
        if not self.name and (match := _NAME.search(self.raw)):
            self.name = match[1]
        if self.name != RESPOND or self._ended:
            return ""
        if self._position < 0:
            match = _TEXT_START.search(self.raw)
            if match is None:
                return ""
            self._position = match.end()
        return self._decode()

    def _decode(self) -> str:
        """Decode from `_position` on, up to the closing quote or an escape that is not whole."""
        words: list[str] = []
        while self._position < len(self.raw):
            character = self.raw[self._position]
            if character == '"':
                self._ended = True
                break
            width, word = (1, character) if character != "\\" else self._escape()
            if width == 0:
                break
            words.append(word)
            self._position += width
        return "".join(words)

    def _escape(self) -> tuple[int, str]:
        """Width and meaning of the escape at `_position`; width 0 while it is not whole."""
        rest = self.raw[self._position : self._position + 12]
        if len(rest) < 2:
            return 0, ""
        if rest[1] != "u":
            return 2, _ESCAPES.get(rest[1], rest[1])
        width = 12 if rest[2:4].lower() in ("d8", "d9", "da", "db") else 6
        if len(rest) < width:
            return 0, ""
        try:
            return width, json.loads(f'"{rest[:width]}"')
        except ValueError:
            return 6, ""
