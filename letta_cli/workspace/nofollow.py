"""Opens canonical paths without following a link anywhere in them.

What was judged is a path without links. Between the judgement and the opening somebody may put a
link into the place of one of its folders; then these functions fail instead of going elsewhere."""

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

_ANY: int = getattr(os, "O_NOFOLLOW_ANY", 0)
"""macOS refuses a link in any component by one flag; elsewhere each folder is opened in turn."""

_STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_file(path: Path, flags: int, folder: int | None = None) -> int:
    """A descriptor of the file at the canonical `path`.

    Args:
        flags: as for ``os.open``.
        folder: a descriptor of the parent folder, where that is open already.

    Raises:
        OSError: as ``os.open``; ELOOP for a link anywhere in the path.
    """
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    if folder is not None:
        return os.open(path.name, flags, dir_fd=folder)
    if _ANY:
        return os.open(path, flags | _ANY)
    if path == path.parent:
        return os.open(path, flags)
    with open_folder(path.parent) as parent:
        return os.open(path.name, flags, dir_fd=parent)


@contextmanager
def open_folder(path: Path, *, create: bool = False) -> Generator[int]:
    """A descriptor to reach what is in the folder at the canonical `path`.

    Args:
        create: make what is missing of it.

    Raises:
        OSError: as ``os.open``; ELOOP for a link anywhere in the path.
    """
    handle = os.open(path.anchor, _STEP)
    try:
        for part in path.parts[1:]:
            following = _enter(handle, part, create=create)
            os.close(handle)
            handle = following
        yield handle
    finally:
        os.close(handle)


def _enter(folder: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, _STEP, dir_fd=folder)
    except FileNotFoundError:
        if not create:
            raise
    except NotADirectoryError as error:
        # So the kernel calls a link that was to be a folder.
        if Path(f"/proc/self/fd/{folder}", name).is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from error
        raise
    with suppress(FileExistsError):  # Somebody else made it at the same moment.
        os.mkdir(name, dir_fd=folder)
    return os.open(name, _STEP, dir_fd=folder)


def exists(name: str, folder: int) -> bool:
    """Whether the folder has an entry of this name, a link that leads nowhere included."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
