"""Reads documents into sections that can be cited: by lines, or by pages for PDF.

What comes out is text alone. A PDF is read with pypdf, which is an extra; transcripts lose their
time stamps to the sections' headings, so that what was said is found as it was said.
"""

import hashlib
import io
import json
import logging
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, cast

from letta_cli.core.document import DocumentKind, DocumentRefused, Reading, Section
from letta_cli.workspace.scan import list_files
from letta_cli.workspace.text import decode

TEXT_MAX = 20 * 1024 * 1024
PDF_MAX = 200 * 1024 * 1024
FILES_MAX = 20_000
_PAGES_MAX = 5_000

_SECTION_LINES = 40
_SECTION_CHARACTERS = 1_500

# Looks like a file of keys: only when it is named itself.
_SECRETIVE = re.compile(r"\.env(\..+)?|.*\.(pem|key|p12|pfx|keystore)|id_(rsa|dsa|ecdsa|ed25519)")
_SPEECH = (".vtt", ".srt")
_TIME = re.compile(r"(\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s+-->\s+")
_TAG = re.compile(r"<[^<>\n]{0,200}>")
_HEADING = re.compile(r"#{1,6}\s+(.*)")
_BINARY = {
    ".docx": "a Word document", ".xlsx": "an Excel workbook", ".pptx": "a PowerPoint deck",
    ".doc": "a Word document", ".odt": "an OpenDocument text", ".epub": "an e-book",
}  # fmt: skip


def find_documents(root: Path) -> Iterator[Path]:
    """The files under a folder, without what git ignores and what looks like a file of keys."""
    for name in islice(list_files(str(root)), FILES_MAX):
        path = root / name
        if not _SECRETIVE.fullmatch(path.name) and not path.is_symlink():
            yield path


def stamp(path: Path) -> tuple[int, int] | None:
    """Size and date of a file; None when there is no regular one."""
    try:
        info = path.stat()
    except (OSError, ValueError):
        return None
    return (info.st_size, info.st_mtime_ns) if stat.S_ISREG(info.st_mode) else None


def read_document(path: Path) -> Reading:
    """A file's text in sections.

    Raises:
        DocumentRefused: it is no text and no PDF, is too large, or cannot be read.
    """
    data, modified_ns = _bytes(path)
    kind: DocumentKind = "text"
    if data.startswith(b"%PDF-") or path.suffix.lower() == ".pdf":
        kind, sections = "pdf", list(_pdf_pages(data))
    else:
        text = _text(path, data)
        suffix = path.suffix.lower()
        if suffix in _SPEECH:
            kind, sections = "transcript", list(_speech(text))
        elif suffix == ".jsonl" and (records := _records(text)):
            kind, sections = "transcript", records
        else:
            sections = list(_passages(text))
    if not sections:
        raise DocumentRefused(
            "no text in it; a scanned PDF has to go through character recognition first"
            if kind == "pdf"
            else "it is empty"
        )
    return Reading(kind, hashlib.sha256(data).hexdigest(), len(data), modified_ns, sections)


def _bytes(path: Path) -> tuple[bytes, int]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it has no possible name"
        raise DocumentRefused(f"cannot be read: {reason}") from error
    with os.fdopen(handle, "rb") as file:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            raise DocumentRefused("not a regular file")
        most = PDF_MAX if path.suffix.lower() == ".pdf" else TEXT_MAX
        if info.st_size > most:
            raise DocumentRefused(f"larger than {most // 2**20} MiB")
        return file.read(most), info.st_mtime_ns


