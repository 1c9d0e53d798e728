"""A command line as it is taken apart: simple commands with their words and redirections."""

import re
from dataclasses import dataclass, field
from typing import Literal

from letta_cli.permissions.words import Word

HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]|[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
)
"""Characters that are not seen, reorder what is read, or look like a blank and are none."""

RESERVED = frozenset(
    {
        "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case",
        "esac", "select", "function", "in", "coproc", "{", "}", "[[", "]]", "!", "((", "))"
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Redirect:
    """``write`` also for ``>>``; targets of ``2>&1`` and the like are left out."""

    kind: Literal["read", "write"]
    target: Word


@dataclass(slots=True)
class Command:
    """A simple command.

    Attributes:
        assignments: ``NAME=value`` before it, or all that it consists of.
        upstream: the commands whose output it reads.
        stdin: the text that a here-document or here-string gives it.
        harmless: set for tests and the like, which are no programs: whether they only look.
    """

    words: list[Word] = field(default_factory=list[Word])
    assignments: list[Word] = field(default_factory=list[Word])
    redirects: list[Redirect] = field(default_factory=list[Redirect])
    upstream: tuple["Command", ...] = ()
    stdin: str | None = None
    harmless: bool | None = None

    @property
    def text(self) -> str:
        """The words as written, one space between them."""
        return " ".join(word.raw for word in self.words)

    @property
    def everything(self) -> str:
        """All that is written in it: words, assignments, targets, what it is given to read."""
        words = [*self.assignments, *self.words, *(redirect.target for redirect in self.redirects)]
        return " ".join([*(word.raw for word in words), self.stdin or ""])


@dataclass(frozen=True, slots=True)
class Script:
    """A command line, taken apart.

    Attributes:
        commands: all simple commands in the order they are written, those of substitutions and
            functions included.
        functions: names of the functions that it defines.
    """

    commands: list[Command]
    functions: frozenset[str]
