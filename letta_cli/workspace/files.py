"""Reading and writing files so that nothing is lost: what was read is remembered by its hash,
a write replaces the file whole or not at all, and never a text that nobody has seen."""

import errno
import fcntl
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from itertools import islice
from pathlib import Path

from letta_cli.core.errors import AgentError
from letta_cli.core.touch import Touch, TouchKind
from letta_cli.workspace.text import TextStyle, decode, encode, looks_binary

MAX_WHOLE = 8 * 1024 * 1024
"""Bytes a file may have to be read whole, and so to be edited."""

MAX_LINE = 65_536
"""Bytes of one line kept when a large file is read in slices."""

_LOCK_WAIT_SECONDS = 1.0

_TEXT_KEPT = 256 * 1024
_TEXTS_KEPT = 64
"""Texts of this size and number are kept, to show later what changed in them."""


class FileRefused(AgentError):
    """A file was not read or written. ``str(error)`` names it and says what to do."""

    code = "file"


class FileChanged(FileRefused):
    """A file is no longer as this conversation last saw it."""

    code = "file_changed"

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class Contents:
    """A whole file as it was on disk; newlines are untouched, the byte order mark is not in it."""

    path: Path
    text: str
    style: TextStyle
    sha256: str


@dataclass(frozen=True, slots=True)
class Slice:
    """Some lines of a file.

    Attributes:
        first: number of the first line, from 1.
        total: lines of the whole file; None when the rest was not read.
    """

    path: Path
    lines: list[str]
    first: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did.

    Attributes:
        note: what else a person should know, such as a hard link that now stands alone.
    """

    path: Path
    created: bool
    sha256: str
    note: str = ""


class Files:
    """The files that one conversation works on, and what it has seen of them."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self._seen: dict[Path, str] = {}
        self._earlier: Mapping[str, str] = {}
        self._texts: dict[Path, str] = {}
        self._touches: dict[Path, Touch] = {}

    def begin(self, earlier: Mapping[str, str]) -> None:
        """Work for another conversation now, which knew files by these hashes when it last ran."""
        self._seen.clear()
        self._texts.clear()
        self._earlier = earlier

    def take_touches(self) -> list[Touch]:
        """What was read and written since the last call; the last touch of each file."""
        touches = list(self._touches.values())
        self._touches.clear()
        return touches

    def text_seen(self, path: Path) -> str | None:
        """The text of `path` as this conversation last saw it, where it is still in memory."""
        return self._texts.get(path)

    def stale(self, contents: Contents) -> bool:
        """Whether the conversation saw this file, and saw another text than `contents`."""
        seen = self._seen.get(contents.path)
        return seen is not None and seen != contents.sha256

    def resolve(self, name: str) -> Path:
        """The canonical path of `name`, relative to the working directory; links resolved."""
        if "\0" in name or not name.strip():
            raise FileRefused("The file name is empty or has a NUL character. Give a path.")
        if name == "~" or name.startswith("~/"):
            # Not ~name: permissions judge a path by the same rule.
            name = str(Path("~").expanduser()) + name[1:]
        return Path(os.path.realpath(self.cwd / name))

    def seen(self, path: Path) -> bool:
        """Whether this conversation has read or written `path` (canonical) as it may be edited."""
        earlier = self._earlier.get(str(path))
        if earlier is not None:
            # Read before this process began. Whether it is still the same, `stale` says.
            self._seen.setdefault(path, earlier)
        return path in self._seen

    def read(self, name: str) -> Contents:
        """Read a whole text file and remember that it was seen.

        Raises:
            FileRefused: missing, not a regular file, binary, too large, or no permission.
        """
        path = self.resolve(name)
        data = self._bytes(path)
        text, style = self._decode(path, data)
        digest = hashlib.sha256(data).hexdigest()
        self._saw(path, digest, text, "read")
        return Contents(path, text, style, digest)

    def current(self, path: Path) -> Contents | None:
        """The file as it is now, or None where there is none; does not count as reading it."""
        if not os.path.lexists(path):
            return None
        data = self._bytes(path)
        text, style = self._decode(path, data)
        return Contents(path, text, style, hashlib.sha256(data).hexdigest())

    def size(self, name: str) -> int:
        """Bytes of a regular file.

        Raises:
            FileRefused: as `read`.
        """
        with self._open(self.resolve(name)) as file:
            return os.fstat(file.fileno()).st_size

    def read_slice(self, name: str, first: int, count: int) -> Slice:
        """Read `count` lines from line `first` on, holding no more than these in memory.

        A slice of a large file does not count as having read it.

        Raises:
            FileRefused: as `read`, but for the size.
        """
        path = self.resolve(name)
        with self._open(path) as file:
            if looks_binary(file.peek(8_192)):
                raise FileRefused(_binary(path))
            lines = _lines(file)
            skipped = sum(1 for _ in islice(lines, first - 1))
            kept = [line.decode("utf-8", "replace") for line in islice(lines, count)]
            ended = next(lines, None) is None
        return Slice(path, kept, first, skipped + len(kept) if ended else None)

    def write(self, path: Path, text: str, style: TextStyle | None = None) -> Written:
        """Write `text` to the canonical `path`, whole or not at all.

        An existing file must be as it was when this conversation last read it. The new one
        takes its place by a rename, with the old one's permissions.

        Raises:
            FileRefused: not read before, changed since, not writable, disk full.
        """
        style = style or TextStyle()
        try:
            data = encode(text, style)
        except UnicodeEncodeError as error:
            raise FileRefused(
                f"{path} is written in {style.encoding}, which has no character "
                f"{error.object[error.start]!r}. Use characters it has, or convert the file first."
            ) from error
        try:
            _make_folder(path.parent)
            with _locked(path.parent):
                old = self._expected(path)
                _replace(path, data, old, lambda: self._expected(path))
        except OSError as error:
            raise FileRefused(_not_written(path, error)) from error
        digest = hashlib.sha256(data).hexdigest()
        self._saw(path, digest, text, "write")
        note = ""
        if old is not None and old.st_nlink > 1:
            note = f"it had {old.st_nlink} hard links; the other names keep the old text"
        return Written(path, old is None, digest, note)

    def _saw(self, path: Path, digest: str, text: str, kind: TouchKind) -> None:
        self._seen[path] = digest
        self._texts.pop(path, None)
        if len(text) <= _TEXT_KEPT:
            if len(self._texts) >= _TEXTS_KEPT:
                del self._texts[next(iter(self._texts))]
            self._texts[path] = text
        written = path in self._touches and self._touches[path].kind == "write"
        self._touches[path] = Touch(str(path), digest, "write" if written else kind)

    def _expected(self, path: Path) -> os.stat_result | None:
        """The stat of the file when it is what was read; None when it is new and absent."""
        seen = self._seen.get(path)
        if not os.path.lexists(path):
            if seen is None:
                return None
            raise FileChanged(
                path, f"{path} was deleted after it was read. Read its folder again first."
            )
        if seen is None:
            raise FileRefused(f"{path} exists and was not read yet. Use Read on it first.")
        with self._open(path) as file:
            info = os.fstat(file.fileno())
            if hashlib.sha256(file.read(MAX_WHOLE + 1)).hexdigest() != seen:
                raise FileChanged(
                    path,
                    f"{path} changed on disk after it was read, by another program or session. "
                    "Use Read on it again, then repeat the change on the new text.",
                )
        return info

    def _bytes(self, path: Path) -> bytes:
        with self._open(path) as file:
            data = file.read(MAX_WHOLE + 1)
            if len(data) > MAX_WHOLE:
                size = max(os.fstat(file.fileno()).st_size, len(data))
                raise FileRefused(
                    f"{path} is too large to read whole ({size / 1e6:.0f} MB; the limit is "
                    f"{MAX_WHOLE / 1e6:.0f} MB). Read parts with offset and limit, or use Grep."
                )
        return data

    def _decode(self, path: Path, data: bytes) -> tuple[str, TextStyle]:
        try:
            return decode(data)
        except ValueError as error:
            raise FileRefused(_binary(path)) from error

    def _open(self, path: Path) -> BufferedReader:
        """Open a regular file; devices, pipes and sockets are refused without waiting for them."""
        try:
            # Non-blocking: opening a named pipe that nobody writes to would wait for ever.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise FileRefused(_not_opened(path, error)) from error
        mode = os.fstat(handle).st_mode
        if stat.S_ISREG(mode):
            return os.fdopen(handle, "rb")
        os.close(handle)
        if stat.S_ISDIR(mode):
            raise FileRefused(f"{path} is a directory. Use Glob to list what is in it.")
        kind = "a named pipe" if stat.S_ISFIFO(mode) else "a device or socket"
        raise FileRefused(f"{path} is {kind}, not a regular file, and was not opened.")


