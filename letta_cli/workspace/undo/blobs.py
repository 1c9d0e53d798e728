"""Contents of files by their hash: written once, compressed, readable for the person alone."""

import hashlib
import os
import secrets
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

KEPT_SECONDS = 30 * 86_400.0
"""How long a content is kept that nobody put in again."""


class Blobs:
    """A folder of contents, shared by all processes of the person."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> str:
        """Keep `data`; returns its SHA-256 in hexadecimal.

        Raises:
            OSError: it could not be kept; nothing was.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if path.exists():
            # Used again: it gets its full time from now on.
            with suppress(OSError):
                os.utime(path)
            return digest
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(zlib.compress(data, 1))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return digest

    def get(self, digest: str) -> bytes | None:
        """The content of this hash; None when it is not here any more, or damaged."""
        try:
            data = zlib.decompress(self._path(digest).read_bytes())
        except (OSError, zlib.error):
            return None
        return data if hashlib.sha256(data).hexdigest() == digest else None

    def prune(self, older_than: float = KEPT_SECONDS) -> int:
        """Remove what was not put in for so many seconds; returns how many."""
        limit = time.time() - older_than
        removed = 0
        for path in self._all():
            with suppress(OSError):
                if path.stat().st_mtime < limit:
                    path.unlink()
                    removed += 1
        return removed

    def _all(self) -> Iterator[Path]:
        return self._folder.glob("[0-9a-f][0-9a-f]/*")

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest[2:]
