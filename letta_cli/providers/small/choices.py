"""What a small model may write next, as a value, and as grammars that make a server enforce it.

`to_schema` is JSON Schema, which most servers take. `to_lark` is llguidance's grammar, for
llama.cpp built with it: no white space between tokens, and `Copy` fields are held to the text
they copy from, so that the text an edit replaces is always there.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COPY_CHARS = 20_000
"""Longer texts are not turned into a grammar: `Copy` is free text then."""


@dataclass(frozen=True, slots=True)
class Free:
    """Any text."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these texts."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """Whole lines of this text, one or several that follow one another, word for word."""

    source: str


@dataclass(frozen=True, slots=True)
class Value:
    """Any JSON value of this schema."""

    schema: Mapping[str, Any] = field(default_factory=dict[str, Any])


Field = Free | OneOf | Copy | Value


@dataclass(frozen=True, slots=True)
class Branch:
    """One tool with the arguments it takes, in the order they are written."""

    name: str
    fields: tuple[tuple[str, Field], ...]


def to_schema(branches: Sequence[Branch]) -> dict[str, Any]:
    """A JSON Schema for one object ``{"name": …, "arguments": {…}}``."""
    options = [_branch_schema(branch) for branch in branches]
    return options[0] if len(options) == 1 else {"anyOf": options}


def _branch_schema(branch: Branch) -> dict[str, Any]:
    arguments = {
        "type": "object",
        "properties": {name: _field_schema(value) for name, value in branch.fields},
        "required": [name for name, _ in branch.fields],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"name": {"const": branch.name}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _field_schema(value: Field) -> dict[str, Any]:
    match value:
        case OneOf(values=values):
            return {"enum": list(values)}
        case Value(schema=schema):
            return dict(schema)
        case Free() | Copy():
            return {"type": "string"}


def to_lark(branches: Sequence[Branch]) -> str:
    """The same as a grammar, compact and with `Copy` enforced."""
    rules: list[str] = []
    starts: list[str] = []
    for number, branch in enumerate(branches):
        pieces = [_literal(f'{{"name":"{branch.name}","arguments":{{')]
        for position, (name, value) in enumerate(branch.fields):
            comma = "," if position else ""
            pieces.append(_literal(f'{comma}"{name}":'))
            terminal = f"F{number}X{position}"
            pieces.append(_field_lark(value, terminal, rules))
        pieces.append(_literal("}}"))
        rules.append(f"call{number}: {' '.join(pieces)}")
        starts.append(f"call{number}")
    return "\n".join(["%llguidance {}", f"start: {' | '.join(starts)}", *rules, _TEXT]) + "\n"


_TEXT = r'TEXT: /([^"\\\x00-\x1f\x7f]|\\(["\\\/bfnrt]|u[0-9a-fA-F]{4}))*/'


def _field_lark(value: Field, terminal: str, rules: list[str]) -> str:
    match value:
        case OneOf(values=values):
            return "(" + " | ".join(_literal(_quoted(text)) for text in values) + ")"
        case Copy(source=source) if 0 < len(source) <= COPY_CHARS:
            regex = json.dumps({"substring_chunks": _chunks(source)}, ensure_ascii=False)
            rules += [f"{terminal}: {terminal}S & /.+/", f"{terminal}S: %regex {regex}"]
            quote = _literal('"')
            return f"{quote} {terminal} {quote}"
        case Value(schema=schema):
            return f"%json {json.dumps(dict(schema))}"
        case Free() | Copy():
            quote = _literal('"')
            return f"{quote} TEXT {quote}"


LONG_LINE = 300
"""Characters; a file with longer lines is copied from by words."""

# Escapes stay whole, words stay whole: a copy neither begins nor ends within one.
_WORD = re.compile(r"\\u[0-9a-f]{4}|\\.|\w+| +|[^\w\\ ]")


def _chunks(source: str) -> list[str]:
    """The pieces, as they stand in a JSON string, that a copy is made of."""
    lines = source.split("\n")
    if any(len(line) > LONG_LINE for line in lines):
        return _WORD.findall(_quoted(source)[1:-1])
    chunks: list[str] = []
    for line in lines:
        # Apart, so that a copy may begin after the indentation, as models like to.
        words = line.lstrip()
        chunks += [line[: len(line) - len(words)].replace("\t", "\\t"), _quoted(words)[1:-1], "\\n"]
    return [chunk for chunk in chunks[:-1] if chunk]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