def _binary(path: Path) -> str:
    return f"{path} is a binary file and was not read. Inspect it with a Bash command such as file."


def _not_opened(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return f"{path} does not exist."
        case errno.EACCES | errno.EPERM:
            return f"{path} cannot be read: permission denied."
        case errno.ELOOP:
            return f"{path} is a symbolic link that leads back to itself."
        case errno.ENAMETOOLONG:
            return f"The file name is too long: {str(path)[:80]}…"
        case _:
            return f"{path} cannot be read: {error.strerror}."


def _not_written(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"There is no space left for {path}. Nothing was changed; free some space."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return (
                f"{path} cannot be written: {path.parent} is read-only for this user. "
                "Nothing was changed."
            )
        case errno.EEXIST:
            return f"{path} was created by another program meanwhile. Use Read on it first."
        case errno.ENOTDIR | errno.EISDIR:
            return f"{path} cannot be written: a part of its path is a file, not a directory."
        case _:
            return f"{path} cannot be written: {error.strerror}. Nothing was changed."


def _lines(file: BufferedReader) -> Iterator[bytes]:
    """Lines without their ends, each cut at MAX_LINE bytes, whatever the file's size."""
    while line := file.readline(MAX_LINE):
        whole = line.endswith(b"\n")
        yield line.rstrip(b"\r\n")
        while not whole and (rest := file.readline(MAX_LINE)):
            whole = rest.endswith(b"\n")


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Hold the folder's advisory lock, so that two sessions do not both find a file unchanged."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + _LOCK_WAIT_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # Somebody else's lock must not stop work for ever: the hash is checked anyway.
                if time.monotonic() > deadline:
                    break
                time.sleep(0.005)
            except OSError:
                break
        yield
    finally:
        os.close(handle)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, "Not a directory") from error


def _replace(
    path: Path, data: bytes, old: os.stat_result | None, check: Callable[[], object]
) -> None:
    """Write a new file beside `path`, then let it take the name; on any failure nothing changed."""
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    # A new file gets what the umask leaves; a replacement stays private until its mode is copied.
    handle = os.open(temporary, flags, 0o666 if old is None else 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if old is not None:
                _copy_ownership(file.fileno(), old)
            os.fsync(file.fileno())
        check()
        if old is None:
            _claim(temporary, path)
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    with suppress(OSError):  # Some file systems refuse to sync a folder; the file itself is safe.
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _copy_ownership(handle: int, old: os.stat_result) -> None:
    new = os.fstat(handle)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with suppress(PermissionError):  # Only root may give a file to another user.
            os.fchown(handle, old.st_uid, old.st_gid)
    os.fchmod(handle, stat.S_IMODE(old.st_mode))


def _claim(temporary: Path, path: Path) -> None:
    """Give a new file its name; fails when somebody else took it meanwhile."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # A file system without hard links.
        temporary.rename(path)
