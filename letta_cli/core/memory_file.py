"""A memory block as a Markdown file with a head, there and back."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, cast, get_args
from urllib.parse import quote, unquote

from letta_cli.core.errors import UsageError
from letta_cli.core.memory import DEFAULT_LIMIT, MemoryBlock, Scope

_HEAD = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_LONGEST_NAME = 120
_DETACHED = "detached"


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says. `id` and `version` are of the block it was written from, if any."""

    label: str
    value: str
    version: int | None
    scope: Scope
    scope_key: str
    description: str
    limit: int
    read_only: bool
    id: str = ""
    untrusted: str = ""


def text_of(block: MemoryBlock, untrusted: str = "") -> str:
    """A block as a file. The values of the head are JSON, which is YAML too.

    Args:
        untrusted: the sources of edits in it that no person has reviewed.
    """
    head = {
        "label": block.label,
        "description": block.description,
        "scope": block.scope,
        "scope_key": block.scope_key,
        "limit": block.limit,
        "read_only": block.read_only,
        "id": block.id,
        "version": block.version,
        **({"untrusted": untrusted} if untrusted else {}),
    }
    lines = "\n".join(f"{key}: {json.dumps(value)}" for key, value in head.items())
    return f"---\n{lines}\n---\n{block.value}\n"


def parse(text: str, name: str) -> Document:
    """The inverse of `text_of`; lenient with a head that a person wrote.

    Raises:
        UsageError: there is no head with a label, or a value in it is none.
    """
    text = text.replace("\r\n", "\n")
    head = _HEAD.match(text)
    if head is None:
        raise UsageError(f"{name}: it does not begin with a head between two lines of ---.")
    fields = dict(_fields(head[1]))
    label, scope = str(fields.get("label", "")).strip(), str(fields.get("scope", "agent"))
    if not label or scope not in get_args(Scope):
        raise UsageError(f"{name}: its head needs a label, and a scope of {get_args(Scope)}.")
    version, limit = fields.get("version"), fields.get("limit", DEFAULT_LIMIT)
    if not isinstance(limit, int) or not isinstance(version, int | None):
        raise UsageError(f"{name}: version and limit are whole numbers.")
    return Document(
        label, text[head.end() :].removesuffix("\n"), version, cast("Scope", scope),
        str(fields.get("scope_key", "")), str(fields.get("description", "")), limit,
        fields.get("read_only") is True, str(fields.get("id", "")),
        str(fields.get("untrusted", "")),
    )  # fmt: skip


def has_head(text: str) -> bool:
    """Whether the file begins with a head, right or wrong."""
    return text.lstrip("\ufeff").startswith("---")


def block_id_in(text: str | None) -> str:
    """The id of the block that a file was written from; empty when it names none."""
    try:
        return parse(text or "", "").id
    except UsageError:
        return ""


def place(block: MemoryBlock) -> PurePosixPath:
    """Where the block's file lies, from the folder of its agent."""
    name = _safe(block.label) + ".md"
    if block.detached:
        return PurePosixPath(_DETACHED, _digest(block.id), name)
    if block.scope == "agent":
        return PurePosixPath(name)
    tail = quote(PurePosixPath(block.scope_key).name, safe=" ").strip(".")[:60]
    return PurePosixPath(block.scope, f"{tail}-{_digest(block.scope_key)}", name)


def label_of(path: PurePosixPath) -> str:
    """The label that a file's name stands for."""
    return unquote(path.stem)


def folder_name(name: str) -> str:
    """A name, e.g. of an agent, as one part of a path."""
    return _safe(name)


def _safe(text: str) -> str:
    quoted = quote(text, safe=" ")
    if quoted.startswith("."):
        quoted = f"%2E{quoted[1:]}"
    if len(quoted) <= _LONGEST_NAME:
        return quoted
    return f"{quoted[:_LONGEST_NAME].rstrip('%')}-{_digest(text)}"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]


def _fields(head: str) -> Iterator[tuple[str, Any]]:
    for line in head.split("\n"):
        key, separator, value = line.partition(":")
        if separator:
            try:
                yield key.strip(), json.loads(value)
            except ValueError:
                yield key.strip(), value.strip()
