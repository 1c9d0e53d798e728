"""What of an entry is embedded: as much as a small model reads, of what tells most."""

import re

CHARACTERS = 500

_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@", re.MULTILINE)
_FILE = re.compile(r"^\+\+\+ (?:b/)?(\S+)", re.MULTILINE)
_ADDED_LEAST, _ADDED_SHARE = 3, 1 / 3
_JOINT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


def embedded_text(text: str) -> str:
    """The beginning of a text, its names in words: ``fooBar`` and ``foo_bar`` as "foo bar".

    Of a diff, the files and the changed lines: what git prints around them says nothing of what
    was done, and takes the room.
    """
    lines = text.splitlines()
    if _is_diff(text, lines):
        changed = [
            line[1:].strip()
            for line in lines
            if line.startswith(("+", "-")) and not line.startswith(("+++", "---"))
        ]
        text = "\n".join([*_FILE.findall(text), *filter(None, changed)])
    # Twice the length will do: splitting only adds.
    return _JOINT.sub(" ", text[: 2 * CHARACTERS])[:CHARACTERS]


def _is_diff(text: str, lines: list[str]) -> bool:
    """Also in the middle of one. Lines that begin with a minus alone may be a list."""
    added = sum(line.startswith("+") for line in lines)
    return _HUNK.search(text) is not None or added >= max(_ADDED_LEAST, len(lines) * _ADDED_SHARE)
