"""Bytes to text and back without losing a byte: encoding, byte order mark, newlines."""

import codecs
import re
from dataclasses import dataclass

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 8_192
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How a file writes its text.

    Attributes:
        bom: the byte order mark the file starts with, or nothing.
        newline: the line end that most of its lines have.
    """

    encoding: str = "utf-8"
    bom: bytes = b""
    newline: str = "\n"


def looks_binary(data: bytes) -> bool:
    """Whether the first bytes are no text: a NUL, or many control characters."""
    sample = data[:_SAMPLE]
    if any(sample.startswith(bom) for bom, _ in _BOMS):
        return False
    if b"\0" in sample:
        return True
    control = sum(byte < 32 and byte not in b"\t\n\r\f\b\x1b" for byte in sample)
    return control * 20 > len(sample)


def decode(data: bytes) -> tuple[str, TextStyle]:
    """Return the text and its style; `encode` gives the same bytes back.

    Bytes that are not UTF-8 are read as Latin-1, in which every byte is a character.

    Raises:
        ValueError: the data is binary.
    """
    if looks_binary(data):
        raise ValueError("binary")
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            body = data[len(bom) :]
            try:
                text = body.decode(encoding)
            except UnicodeDecodeError as error:
                raise ValueError("binary") from error
            return text, TextStyle(encoding, bom, main_newline(text))
    try:
        text, encoding = data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = data.decode("latin-1"), "latin-1"
    return text, TextStyle(encoding, b"", main_newline(text))


def encode(text: str, style: TextStyle) -> bytes:
    """Bytes of `text` in the file's encoding, with its byte order mark; newlines as they are.

    Raises:
        UnicodeEncodeError: a character does not exist in the file's encoding.
    """
    return style.bom + text.encode(style.encoding)


def main_newline(text: str) -> str:
    """The line end that most lines of `text` have; a line feed where there is none."""
    windows = text.count("\r\n")
    unix = text.count("\n") - windows
    mac = text.count("\r") - windows
    if windows > unix and windows >= mac:
        return "\r\n"
    return "\r" if mac > unix else "\n"


def with_newlines(text: str, newline: str) -> str:
    """`text` with every line end written as `newline`."""
    return _LINE_END.sub(newline, text)


def split_lines(text: str) -> list[str]:
    """The lines of `text` without their ends; a last line end does not begin another line."""
    lines = _LINE_END.split(text)
    if lines and not lines[-1]:
        lines.pop()
    return lines
