"""What the program itself knows of a thread: files, open work, skills, what the person laid down.

Read from the stored messages, so that none of it depends on what a model chose to note.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from letta_cli.core.message import Message, ToolCall, ToolReturn

_SKILL = re.compile(r'<skill_content name="([\w.-]+)"')
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_LAID_DOWN = re.compile(
    r"\b(decid(e|ed|ing)|decisions?|agreed?|from now on|always|never|must|shall|"
    r"(we|i)( wi|')ll (use|keep|call|name|go with|stay with)|let'?s (use|keep|call|go with)|"
    r"use .{1,60} instead of|instead of|prefer(s|red)?|requirements?|importan(t|ce)|"
    r"remember|do not|don'?t)\b",
    re.IGNORECASE,
)
"""Words with which people lay something down. English; in other languages the notes have to do."""

MOST_WORDS = 300
"""Characters of one statement that are kept."""

_LOOK_AT, _MOST = 20_000, 5
"""Characters of a message that are looked at, and statements that are taken from it."""

_CHANGES = frozenset({"Edit", "Write", "apply_patch"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement that is carried from summary to summary.

    Attributes:
        seq: of the message where it was said; 0 when nobody knows.
    """

    text: str
    seq: int


@dataclass(slots=True)
class Record:
    """What happened in some messages, newest last.

    Attributes:
        changed, read: for each file the seq of the newest call; paths as they were given.
        todos: the newest list of the model, empty when all of it is done.
        skills: the text of each skill that was loaded, and the seq of the message with it.
        laid_down: sentences of the person that decide something.
        request: the newest message of the person.
    """

    changed: dict[str, int] = field(default_factory=dict[str, int])
    read: dict[str, int] = field(default_factory=dict[str, int])
    todos: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    skills: dict[str, Entry] = field(default_factory=dict[str, Entry])
    laid_down: list[Entry] = field(default_factory=list[Entry])
    request: Message | None = None
    _calls: dict[str, tuple[ToolCall, int]] = field(default_factory=dict[str, tuple[ToolCall, int]])

    def take(self, messages: Iterable[Message], cwd: str) -> None:
        """Read on; `messages` follow those that were taken before."""
        for message in messages:
            for call in message.tool_calls:
                self._calls[call.id] = (call, message.seq)
            for part in message.parts:
                if isinstance(part, ToolReturn) and part.status == "ok":
                    self._returned(part, message.seq, cwd)
            if message.role == "user":
                self._said(message)

    def _returned(self, result: ToolReturn, seq: int, cwd: str) -> None:
        call, _ = self._calls.pop(result.call_id, (None, 0))
        path = _relative(str(call.arguments.get("file_path") or ""), cwd) if call else ""
        if result.name in _CHANGES and path:
            _newest(self.changed, path, seq)
        elif result.name == "Read" and path:
            _newest(self.read, path, seq)
        elif result.name == "Skill":
            self._loaded(result.content, seq)
        elif result.name == "TodoWrite":
            todos: list[dict[str, str]] = list((result.display or {}).get("todos") or ())
            self.todos = todos if any(each.get("status") != "completed" for each in todos) else []

    def _said(self, message: Message) -> None:
        words = message.words
        if words.lstrip().startswith("<skill_content"):
            self._loaded(words, message.seq)
            return
        self.request = message
        sentences = (each for each in SENTENCE.split(words[:_LOOK_AT]) if _lays_down(each))
        self.laid_down += [Entry(cut(each), message.seq) for each in islice(sentences, _MOST)]

    def _loaded(self, text: str, seq: int) -> None:
        if found := _SKILL.search(text):
            self.skills.pop(found[1], None)
            self.skills[found[1]] = Entry(text, seq)


def _lays_down(sentence: str) -> bool:
    return bool(_LAID_DOWN.search(sentence)) and not sentence.rstrip().endswith("?")


def cut(sentence: str) -> str:
    """A statement as one line of at most `MOST_WORDS` characters."""
    line = " ".join(sentence.split())
    return line if len(line) <= MOST_WORDS else line[: MOST_WORDS - 1] + "…"


def _newest(files: dict[str, int], path: str, seq: int) -> None:
    files.pop(path, None)
    files[path] = seq


def _relative(path: str, cwd: str) -> str:
    path = os.path.normpath(path) if path else ""
    prefix = cwd.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else path
