"""Reads a request's thread: what was asked, what was done about it, what the files hold now.

A pure function of the request. The files' texts are those that the tools showed or wrote in this
thread; after a command they may be out of date, which the tools find out and say.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from letta_cli.core.message import Message, ToolCall, ToolReturn
from letta_cli.core.provider import Request
from letta_cli.core.skill import suggested
from letta_cli.providers.small.wish import Wish, read_wish

CHANGING = frozenset({"Write", "Edit"})

_FILES = re.compile(r"^Files: (.*)$", re.MULTILINE)
_SKILL = re.compile(r"[-*]\s*`?([\w.-]+)`?\s*[:(—–-]")
_BLOCK = re.compile(r"^Memory block ([\w.-]+):", re.MULTILINE)
_APPEND = re.compile(
    r"\b(add|append|write|put)\b[^.]{0,60}\b(lines?|entr(y|ies)|items?|rows?|bullets?)\b|"
    r"\b(add|append)\b[^.]{0,60}\b(at|to) (the|its) (end|bottom)\b",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"\b(top|beginning|start|above|below|before|after) of\b", re.IGNORECASE)
_NUMBERED = re.compile(r"^ *\d+\t")


@dataclass(frozen=True, slots=True)
class Step:
    """A call and its return; None while it has none."""

    call: ToolCall
    result: ToolReturn | None

    @property
    def ok(self) -> bool:
        return self.result is not None and self.result.status == "ok"

    @property
    def path(self) -> str:
        return str(self.call.arguments.get("file_path", "")).removeprefix("./")


@dataclass(frozen=True, slots=True)
class Situation:
    """Where the work stands.

    Attributes:
        wish: what the person asked since the last answer.
        steps: what was done about it, in order.
        files: the texts of files as this thread knows them, the newest last.
        listed: files of the project that the prompt names, and those written since.
        skills: names in the prompt's catalogue, and those that notices suggested.
        suggested: skills that the program found to fit the wish.
        labels: memory blocks that may be written.
    """

    wish: Wish
    steps: tuple[Step, ...]
    files: Mapping[str, str]
    listed: tuple[str, ...]
    skills: tuple[str, ...]
    labels: tuple[str, ...]
    suggested: tuple[str, ...] = ()

    @property
    def named_files(self) -> tuple[str, ...]:
        """Files of the project that the person named."""
        found = [find_file(word, self.listed) for word in self.wish.paths]
        return tuple(dict.fromkeys(path for path in found if path))

    @property
    def new_files(self) -> tuple[str, ...]:
        """Names of files that the person used and that are not there."""
        return tuple(word for word in self.wish.paths if not find_file(word, self.listed))

    @property
    def changes(self) -> tuple[Step, ...]:
        """Edits that were made and not taken back."""
        made: list[Step] = []
        for step in self.steps:
            if step.call.name not in CHANGING or not step.ok:
                continue
            if made and is_reverse(step, made[-1]):
                made.pop()
            else:
                made.append(step)
        return tuple(made)

    @property
    def appends(self) -> bool:
        """Whether the task, a loaded skill's text with it, is to add lines at a file's end."""
        task = f"{self.wish.text} {self.instructions}"
        return bool(_APPEND.search(task)) and not _ELSEWHERE.search(task)

    @property
    def instructions(self) -> str:
        """The texts of the skills that were loaded for this wish."""
        return instructions_in(self.steps)

    @property
    def refused(self) -> bool:
        """Whether the person or a rule refused something."""
        return any(
            step.result is not None and step.result.status in ("denied", "cancelled")
            for step in self.steps
        )

    def since_change(self) -> tuple[Step, ...]:
        """The steps after the last edit that stands; all without one."""
        changes = self.changes
        return self.steps[self.steps.index(changes[-1]) + 1 :] if changes else self.steps


def instructions_in(steps: Sequence[Step]) -> str:
    """The texts of the skills that were loaded in `steps`."""
    loaded = (step for step in steps if step.call.name == "Skill" and step.ok)
    return "\n".join(step.result.content for step in loaded if step.result)


def is_reverse(step: Step, earlier: Step) -> bool:
    """Whether an edit puts back what another had changed."""
    now, then = step.call.arguments, earlier.call.arguments
    return (
        step.call.name == earlier.call.name == "Edit"
        and now.get("file_path") == then.get("file_path")
        and now.get("old_string") == then.get("new_string")
        and now.get("new_string") == then.get("old_string")
    )


def find_file(word: str, listed: Sequence[str]) -> str | None:
    """The file of the project that `word` means: its path, or its name when only one has it."""
    if word in listed:
        return word
    same = [name for name in listed if PurePosixPath(name).name == word]
    return same[0] if len(same) == 1 else None


def read_situation(request: Request) -> Situation:
    """Read `request`."""
    messages = request.messages
    start = _start_of_wish(messages)
    asked = [m.text for m in messages[start:] if m.role == "user"]
    files = known_files(_steps(messages))
    fitting = [suggested(m.text) for m in messages[start:] if m.role == "notice"]
    fitting = [name for name in fitting if name]
    return Situation(
        wish=read_wish("\n".join(asked)),
        steps=tuple(_steps(messages[start:])),
        files=files,
        listed=_listed(request.system, files),
        skills=tuple(dict.fromkeys((*_skills(request.system), *fitting))),
        labels=tuple(dict.fromkeys(("human", "project", *_BLOCK.findall(request.system)))),
        suggested=tuple(fitting),
    )


def _start_of_wish(messages: Sequence[Message]) -> int:
    """Index of the first message after the last one in which the model ended its turn."""
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if message.role == "assistant" and not message.tool_calls:
            return index + 1
    return 0


def _steps(messages: Sequence[Message]) -> list[Step]:
    results = {
        part.call_id: part
        for message in messages
        for part in message.parts
        if isinstance(part, ToolReturn)
    }
    return [Step(call, results.get(call.id)) for message in messages for call in message.tool_calls]


def known_files(steps: Sequence[Step]) -> dict[str, str]:
    """What the thread knows of each file, by following reads, writes and edits."""
    known: dict[str, str] = {}
    for step in steps:
        if not step.ok or step.result is None or not step.path:
            continue
        arguments = step.call.arguments
        match step.call.name:
            case "Read" if "offset" not in arguments and "limit" not in arguments:
                text = _whole_text(step.result.content)
                if text is None:
                    continue
                known.pop(step.path, None)
                known[step.path] = text
            case "Write":
                known.pop(step.path, None)
                known[step.path] = str(arguments.get("content", ""))
            case "Edit" if step.path in known:
                known[step.path] = after_edit(known.pop(step.path), step.call)
            case _:
                continue
    return known


def after_edit(text: str, call: ToolCall) -> str:
    """`text` after an Edit that was, or would be, made."""
    old = str(call.arguments.get("old_string", ""))
    new = str(call.arguments.get("new_string", ""))
    if not old:
        return text
    return text.replace(old, new, -1 if call.arguments.get("replace_all") else 1)


def _whole_text(content: str) -> str | None:
    """The text behind Read's numbered lines; None when it is not the whole file."""
    lines = content.split("\n")
    if not all(_NUMBERED.match(line) for line in lines) or not lines[0].lstrip().startswith("1\t"):
        return None
    return "\n".join(_NUMBERED.sub("", line, count=1) for line in lines)


