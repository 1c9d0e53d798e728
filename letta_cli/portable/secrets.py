"""Masks credentials in what is imported, so that another program's slip does not become searchable
here and is not sent to a model when the conversation goes on."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from letta_cli.config.masking import mask
from letta_cli.core.message import Part, Reasoning, Text, ToolCall, ToolReturn

# Only what has an unmistakable form: a guess would damage texts that hold no secret.
_SECRET = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}"
    r"|glpat-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{20,}|AKIA[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{35}"
    r"|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.{40,}?-----END [A-Z ]*PRIVATE KEY-----",
    re.DOTALL,
)


class Masking:
    """Masks parts of messages.

    Attributes:
        count: how many secrets were masked so far.
    """

    def __init__(self) -> None:
        self.count = 0

    def parts(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(self._part(part) for part in parts)

    def text(self, text: str) -> str:
        # Most texts hold none, and are the same object afterwards.
        return _SECRET.sub(self._masked, text)

    def _part(self, part: Part) -> Part:
        match part:
            case Text(text=text):
                return replace(part, text=self.text(text))
            case Reasoning(text=text):
                return replace(part, text=self.text(text))
            case ToolCall(arguments=arguments, malformed=malformed):
                masked = None if malformed is None else self.text(malformed)
                return replace(part, arguments=self._value(arguments), malformed=masked)
            case ToolReturn(content=content):
                return replace(part, content=self.text(content))
            case _:
                return part

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            given = cast("Mapping[str, Any]", value)
            return {key: self._value(inner) for key, inner in given.items()}
        if isinstance(value, list):
            return [self._value(inner) for inner in cast("list[Any]", value)]
        return value

    def _masked(self, found: re.Match[str]) -> str:
        self.count += 1
        if found[0].startswith("-----"):
            return "-----PRIVATE KEY masked-----"
        return mask(found[0])
