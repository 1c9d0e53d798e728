"""Makes text from models, tools and files safe to put on a terminal.

Such text may carry escape sequences that move the cursor, set the title, write the clipboard or
hide what a command really does. `sanitize` removes every sequence and shows what is left of
control characters, and of characters that reorder a line, as visible signs.
"""

import re
from typing import TextIO

_SEQUENCES = re.compile(
    r"""
      (?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?              # CSI … final byte (or cut off)
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])        # OSC, DCS, SOS, PM, APC …
      [^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\|\x9c)? # … up to their terminator, or cut off
    | \x1b[ -/]*[0-~]?                               # two-character sequences
    """,
    re.VERBOSE,
)

# U+202A-E, U+2066-9, U+200E-F and U+061C reorder what is read; U+2028-9 break lines for some.
_REORDERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

# Not seen at all: they hide text, or make two names look like one. Joiners that scripts and emoji
# need (U+200C, U+200D) stay.
_UNSEEN = "\u200b\u2060\u2061\u2062\u2063\u2064\u180e\u115f\u1160\u3164\uffa0\ufeff\u034f"

_VISIBLE: dict[int, str | None] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    **dict.fromkeys((*range(0x80, 0xA0), *range(0xD800, 0xE000)), "\ufffd"),
    **{ord(char): "\ufffd" for char in _REORDERING + _UNSEEN},
    **dict.fromkeys(range(0xE0000, 0xE0080), "\ufffd"),
    0xAD: None,
    0x7F: "\u2421",
    0x2028: "\n",
    0x2029: "\n",
}

_TAB_STOP = 4


def sanitize(text: str, *, overwriting: bool = False, whole: bool = False) -> str:
    """Return `text` with nothing in it that a terminal would obey; newlines stay, tabs widen.

    Args:
        overwriting: carriage returns are treated as a terminal shows them, for progress of
            programs: only the last state of each line stays. Anywhere else that would hide what
            stands before them, so they are shown.
        whole: nothing is taken out, for what a person decides on: a sequence that never ends would
            hide the command that stands in it.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    if not whole:
        text = _SEQUENCES.sub("", text)
    if overwriting and "\r" in text:
        text = "\n".join(_last_state(line) for line in text.split("\n"))
    return text.translate(_VISIBLE).expandtabs(_TAB_STOP)


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def sanitize_line(text: str) -> str:
    """The whole text on one line: newlines and runs of spaces become one space."""
    return " ".join(sanitize(text, whole=True).split())


def write_text(stream: TextIO, text: str) -> None:
    """Write to a stream that may not know every character; those become ``?``."""
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text)
    except UnicodeEncodeError:
        stream.write(text.encode(encoding, errors="replace").decode(encoding))