def without_numbers(content: str) -> str:
    """Text without the line numbers that Read and Edit put before each line."""
    return "\n".join(_NUMBERED.sub("", line, count=1) for line in content.split("\n"))


def _listed(system: str, files: Mapping[str, str]) -> tuple[str, ...]:
    match = _FILES.search(system)
    names = match[1].split() if match else []
    names = [name for name in names if not name.startswith(("…", "("))]
    return tuple(dict.fromkeys([*names, *files]))


def _skills(system: str) -> tuple[str, ...]:
    lines, _ = _catalogue(system)
    names = [match[1] for line in lines if (match := _SKILL.match(line))]
    for line in lines:
        if line.startswith(_NAMES_ONLY):
            short = line.removeprefix(_NAMES_ONLY).partition(" …")[0]
            names += [name.strip() for name in short.split(",")]
    return tuple(names)


def without_skills(system: str) -> str:
    """The prompt without its catalogue of skills, which the profile uses by itself."""
    return _catalogue(system)[1]


_NAMES_ONLY = "Skills: "


def _catalogue(system: str) -> tuple[list[str], str]:
    """The lines of the catalogue of skills, and the prompt without it."""
    before, found, rest = system.partition("Skills:\n")
    if not found:
        return [], system
    lines = rest.split("\n")
    end = 0
    while end < len(lines) and lines[end].startswith(("-", "*", " ", _NAMES_ONLY)):
        end += 1
    return lines[:end], before + "\n".join(lines[end:])
