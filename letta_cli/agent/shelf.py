"""The skills that an open session can use, looked for again when there are others on disk."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from letta_cli.core.skill import Skill

Stamp = tuple[int, ...]


def _nothing_new() -> Sequence[Skill]:
    return ()


class Shelf:
    """What `find` finds, kept until a folder of skills or a SKILL.md was written.

    Args:
        skills: those known to begin with.
        find: looks for all of them.
        places: the folders that skills lie in, whether they are there or not.
    """

    def __init__(
        self,
        skills: Sequence[Skill] = (),
        find: Callable[[], Sequence[Skill]] = _nothing_new,
        places: Sequence[Path] = (),
    ) -> None:
        self.skills = tuple(skills)
        self._at_first = frozenset(skill.name for skill in skills)
        self._find = find
        self._places = tuple(places)
        self._stamp = self._look()

    @property
    def added(self) -> tuple[Skill, ...]:
        """Those that were not there at first."""
        return tuple(skill for skill in self.skills if skill.name not in self._at_first)

    def refresh(self) -> None:
        """Look again if something changed. A few calls of `stat` when nothing did."""
        if self._places and self._look() != self._stamp:
            self.skills = tuple(self._find())
            self._stamp = self._look()

    def _look(self) -> Stamp:
        paths = (*self._places, *(skill.path for skill in self.skills))
        return tuple(_written(path) for path in paths)


def _written(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116
    except OSError:
        return 0
