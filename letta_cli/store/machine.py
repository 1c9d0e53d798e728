"""Which machine this is: its name for people, and a mark that tells those of one name apart.

A process's number means something only on its own machine, and in its own container there. Many
machines are called ``localhost`` or ``ubuntu``; so beside the name stands a mark of the running
system: of Linux's boot id and the space that process numbers are counted in, elsewhere of the
network card. It stays as long as the processes it is about.
"""

import os
import sys
import zlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NUMBERS = Path("/proc/self/ns/pid")


def host_name() -> str:
    """This machine's name."""
    if sys.platform == "win32":
        import socket

        return socket.gethostname()
    return os.uname().nodename


@lru_cache(maxsize=1)
def mark() -> str:
    """Eight hexadecimal digits: the same for all processes that see one another by number."""
    with suppress(OSError):
        return _digits(f"{_BOOT.read_text()}{_NUMBERS.readlink()}")
    import uuid

    return _digits(str(uuid.getnode()))


def place() -> str:
    """Name and mark of this machine, as the database keeps them: ``ubuntu/1f0c3a52``."""
    return f"{host_name()}/{mark()}"


def split(place: str) -> tuple[str, bool]:
    """The name in what `place` wrote, and whether it is this machine."""
    name, _, marked = place.partition("/")
    # The name may have been cut for want of room, and no mark was written by older versions.
    return name, host_name().startswith(name) and marked in ("", mark())


def _digits(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
