"""Files named in a message: which are meant, how much of them is taken, what is left out."""

from pathlib import Path

import pytest

from letta_cli.workspace.attachments import MOST_CHARACTERS, MOST_LINES, Attached, attach
from letta_cli.workspace.files import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "app.py").write_text("import sys\nprint(1)\n")
    (tmp_path / "two words.txt").write_text("hello\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "logo.bin").write_bytes(b"\0\1\2" * 50)
    return Files(tmp_path)


def attached(message: str, files: Files) -> Attached:
    return attach(message, files, lambda path: "")


def test_a_named_file_is_numbered_and_counts_as_read(files: Files) -> None:
    found = attached("fix (@app.py), please, and @app.py again", files)
    [(path, text)] = found.texts
    assert path == files.cwd / "app.py"
    assert text == "Attached file app.py:\n1\timport sys\n2\tprint(1)"
    assert found.taken == ("app.py (2 lines)",)
    assert files.seen(files.resolve("app.py"))


def test_quotes_hold_a_name_with_blanks(files: Files) -> None:
    assert attached('see @"two words.txt"', files).taken == ("two words.txt (1 line)",)


def test_what_is_no_file_is_left_alone(files: Files) -> None:
    message = "ask me@app.py or @ada, @property and @@ -1 +1 @@ in @src, then @"
    assert attached(message, files) == Attached()


def test_what_is_missing_or_binary_is_named(files: Files) -> None:
    found = attached("compare @gone.py with @logo.bin", files)
    assert found.texts == ()
    missing, binary = found.left_out
    assert "gone.py" in missing and "does not exist" in missing
    assert "logo.bin" in binary and "binary" in binary


def test_a_long_file_is_cut_and_says_how_to_go_on(files: Files) -> None:
    (files.cwd / "long.txt").write_text("line\n" * 500)
    (files.cwd / "wide.txt").write_text("x" * 50_000)
    (_, text), (_, wide) = attached("@long.txt @wide.txt", files).texts
    assert f"{MOST_LINES}\tline\n(first {MOST_LINES} of 500 lines" in text
    assert "offset=201" in text
    assert len(wide) < MOST_CHARACTERS + 100


def test_what_may_not_be_read_is_not(files: Files) -> None:
    found = attach("@app.py", files, lambda path: "A rule denies it.")
    assert found == Attached(left_out=("app.py: A rule denies it.",))
    assert not files.seen(files.resolve("app.py"))
