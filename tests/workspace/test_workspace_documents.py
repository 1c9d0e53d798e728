"""Documents are read into sections with the lines or pages that they are cited by."""

import os
import sys
from pathlib import Path

import pytest
from paper import pdf

from letta_cli.core.document import DocumentRefused, Section
from letta_cli.workspace import documents
from letta_cli.workspace.documents import find_documents, read_document, stamp


def read(path: Path, data: bytes | str) -> list[Section]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_document(path).sections)


def refusal(path: Path) -> str:
    with pytest.raises(DocumentRefused) as refused:
        read_document(path)
    return str(refused.value)


def test_a_pdf_has_a_section_for_each_page_with_text(tmp_path: Path) -> None:
    path = tmp_path / "manual.pdf"
    sections = read(path, pdf("The pump", "", "Valve 7 opens\nat 3 bar"))
    assert sections == [Section("p1", "", "The pump"), Section("p3", "", "Valve 7 opens\nat 3 bar")]
    assert read_document(path).kind == "pdf"


def test_markdown_is_cut_at_its_headings_and_knows_them(tmp_path: Path) -> None:
    text = "# Shop\n\nIt sells tea.\n\n## Opening\n\nAt nine.\nClosed on Monday.\n"
    assert read(tmp_path / "a.md", text) == [
        Section("1-3", "Shop", "# Shop\n\nIt sells tea."),
        Section("5-8", "Opening", "## Opening\n\nAt nine.\nClosed on Monday."),
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_each_line_is_in_exactly_one_section_under_its_number(tmp_path: Path, newline: str) -> None:
    lines = [f"line {number} " + "x" * (number % 90) for number in range(1, 500)]
    found: dict[int, str] = {}
    for section in read(tmp_path / "a.txt", newline.join(lines)):
        first, _, last = section.place.partition("-")
        texts = section.text.split("\n")
        assert len(texts) == int(last or first) - int(first) + 1
        for number, line in enumerate(texts, start=int(first)):
            assert number not in found
            found[number] = line
    assert [found[number] for number in sorted(found)] == lines


def test_one_endless_line_is_one_section(tmp_path: Path) -> None:
    (section,) = read(tmp_path / "min.js", "x" * 100_000)
    assert (section.place, len(section.text)) == ("1", 100_000)


def test_subtitles_become_what_was_said_and_when(tmp_path: Path) -> None:
    vtt = "WEBVTT\n\nintro\n00:01.000 --> 00:03.500\n<v Ada>The <i>heron</i>\nflies\n\n00:04.000 --> 00:05.000\nYes.\n"
    srt = "1\r\n00:00:01,000 --> 00:00:03,500\r\nThe heron\r\n\r\n2\r\n00:00:04,000 --> 00:00:05,000\r\nYes.\r\n"
    assert read(tmp_path / "a.vtt", vtt) == [
        Section("4-9", "00:01", "[00:01] Ada: The heron flies\n[00:04] Yes.")
    ]
    assert read(tmp_path / "a.srt", srt) == [
        Section("2-7", "00:00:01", "[00:00:01] The heron\n[00:00:04] Yes.")
    ]


def test_json_lines_become_their_texts(tmp_path: Path) -> None:
    lines = '{"role": "user", "content": [{"text": "Hi"}]}\n\n{broken\n{"role": "tool", "n": 3}\n'
    assert read(tmp_path / "a.jsonl", lines) == [
        Section("1-4", "", "role: user\ntext: Hi\nrole: tool\nn: 3")
    ]
    assert read(tmp_path / "b.jsonl", "no\njson\nat all")[0].text == "no\njson\nat all"


def test_what_is_no_document_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"\0\1\2")
    assert refusal(path) == "binary, not text"
    path = tmp_path / "a.docx"
    path.write_bytes(b"PK\3\4\0\0")
    assert refusal(path) == "a Word document; save it as PDF or text"
    path = tmp_path / "empty.md"
    path.write_text(" \n\n")
    assert refusal(path) == "it is empty"
    path = tmp_path / "scan.pdf"
    path.write_bytes(pdf("", ""))
    assert "character recognition" in refusal(path)
    os.mkfifo(tmp_path / "pipe.md")
    assert refusal(tmp_path / "pipe.md") == "not a regular file"
    assert refusal(tmp_path / "gone.md") == "cannot be read: No such file or directory"
    monkeypatch.setattr(documents, "TEXT_MAX", 10)
    path = tmp_path / "big.txt"
    path.write_text("x" * 11)
    assert "larger than" in refusal(path)


@pytest.mark.parametrize("cut", [9, 60, 300, 500])
def test_a_broken_pdf_is_refused_and_never_raises_otherwise(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "broken.pdf"
    path.write_bytes(pdf("The pump")[:cut] + b"\xff garbage <<< /Root" * 20)
    try:
        read_document(path)
    except DocumentRefused as error:
        assert "PDF" in str(error)


def test_without_pypdf_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("The pump"))
    assert "pip install 'letta-cli[pdf]'" in refusal(path)


def test_a_folder_gives_what_git_does_not_ignore_and_no_keys(tmp_path: Path) -> None:
    for name in ("a.md", "sub/b.py", "build/c.txt", ".env", "id_rsa", "server.key", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / "link.md").symlink_to("/etc/passwd")
    found = {str(path.relative_to(tmp_path)) for path in find_documents(tmp_path)}
    assert found == {"a.md", "sub/b.py", ".gitignore"}


def test_the_stamp_of_a_file_is_that_of_its_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("Hello")
    reading = read_document(path)
    assert stamp(path) == (reading.size, reading.modified_ns)
    assert stamp(tmp_path) is None
