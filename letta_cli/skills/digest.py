"""What a skill's folder holds, as one hash: trust in a skill is trust in exactly this content."""

import os
import stat
from hashlib import sha256
from pathlib import Path

MAX_FILES = 1_000
MAX_BYTES = 16 * 1024 * 1024


def digest_of(folder: Path) -> tuple[str, int]:
    """SHA-256 over all names and contents in `folder`, and how many bytes they are.

    The digest is empty for a folder that cannot be vouched for: too large, unreadable, or with
    something in it that is neither a file nor a folder. A link to a folder is such a thing, and a
    link to a file that lies outside.
    """
    base = os.path.realpath(folder)
    found = sha256()
    files = total = 0
    try:
        for place, folders, names in os.walk(base, onerror=_fail):
            folders.sort()
            if any(os.path.islink(os.path.join(place, name)) for name in folders):  # noqa: PTH114, PTH118
                return "", total
            for name in sorted(names):
                path = os.path.join(place, name)  # noqa: PTH118
                real = os.path.realpath(path)
                files += 1
                status = os.stat(real)  # noqa: PTH116
                total += status.st_size
                inside = real.startswith(base + os.sep)
                if not stat.S_ISREG(status.st_mode) or not inside:
                    return "", total
                if files > MAX_FILES or total > MAX_BYTES:
                    return "", total
                content = sha256(Path(real).read_bytes()).digest()
                found.update(os.fsencode(os.path.relpath(path, base)) + b"\0" + content)
                found.update(b"x" if status.st_mode & 0o111 else b"-")
    except OSError:
        return "", total
    return found.hexdigest(), total


def _fail(error: OSError) -> None:
    raise error
