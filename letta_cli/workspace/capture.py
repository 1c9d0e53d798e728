"""Takes in what a command prints: tells it while it comes, keeps the beginning and the end, and
writes all of it to a private file when it is long, without secrets."""

import codecs
import os
import re
import secrets
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from letta_cli.core.secret import Masker, StreamMasker

MAX_FILE = 64 * 1024 * 1024
"""Bytes of output that are written to a file; what comes after them is only counted."""

_PROGRESS_SECONDS = 0.1
_PROGRESS_CHARS = 2_000
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n|$)")


class Capture:
    """Output of one command.

    Attributes:
        overflow: the file with the whole output, or None when it was short or there was no room.
    """

    def __init__(
        self, limit: int, folder: Path, progress: Callable[[str], None], masker: Masker
    ) -> None:
        self._limit = max(limit, 200)
        self._folder = folder
        self._progress = progress
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._told = 0.0
        self._head = b""
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._size = 0
        self._masker = StreamMasker(masker)
        self._file_decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._file: BinaryIO | None = None
        self.overflow: Path | None = None

    def add(self, data: bytes) -> None:
        """Take in the next piece. Never fails: the command must be able to go on printing."""
        before = self._size
        self._size += len(data)
        if self._size <= self._limit:
            self._head += data
        else:
            if before <= self._limit:
                self._keep_tail(self._head)
                self._open()
                self._write(self._head)
                self._head += data[: self._limit - before]
            self._write(data)
            self._keep_tail(data)
        self._tell(data)

    def close(self) -> None:
        """Tell the last words and close the file."""
        if self._pending:
            self._progress(self._pending)
            self._pending = ""
        self._write(b"", last=True)
        self._close_file()

    def text(self) -> str:
        """The output as a person would have seen it, without the middle when it is long."""
        if self._size <= self._limit:
            return _plain(self._head)
        first = self._limit * 2 // 5
        head = _plain(self._head[:first])
        tail = _plain(b"".join(self._tail)[-(self._limit - first) :])
        # Cut at line ends, so that no half line is taken for a whole one.
        head = head[: head.rfind("\n") + 1] or head
        tail = tail[tail.find("\n") + 1 :] or tail
        return f"{head}[… the middle of {self._size:,} bytes of output is left out …]\n{tail}"

    def _open(self) -> None:
        path = self._folder / f"bash-{secrets.token_hex(6)}.txt"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0)
        except OSError:
            return
        self.overflow = path

    def _write(self, data: bytes, *, last: bool = False) -> None:
        if self._file is None or self._file.tell() > MAX_FILE:
            return
        text = self._masker.feed(self._file_decoder.decode(data, last))
        if last:
            text += self._masker.flush()
        try:
            self._file.write(text.encode("utf-8", "surrogateescape"))
        except OSError:  # A full disk: half a file would pass for the whole output.
            self._close_file()
            self.overflow = None

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _keep_tail(self, data: bytes) -> None:
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size - len(self._tail[0]) > self._limit:
            self._tail_size -= len(self._tail.popleft())

    def _tell(self, data: bytes) -> None:
        self._pending = (self._pending + self._decoder.decode(data))[-_PROGRESS_CHARS:]
        now = time.monotonic()
        if now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            self._progress(self._pending)
            self._pending = ""


def _plain(data: bytes) -> str:
    """Text without terminal escapes and without what a progress bar wrote over."""
    text = _ESCAPES.sub("", data.decode("utf-8", "replace")).replace("\0", "")
    return _OVERWRITTEN.sub("", text.replace("\r\n", "\n"))
