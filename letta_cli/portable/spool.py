"""A thread on its way into the store: read whole before the store's lock is taken.

A history may be larger than the memory, and reading it takes longer than others should wait for
the lock. So its messages wait in a temporary file, which has no name.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator

from letta_cli.core.clock import from_text, to_text
from letta_cli.core.message import part_from_dict, part_to_dict
from letta_cli.portable.history import Stored

_IN_MEMORY = 4 * 1024 * 1024


class Spool:
    """Messages in order, with a digest of every beginning of them."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by close()
        self._digests = [b""]

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._digests) - 1

    def add(self, stored: Stored) -> None:
        parts = [part_to_dict(part) for part in stored.parts]
        line = json.dumps([stored.role, to_text(stored.at), parts], default=dict).encode()
        self._file.write(line + b"\n")
        self._digests.append(hashlib.sha256(self._digests[-1] + line).digest())

    def digest(self, count: int) -> str:
        """SHA-256 over the first `count` messages; empty when there are fewer."""
        return self._digests[count].hex() if 0 <= count < len(self._digests) else ""

    def messages(self, start: int = 0) -> Iterator[Stored]:
        """Those from number `start` on, counted from 0."""
        self._file.seek(0)
        for position, line in enumerate(self._file):
            if position >= start:
                role, at, parts = json.loads(line)
                yield Stored(role, tuple(map(part_from_dict, parts)), from_text(at))
