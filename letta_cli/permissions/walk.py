"""Looks through folders for what makes a command read something else than it says: links that lead
out, names that are taken for several. Bounded; what is too large to be looked through is not known.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_MOST = 50_000
"""Entries. That many take some 200 ms."""

_QUOTES = re.compile(r"['\"\\]")
_BLANKS = re.compile(r"\s+")


class TooMany(Exception):
    """There is more in a folder than is looked at before a command."""


def links_below(folder: Path) -> Iterator[Path]:
    """Where links in `folder` lead, those in folders that such links lead to included.

    Raises:
        TooMany: not everything was looked at.
    """
    for entry in _entries(folder, through_links=True):
        if entry.is_symlink():
            yield Path(os.path.realpath(entry.path))


def pieces_below(folder: Path) -> Iterator[str]:
    """What becomes of the paths in `folder` that are taken for several, because they have blanks;
    empty for one whose quotes or backslashes make that hard to tell.

    Raises:
        TooMany: not everything was looked at.
    """
    for entry in _entries(folder, through_links=False):
        if _QUOTES.search(entry.name):
            yield ""
        elif _BLANKS.search(entry.path):
            yield from _BLANKS.split(entry.path)
            yield from _BLANKS.split(os.path.relpath(entry.path, folder))


def _entries(folder: Path, *, through_links: bool) -> "Iterator[os.DirEntry[str]]":
    waiting = [os.path.realpath(folder)]
    seen = set(waiting)
    number = 0
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            number += 1
            if number > _MOST:
                raise TooMany(str(folder))
            yield entry
            if not entry.is_dir(follow_symlinks=through_links):
                continue
            real = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
            if real not in seen:
                seen.add(real)
                waiting.append(real)