def _text(path: Path, data: bytes) -> str:
    try:
        text, _ = decode(data)
    except ValueError as error:
        known = _BINARY.get(path.suffix.lower())
        reason = f"{known}; save it as PDF or text" if known else "binary, not text"
        raise DocumentRefused(reason) from error
    return text


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _passages(text: str) -> Iterator[Section]:
    """Runs of lines, each ended at a blank line or before a heading where there is one."""
    lines = _lines(text)
    heading, start, fenced = "", 0, False
    for number in range(len(lines) + 1):
        line = lines[number] if number < len(lines) else ""
        title = None if fenced else _HEADING.match(line)
        size = sum(len(each) + 1 for each in lines[start:number])
        full = number - start >= _SECTION_LINES or size >= _SECTION_CHARACTERS
        roomy = full or (size >= _SECTION_CHARACTERS // 3 and (title or not line.strip()))
        if number > start and (roomy or title or number == len(lines)):
            yield from _section(lines, start, number, heading)
            start = number
        if title:
            heading = title[1].strip()
        fenced ^= line.lstrip().startswith("```")


def _section(lines: list[str], start: int, end: int, heading: str) -> Iterator[Section]:
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    if start < end:
        text = "\n".join(lines[start:end])
        yield Section(_place(start, end), heading[:200], text)


def _place(start: int, end: int) -> str:
    """Lines `start` to `end`, counted from 0 and without the last, as people count them."""
    return str(end) if end - start == 1 else f"{start + 1}-{end}"


def _speech(text: str) -> Iterator[Section]:
    """The words of WebVTT and SubRip with the time they begin at, without marks of style."""
    lines = _lines(text)
    cues: list[tuple[int, int, str, str]] = []
    number = 0
    while number < len(lines):
        if not _TIME.match(lines[number]):
            number += 1
            continue
        time = re.split(r"[.,\s]", lines[number].strip(), maxsplit=1)[0]
        first = number + 1
        number = first
        while number < len(lines) and lines[number].strip():
            number += 1
        said = " ".join(_spoken(line) for line in lines[first:number]).strip()
        if said:
            cues.append((first - 1, number, time, said))
    yield from _grouped(cues)


def _spoken(line: str) -> str:
    """``<v Ada>Hello`` as ``Ada: Hello``."""
    return _TAG.sub("", re.sub(r"<v(?:\.[^ >]*)? ([^>]*)>", r"\1: ", line)).strip()


def _records(text: str) -> list[Section]:
    """JSON lines as text; nothing when most lines are none."""
    found: list[tuple[int, int, str, str]] = []
    broken = 0
    for number, line in enumerate(_lines(text)):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            broken += 1
            continue
        if told := "\n".join(_told(record)):
            found.append((number, number + 1, "", told))
    return list(_grouped(found)) if len(found) > broken else []


def _told(value: object, name: str = "", depth: int = 0) -> Iterator[str]:
    """The texts in a record, each behind its name."""
    if isinstance(value, str):
        if value.strip():
            yield f"{name}: {value}" if name else value
    elif depth > 6:
        return
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, Any]", value).items():
            yield from _told(inner, key, depth + 1)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _told(inner, name, depth + 1)
    elif value is not None and not isinstance(value, bool):
        yield f"{name}: {value}" if name else str(value)


def _grouped(parts: Iterable[tuple[int, int, str, str]]) -> Iterator[Section]:
    """Neighbouring parts (from line, to line, time, text) together, up to the size of a section."""
    group: list[tuple[int, int, str, str]] = []
    size = 0
    for part in parts:
        if group and size + len(part[3]) > _SECTION_CHARACTERS:
            yield _joined(group)
            group, size = [], 0
        group.append(part)
        size += len(part[3])
    if group:
        yield _joined(group)


def _joined(group: list[tuple[int, int, str, str]]) -> Section:
    text = "\n".join(f"[{time}] {said}" if time else said for _, _, time, said in group)
    return Section(_place(group[0][0], group[-1][1]), group[0][2], text)


def _pdf_pages(data: bytes) -> Iterator[Section]:
    try:
        from pypdf import PdfReader
    except ImportError as error:
        raise DocumentRefused(
            "PDF needs the package pypdf. Install it with: pip install 'letta-cli[pdf]'"
        ) from error

    # It reports every blemish of a file; what matters is whether there is text.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentRefused("a PDF with a password")
        for number, page in enumerate(islice(reader.pages, _PAGES_MAX), start=1):
            lines = (line.rstrip() for line in page.extract_text().split("\n"))
            if text := "\n".join(lines).strip():
                yield Section(f"p{number}", "", text)
    except DocumentRefused:
        raise
    except Exception as error:
        raise DocumentRefused(f"a broken or unusual PDF ({type(error).__name__})") from error
