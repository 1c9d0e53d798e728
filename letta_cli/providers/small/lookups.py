"""Looks that need no model: what a person named is shown before the model is asked at all.

A small model that sees the files in question at once makes the right change far more often than
one that has to ask for them, and each question costs it seconds. Only reading tools are used, the
calls are ordinary ones, and none is made twice.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from letta_cli.core.ids import new_id
from letta_cli.core.message import ToolCall
from letta_cli.providers.small.prompt import DOCUMENTS
from letta_cli.providers.small.situation import Situation, Step, find_file

DOCUMENT_QUERY, DOCUMENT_HITS = 300, 3

AT_ONCE = 3
"""Files that are shown in one step at most."""

_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+import|import\s+([\w.]+))", re.MULTILINE)
_WORD_PATH = re.compile(r"[\w./-]+\.\w+")


def look_first(situation: Situation, offered: frozenset[str]) -> tuple[ToolCall, ...]:
    """Calls to make before the model is asked; empty when it has all it needs.

    Args:
        offered: names of the tools that there are.
    """
    if situation.wish.destructive or situation.refused:
        return ()
    if not situation.steps:
        wanted = list(_named(situation))
    else:
        wanted = list(_followed(situation, situation.steps[-1]))
    made = {_key(step.call.name, step.call.arguments) for step in situation.steps}
    fresh = [
        (name, arguments)
        for name, arguments in wanted
        if name in offered and _key(name, arguments) not in made
    ]
    return tuple(ToolCall(new_id("call"), name, arguments) for name, arguments in fresh[:AT_ONCE])


Wanted = tuple[str, dict[str, Any]]


def _key(name: str, arguments: Mapping[str, Any]) -> str:
    return f"{name} {sorted(arguments.items())}"


def _named(situation: Situation) -> Iterator[Wanted]:
    """What the person's words name: a skill, files, names in the code."""
    wish = situation.wish
    for skill in situation.skills:
        if skill in situation.suggested or _names_skill(wish.text, skill):
            yield "Skill", {"skill": skill}
            return
    files = situation.named_files
    yield from _reads(files, situation)
    if wish.rename:
        yield "Grep", {"pattern": rf"\b{wish.rename[0]}\b"}
    elif not files and wish.names and not wish.memory:
        yield "Grep", {"pattern": rf"\b{wish.names[0]}\b"}
    elif not files and wish.question:
        # Only offered to an agent with documents, which were given to it for questions.
        query = " ".join(wish.text.split())[:DOCUMENT_QUERY]
        yield DOCUMENTS, {"query": query, "limit": DOCUMENT_HITS}


def _names_skill(text: str, skill: str) -> bool:
    """Whether a skill is meant. One whose name is an everyday word must be called a skill."""
    if not re.search(rf"(?<![\w-]){re.escape(skill)}(?![\w-])", text, re.IGNORECASE):
        return False
    return "-" in skill or re.search(r"\bskill\b", text, re.IGNORECASE) is not None


def _followed(situation: Situation, step: Step) -> Iterator[Wanted]:
    """What the newest result points at."""
    if step.result is None:
        return
    content = step.result.content
    match step.call.name:
        case "Grep" if step.ok and (situation.wish.change or situation.wish.rename):
            found = [line.strip() for line in content.split("\n") if not line.startswith(" ")]
            yield from _reads([name for name in found if name in situation.listed], situation)
        case "Bash" if not step.ok and situation.wish.change:
            yield from _reads(_files_in(content, situation)[:2], situation)
        case "Skill" if step.ok:
            named = [*situation.named_files, *_files_in(content, situation)]
            yield from _reads(named, situation)
        case "Read" if step.ok and situation.wish.check and situation.wish.change:
            yield from _reads(list(_imported(content, situation)), situation)
        case "Edit" | "Write" if not step.ok and _is_out_of_date(content):
            yield "Read", {"file_path": step.path}
        case _:
            return


def _files_in(content: str, situation: Situation) -> list[str]:
    """Files of the project that a text names, in its order."""
    words = [word.removeprefix("./").rstrip(".") for word in _WORD_PATH.findall(content)]
    files = [path for word in words if (path := find_file(word, situation.listed))]
    return list(dict.fromkeys(files))


def _is_out_of_date(problem: str) -> bool:
    return "not read yet" in problem or "changed on disk" in problem


def _imported(content: str, situation: Situation) -> Iterator[str]:
    """Files of the project that a shown test imports: the cause is there, not in the test."""
    for match in _IMPORT.finditer(re.sub(r"(?m)^ *\d+\t", "", content)):
        module = (match[1] or match[2]).replace(".", "/")
        for candidate in (f"{module}.py", f"src/{module}.py", f"{module}/__init__.py"):
            if candidate in situation.listed:
                yield candidate


def _reads(files: Sequence[str], situation: Situation) -> Iterator[Wanted]:
    for path in dict.fromkeys(files):
        if path not in situation.files:
            yield "Read", {"file_path": path}
