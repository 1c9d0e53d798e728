"""Looks through folders for what makes a command read something else than it says: links that lead
out, names that are taken for several. Bounded; what is too large to be looked through is not known.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_MOST = 20_000
"""Entries. That many take some 50 ms."""

_SPLIT = re.compile(r"[\s'\"\\]")
"""What ``xargs`` takes for an end, or a part, of a name."""


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


def splits_below(folder: Path) -> bool:
    """Whether a name in `folder` has blanks, quotes or backslashes.

    Raises:
        TooMany: not everything was looked at.
    """
    return any(_SPLIT.search(entry.name) for entry in _entries(folder, through_links=False))


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
