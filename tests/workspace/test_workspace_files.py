"""Files are read with what was seen remembered, and written whole or not at all."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from letta_cli.workspace.files import MAX_WHOLE, FileRefused, Files
from letta_cli.workspace.text import decode, encode, main_newline, split_lines


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path.resolve())


def edit(files: Files, name: str, old: str, new: str) -> Path:
    contents = files.read(name)
    files.write(contents.path, contents.text.replace(old, new), contents.style)
    return contents.path


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"one\ntwo\n",
        b"no newline at the end",
        b"one\r\ntwo\r\n",
        b"mixed\r\nline\nends\r\n",
        b"old\rmac\r",
        b"\xef\xbb\xbfwith a mark\n",
        "latin-1: é ü ß\n".encode("latin-1"),
        "\ufeffwide\r\n".encode("utf-16-le"),
        "Grüße, 世界 🌍\n".encode(),
    ],
)
def test_text_survives_decoding_and_encoding_byte_for_byte(data: bytes):
    text, style = decode(data)
    assert encode(text, style) == data


def test_newlines_and_lines_are_those_people_see():
    assert main_newline("a\r\nb\r\nc\n") == "\r\n"
    assert main_newline("") == "\n"
    assert split_lines("a\r\nb\rc\n\nd") == ["a", "b", "c", "", "d"]
    assert split_lines("a\n") == ["a"]


def test_an_edit_keeps_mode_mark_and_line_ends(files: Files, tmp_path: Path):
    path = tmp_path / "Büro ☂.txt"
    path.write_bytes(b"\xef\xbb\xbfold\r\nline\r\n")
    path.chmod(0o750)
    edit(files, path.name, "old", "new")
    assert path.read_bytes() == b"\xef\xbb\xbfnew\r\nline\r\n"
    assert path.stat().st_mode & 0o777 == 0o750
    assert os.listdir(tmp_path) == [path.name]


def test_a_new_file_gets_its_folders_and_the_modes_of_the_umask(files: Files, tmp_path: Path):
    before = os.umask(0o027)
    try:
        written = files.write(files.resolve("a/b/new.py"), "x = 1\n")
    finally:
        os.umask(before)
    assert written.created
    assert (tmp_path / "a/b/new.py").read_text() == "x = 1\n"
    assert (tmp_path / "a/b/new.py").stat().st_mode & 0o777 == 0o640


def test_an_existing_file_is_not_overwritten_unread(files: Files, tmp_path: Path):
    (tmp_path / "a.txt").write_text("theirs")
    with pytest.raises(FileRefused, match="not read yet"):
        files.write(files.resolve("a.txt"), "mine")
    assert (tmp_path / "a.txt").read_text() == "theirs"


def test_a_file_that_another_process_changed_is_refused_and_kept(files: Files, tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    contents = files.read("a.txt")
    subprocess.run([sys.executable, "-c", f"open({str(path)!r}, 'w').write('two')"], check=True)
    with pytest.raises(FileRefused, match="changed on disk"):
        files.write(contents.path, "three", contents.style)
    assert path.read_text() == "two"
    files.read("a.txt")
    files.write(contents.path, "three", contents.style)
    assert path.read_text() == "three"


def test_a_change_with_the_same_size_and_time_is_noticed(files: Files, tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    contents = files.read("a.txt")
    times = path.stat()
    path.write_text("two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(FileRefused, match="changed on disk"):
        files.write(contents.path, "six", contents.style)


def test_a_deleted_file_is_not_brought_back_by_a_write(files: Files, tmp_path: Path):
    (tmp_path / "a.txt").write_text("one")
    contents = files.read("a.txt")
    contents.path.unlink()
    with pytest.raises(FileRefused, match="deleted"):
        files.write(contents.path, "two", contents.style)
    assert not contents.path.exists()


def test_two_sessions_that_read_the_same_text_do_not_both_replace_it(tmp_path: Path):
    (tmp_path / "a.txt").write_text("start")
    program = (
        "import sys, time; from pathlib import Path\n"
        "from letta_cli.workspace.files import Files, FileRefused\n"
        "files = Files(Path(sys.argv[1])); c = files.read('a.txt')\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "try: files.write(c.path, sys.argv[2], c.style); print('wrote')\n"
        "except FileRefused: print('refused')\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), str(number) * 50_000],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    outcomes = [process.communicate(timeout=20)[0].strip() for process in running]
    assert sorted(outcomes) == ["refused", "refused", "refused", "wrote"]
    assert len(set((tmp_path / "a.txt").read_text())) == 1


def test_a_link_is_followed_and_stays_a_link(files: Files, tmp_path: Path):
    (tmp_path / "real.txt").write_text("one")
    (tmp_path / "link.txt").symlink_to("real.txt")
    assert edit(files, "link.txt", "one", "two") == tmp_path.resolve() / "real.txt"
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "two"


def test_only_a_plain_tilde_is_the_home_directory(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", "/somewhere")
    assert files.resolve("~/x") == Path("/somewhere/x")
    assert files.resolve("~root/x") == tmp_path.resolve() / "~root/x"
    assert files.resolve("~nobody-at-all/x") == tmp_path.resolve() / "~nobody-at-all/x"


def test_a_hard_link_is_noted(files: Files, tmp_path: Path):
    (tmp_path / "a.txt").write_text("one")
    os.link(tmp_path / "a.txt", tmp_path / "b.txt")
    contents = files.read("a.txt")
    written = files.write(contents.path, "two", contents.style)
    assert "2 hard links" in written.note
    assert (tmp_path / "b.txt").read_text() == "one"


def test_what_is_no_regular_file_is_refused_at_once(files: Files, tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\0\1\2")
    begun = time.monotonic()
    for name, words in {
        "pipe": "named pipe",
        "/dev/zero": "device",
        "/dev/tty": "device|cannot be read",
        "loop": "leads back to itself",
        ".": "is a directory",
        "binary": "binary file",
        "none": "does not exist",
        "binary/x": "does not exist",
        "x" * 300: "too long",
    }.items():
        with pytest.raises(FileRefused, match=words):
            files.read(name)
    with pytest.raises(FileRefused, match="NUL"):
        files.read("a\0b")
    assert time.monotonic() - begun < 1


def test_a_large_file_is_refused_whole_and_read_in_slices(files: Files, tmp_path: Path):
    line = b"line %07d " + b"x" * 82 + b"\n"
    with (tmp_path / "big.log").open("wb") as file:
        for start in range(0, 500_000, 1_000):
            file.write(b"".join(line % number for number in range(start, start + 1_000)))
    assert (tmp_path / "big.log").stat().st_size > 47_000_000
    with pytest.raises(FileRefused, match=r"too large to read whole \(48 MB.*offset and limit"):
        files.read("big.log")
    part = files.read_slice("big.log", 400_001, 3)
    assert [text[:12] for text in part.lines] == ["line 0400000", "line 0400001", "line 0400002"]
    assert part.total is None
    end = files.read_slice("big.log", 499_999, 10)
    assert (len(end.lines), end.total) == (2, 500_000)


def test_one_endless_line_does_not_fill_memory(files: Files, tmp_path: Path):
    with (tmp_path / "one.json").open("wb") as file:
        file.truncate(0)
        for _ in range(12):
            file.write(b"y" * 1_000_000)
        file.write(b"\nsecond\n")
    part = files.read_slice("one.json", 1, 5)
    assert len(part.lines[0]) <= 65_536
    assert part.lines[1] == "second"
    assert MAX_WHOLE < 12_000_000


def test_a_character_that_the_file_cannot_hold_changes_nothing(files: Files, tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_bytes("café\n".encode("latin-1"))
    contents = files.read("a.txt")
    with pytest.raises(FileRefused, match="latin-1, which has no character '→'"):
        files.write(contents.path, "café →\n", contents.style)
    files.write(contents.path, "cafés\n", contents.style)
    assert path.read_bytes() == "cafés\n".encode("latin-1")


def test_a_write_that_fails_half_way_leaves_the_old_file_whole(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("precious")
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from letta_cli.workspace.files import Files, FileRefused\n"
        "files = Files(Path(sys.argv[1])); c = files.read('a.txt')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try: files.write(c.path, 'z' * 1_000_000, c.style)\n"
        "except FileRefused as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "Nothing was changed" in done.stdout
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    folder = Path("/sys") if os.geteuid() == 0 else tmp_path / "locked"
    if os.geteuid():
        folder.mkdir(mode=0o500)
    files = Files(folder)
    with pytest.raises(FileRefused, match=r"cannot be written.*Nothing was changed"):
        files.write(folder / "new.txt", "text")


def test_a_file_in_the_place_of_a_folder_is_named(files: Files, tmp_path: Path):
    (tmp_path / "a").write_text("")
    with pytest.raises(FileRefused, match="cannot be written"):
        files.write(files.resolve("a/b.txt"), "text")
