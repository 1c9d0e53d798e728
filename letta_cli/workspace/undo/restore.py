"""Takes changes of files back, but for files that somebody else has changed since.

A file is restored only where it is, byte for byte, what our last change left. Changes of one file
are a chain: where a link does not begin with what the one before left, somebody else wrote in
between, and going back behind that would take their work as well.
"""

import difflib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from letta_cli.core.change import FileChange, RecordedChange
from letta_cli.workspace.nofollow import open_file, open_folder
from letta_cli.workspace.undo.blobs import Blobs

State = Literal["restorable", "done", "changed", "lost"]
"""Can be restored; is so already; was changed by others; or its old content is gone."""

_SHOWN_LINES = 40


@dataclass(frozen=True, slots=True)
class Target:
    """One file and where it goes back to.

    Attributes:
        change: from the content that is there now (`after`) to the one that was (`before`).
        numbers: the recorded changes that are taken back.
        reason: why not, for a file that cannot be restored.
        others: what others changed since, as lines of a diff, where it can be shown.
    """

    change: FileChange
    numbers: tuple[int, ...]
    state: State
    reason: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All files of the changes to take back, by path."""

    targets: tuple[Target, ...]

    def of(self, *states: State) -> list[Target]:
        """The targets in one of these states."""
        return [target for target in self.targets if target.state in states]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restoration did.

    Attributes:
        changes: each from what was there to what is there now; a restoration can be taken back.
        numbers: the recorded changes that are undone.
        failed: path and reason, for files that could not be written; they are as they were.
    """

    changes: tuple[FileChange, ...]
    numbers: tuple[int, ...]
    failed: tuple[tuple[str, str], ...]


def plan(changes: Iterable[RecordedChange], blobs: Blobs) -> Plan:
    """What taking `changes` back would do now; reads the files, changes nothing.

    Args:
        changes: oldest first, and of each file all from one moment on.
    """
    chains: dict[str, list[RecordedChange]] = {}
    for recorded in changes:
        chains.setdefault(recorded.change.path, []).append(recorded)
    return Plan(tuple(_target(chains[path], blobs) for path in sorted(chains)))


def restore(chosen: Sequence[Target], blobs: Blobs) -> Restored:
    """Put the old contents of these targets in place, each whole or not at all."""
    made: list[FileChange] = []
    numbers: list[int] = []
    failed: list[tuple[str, str]] = []
    for target in chosen:
        if target.state == "done":
            numbers += target.numbers
            continue
        if target.state != "restorable":
            continue
        try:
            made.append(_restore(target.change, blobs))
        except OSError as error:
            failed.append((target.change.path, error.strerror or str(error)))
        else:
            numbers += target.numbers
    return Restored(tuple(made), tuple(numbers), tuple(failed))


def _target(chain: list[RecordedChange], blobs: Blobs) -> Target:
    first, last = chain[0].change, chain[-1].change
    change = FileChange(first.path, first.before, last.after, first.mode)
    numbers = tuple(recorded.number for recorded in chain)
    links = pairwise(chain)
    whole = all(one.change.after == two.change.before for one, two in links)
    current = _content(first.path)
    if isinstance(current, str):
        return Target(change, numbers, "changed", current)
    digest = None if current is None else hashlib.sha256(current).hexdigest()
    if digest == first.before:
        return Target(change, numbers, "done")
    if digest != last.after:
        reason = "was changed by others since" if current is not None else "was removed since"
        return Target(change, numbers, "changed", reason, _others(last.after, current, blobs))
    if not whole:
        reason = "others changed it between our changes"
        return Target(change, numbers, "changed", reason)
    if first.before is not None and blobs.get(first.before) is None:
        return Target(change, numbers, "lost", "its old content is not kept any more")
    return Target(change, numbers, "restorable")


def _others(ours: str | None, current: bytes | None, blobs: Blobs) -> tuple[str, ...]:
    """What others made of our version; empty when either text is not at hand."""
    known = None if ours is None else blobs.get(ours)
    if known is None or current is None:
        return ()
    old, new = (data.decode("utf-8", "replace").splitlines() for data in (known, current))
    lines = difflib.unified_diff(old, new, lineterm="", n=0)
    shown = [line for line in lines if not line.startswith(("---", "+++"))]
    return tuple(shown[:_SHOWN_LINES])


def _content(path: str) -> bytes | str | None:
    """The file's content; None where there is no file; words where it is no ordinary file."""
    try:
        handle = open_file(Path(path), os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "has a link in its path that was not there"
        return f"cannot be read: {error.strerror}"
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return "is no ordinary file any more"
        return file.read()


def _restore(change: FileChange, blobs: Blobs) -> FileChange:
    """Put one file back; returns the change that this is.

    Raises:
        OSError: it could not be written, or is not what it was a moment ago.
    """
    path = Path(change.path)
    current = _content(change.path)
    digest = hashlib.sha256(current).hexdigest() if isinstance(current, bytes) else None
    if isinstance(current, str) or digest != change.after:
        raise OSError("it was changed at this moment")
    kept = None if current is None else blobs.put(current)
    if change.before is None:
        with open_folder(path.parent) as folder:
            os.unlink(path.name, dir_fd=folder)
        return FileChange(change.path, kept, None, change.mode)
    data = blobs.get(change.before)
    if data is None:
        raise OSError("its old content is not kept any more")
    # A link that took a folder's place meanwhile must not lead what is put back elsewhere.
    with open_folder(path.parent, create=True) as folder:
        _put(path.name, folder, data, change.mode)
    return FileChange(change.path, kept, change.before, change.mode)


def _put(name: str, folder: int, data: bytes, mode: int) -> None:
    """Write a file whole; it keeps the permissions of the one that is there, or gets `mode`."""
    temporary = f".{name[:100]}.{secrets.token_hex(6)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    handle = os.open(temporary, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            with suppress(OSError):
                mode = stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
            os.fchmod(handle, mode)
            os.fsync(handle)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
