"""Prints what the listing commands found: aligned columns for people, JSON for machines.

Plain string formatting: Rich would cost more than the command itself.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from unicodedata import combining, east_asian_width

from letta_cli.core.clock import now
from letta_cli.core.errors import UsageError
from letta_cli.frontends.sanitize import sanitize, sanitize_line

GAP = "  "

SHORT_ID = 13
"""``conv-`` and eight characters: enough to name a conversation by."""

MOST_ROWS = 1_000_000_000
"""More than anybody has, and less than any database refuses."""


def say(line: str = "") -> None:
    """Print on stdout: as it is into a file or pipe, made safe on a terminal, for there may be a
    name or text in it that others wrote."""
    sys.stdout.write((sanitize(line) if sys.stdout.isatty() else line) + "\n")


def say_text(text: str) -> None:
    """Print a text of several lines; see `say`."""
    say(text)


def warn(line: str) -> None:
    """Print one line on stderr, made safe: it may quote a file."""
    sys.stderr.write(f"agent: {sanitize(line)}\n")


def warn_ignored(trouble: str) -> None:
    """Say that a project's settings file is left out, and why."""
    warn(f"{trouble} This file is ignored here; agent chat and agent run need it mended.")


def say_json(value: Any) -> None:
    """Print `value` as indented JSON, in ASCII: valid in every encoding and for every parser."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def width(text: str) -> int:
    """How many terminal cells `text` takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return len(text) + sum(_beyond_one(char) for char in text if char > "\x7f")


def _beyond_one(char: str) -> int:
    if combining(char):
        return -1
    return int(east_asian_width(char) in "WF")


def clip(text: str, cells: int) -> str:
    """`text` on one safe line, cut to so many cells with an ellipsis."""
    line = sanitize_line(text)
    if width(line) <= cells:
        return line
    kept, used = "", 0
    for char in line:
        step = width(char)
        if used + step > cells - 1:
            break
        kept, used = kept + char, used + step
    return kept.rstrip() + "…"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, flexible: int = -1) -> None:
    """Print rows in columns as wide as their widest cell.

    Args:
        flexible: the column that is cut when the table is wider than the terminal.
    """
    cells = [[sanitize_line(cell) for cell in row] for row in rows]
    sizes = [[width(cell) for cell in row] for row in (list(headings), *cells)]
    widths = [max(column) for column in zip(*sizes, strict=True)]
    if flexible >= 0 and sys.stdout.isatty():
        spare = shutil.get_terminal_size().columns - sum(widths) - len(GAP) * (len(widths) - 1)
        widths[flexible] = max(10, widths[flexible] + min(0, spare))
    for row, taken in zip((list(headings), *cells), sizes, strict=True):
        padded = (
            cell + " " * (room - size) if size <= room else _padded(clip(cell, room), room)
            for cell, size, room in zip(row, taken, widths, strict=True)
        )
        say(GAP.join(padded).rstrip())


def _padded(text: str, room: int) -> str:
    return text + " " * (room - width(text))


def age(moment: datetime) -> str:
    """How long ago, in one unit: ``now``, ``5 min``, ``3 h``, ``2 d``, else the date."""
    seconds = (now() - moment).total_seconds()
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    if seconds < 86_400:
        return f"{int(seconds // 3600)} h"
    if seconds < 30 * 86_400:
        return f"{int(seconds // 86_400)} d"
    return f"{moment.astimezone():%Y-%m-%d}"


def confirmed(question: str) -> bool:
    """Ask on the terminal; without one the answer is no."""
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"{sanitize(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def agree_to_delete(question: str, *, yes: bool) -> None:
    """Ask, unless the person said yes before.

    Raises:
        UsageError: the answer is no, or there is nobody to ask.
    """
    if not yes and not confirmed(question):
        raise UsageError("Nothing was deleted. To delete without a question add --yes.")


def tell_deleted(identifier: str, *, as_json: bool) -> None:
    """Say that what has this id is gone."""
    if as_json:
        say_json({"id": identifier, "deleted": True})
    else:
        say(f"Deleted {identifier}")


def at_least_one(flag: str, count: int) -> None:
    """Raises UsageError for a number of rows that would show nothing, or that no database takes."""
    if not 1 <= count <= MOST_ROWS:
        wanted = "above 0" if count < 1 else f"up to {MOST_ROWS:,}"
        raise UsageError(f"{flag}: expected a whole number {wanted}, found {count}.")


def write_out(text: str, path: str | None) -> None:
    """Write `text` into the file, or on stdout when there is none.

    Raises:
        UsageError: the file cannot be written.
    """
    if path is None:
        sys.stdout.write(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}.") from error
