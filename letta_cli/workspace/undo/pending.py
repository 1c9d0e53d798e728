"""Which commands are running, each with the tree from before it, so that none is forgotten when
its agent dies in the middle.

One file a command, held by a kernel lock for as long as its process lives: a file that can be
locked belongs to nobody any more.
"""

import json
import os
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # without kernel locks nobody can tell the living from the dead
    fcntl = None


@dataclass(frozen=True, slots=True)
class Begun:
    """A command that was begun.

    Attributes:
        before: the tree from before it, as `TreeSnapshots.take` names it.
    """

    conversation_id: str
    run_id: str
    call_id: str
    before: str


class Pending:
    """The commands that are running in one working tree, of all processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def running(self, begun: Begun) -> Generator[Callable[[], None]]:
        """Keep `begun` on the disk. Gives the function to call once what it did is written down;
        without that it stays, for the next one who looks.

        Raises:
            OSError: it could not be written.
        """
        if fcntl is None:
            yield lambda: None
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{secrets.token_hex(8)}.json"
        made = path.with_suffix(".new")
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            os.write(handle, json.dumps(asdict(begun)).encode())
            os.fsync(handle)
            made.rename(path)  # Nobody sees it before it is locked and whole.
            yield partial(path.unlink, missing_ok=True)
        finally:
            made.unlink(missing_ok=True)
            os.close(handle)

    @contextmanager
    def left(self) -> Generator[list[Begun]]:
        """Commands whose process is gone; forgotten at the end of the block, unless it raises."""
        held: list[tuple[Path, int]] = []
        found: list[Begun] = []
        try:
            for path in sorted(self._folder.glob("*.json")):
                if (handle := _taken(path)) is not None:
                    held.append((path, handle))
                    found += _read(handle)
            yield found
            for path, _ in held:
                path.unlink(missing_ok=True)
        finally:
            for _, handle in held:
                os.close(handle)


def _taken(path: Path) -> int | None:
    """The open file, when its process is gone; None while it lives."""
    if fcntl is None:
        return None
    handle = -1
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if handle >= 0:
            os.close(handle)
        return None
    return handle


def _read(handle: int) -> list[Begun]:
    """What the file says; nothing where its process died before it was written."""
    with suppress(ValueError, TypeError):
        value: dict[str, Any] = json.loads(os.pread(handle, 65_536, 0))
        return [Begun(**value)]
    return []
