"""Identifiers: a prefix that says what a thing is, and a random UUID, as Letta writes them."""

import os
from typing import Literal

Prefix = Literal[
    "agent",
    "conv",
    "block",
    "message",
    "run",
    "step",
    "compaction",
    "passage",
    "session",
    "call",
    "request",
    "file",
    "reflection",
    "draft",
]


def new_id(prefix: Prefix) -> str:
    """Return a fresh id such as ``conv-6f1c…``: the prefix and an RFC 9562 version 4 UUID.

    Written out by hand because importing ``uuid`` costs more than the rest of this package.
    """
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{prefix}-{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def parse_citation(text: str) -> tuple[str, int] | None:
    """The conversation's id or its beginning, and the message's number, of ``conv-6f1c…:12``."""
    conversation_id, colon, number = text.strip().rpartition(":")
    if not colon or not number.isascii() or not number.isdigit() or len(number) > 9:
        return None
    name = conversation_id.removeprefix("conv-")
    if len(name) < 4 or not set(name) <= set("0123456789abcdef-"):
        return None
    return f"conv-{name}", int(number)


def looks_like_id(text: str) -> bool:
    """Whether it has the form of a conversation's id or citation, whole, cut or mistyped."""
    name, _, _ = text.strip().removeprefix("conv-").partition(":")
    return text.strip().startswith("conv-") and set(name) <= set("0123456789abcdef-")
