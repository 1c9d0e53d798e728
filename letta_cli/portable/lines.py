"""Reads files of JSON lines a line at a time; a broken line costs only itself."""

import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from letta_cli.core.errors import UsageError

LINE_MAX = 64 * 1024 * 1024
"""Bytes of the longest line that is read; no program writes a longer one."""


PACKED = ".zst"
"""How the name of a file ends that is compressed with Zstandard."""

UNPACKED_MAX = 16 * 1024 * 1024 * 1024
"""Bytes that are unpacked of one file at most."""


class JsonLines:
    """The objects in a file, in order; one whose name ends with `PACKED` is unpacked.

    Attributes:
        broken: how many lines so far were not a JSON object, or longer than `LINE_MAX`.
        size, modified_ns: of the file when it was opened. What is written later is left out, so
            that both stand for exactly what was read.
    """

    def __init__(self, path: Path) -> None:
        """Raises UsageError: it is no regular file, cannot be read, or not be unpacked here."""
        self.broken = 0
        self._file = open_regular(path)
        info = os.fstat(self._file.fileno())
        self.size, self.modified_ns = info.st_size, info.st_mtime_ns
        self._left = self.size
        self._torn: tuple[type[Exception], ...] = ()
        if path.name.endswith(PACKED):
            self._unpack(path)

    def _unpack(self, path: Path) -> None:
        try:
            if sys.version_info >= (3, 14):
                from compression import zstd
            else:
                from backports import zstd
        except ImportError as error:
            self._file.close()
            raise UsageError(
                f"{path}: it is compressed. To read it: pip install 'letta-cli[zstd]'"
            ) from error
        self._file = cast("BinaryIO", zstd.ZstdFile(self._file))
        self._left = UNPACKED_MAX
        self._torn = (zstd.ZstdError, EOFError)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        try:
            yield from self._entries()
        except self._torn:
            # Its end is missing or damaged; what came before it is read.
            self.broken += 1

    def _entries(self) -> Iterator[Mapping[str, Any]]:
        left = self._left
        with self._file as file:
            while left > 0 and (line := file.readline(min(left, LINE_MAX))):
                left -= len(line)
                if len(line) == LINE_MAX and not line.endswith(b"\n"):
                    left -= _skip_line(file, left)
                    self.broken += 1
                elif line.strip():
                    entry = _parsed(line)
                    if entry is None:
                        self.broken += 1
                    else:
                        yield entry


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, and nothing that could block or never end.

    Raises:
        UsageError: it is no regular file, or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path}: cannot be read: {reason}.") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UsageError(f"{path}: it is not a regular file.")
    return os.fdopen(handle, "rb")


def _skip_line(file: BinaryIO, left: int) -> int:
    skipped = 0
    while skipped < left and (piece := file.readline(min(left - skipped, LINE_MAX))):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def _parsed(line: bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
