"""Decides what a small model may do next: the choices it is held to. Pure.

What cannot help now is not offered: an edit of a file that was not shown, a file that was shown
already, an answer while the work still lacks something.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, cast

from letta_cli.core.tool import ToolSpec
from letta_cli.providers.small.choices import Branch, Copy, Field, Free, OneOf, Value
from letta_cli.providers.small.owing import (
    commands_of,
    is_worn_out,
    missing_names,
    rename_rest,
    what_is_owed,
)
from letta_cli.providers.small.prompt import APPEND, DOCUMENTS
from letta_cli.providers.small.reply import RESPOND
from letta_cli.providers.small.situation import Situation
from letta_cli.providers.small.syntax import imports_for, undefined

ENUM_LIMIT = 60
"""Longer lists of files are not turned into a choice."""

EDIT_FILES = 4
"""Of so many files, the newest, an edit's text is held to what the file has."""

SEARCHES = 2
"""Searches in a row; a model that has not found it by then does not find it."""

CHANGE_TOOLS = frozenset({"Edit", "Write", APPEND})
LOOK_TOOLS = frozenset({"Read", "Grep"})


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be written next.

    Attributes:
        branches: one a tool and file, `respond` last where it is offered.
        owed: why `respond` is not offered, told to a model that cannot be held; else empty.
    """

    branches: tuple[Branch, ...]
    owed: str = ""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(branch.name for branch in self.branches)


def make_offer(
    situation: Situation, specs: Sequence[ToolSpec], *, dropped: Collection[str] = ()
) -> Offer:
    """The choices of the next step.

    Args:
        dropped: tools not to offer, because the model just repeated itself with them.
    """
    owed = what_is_owed(situation)
    useful = _useful(situation, owed)
    gone = {*dropped, *_refused(situation)}
    branches = [
        branch
        for spec in specs
        for branch in _branches(spec, situation)
        if branch.name not in gone and (useful is None or branch.name in useful)
    ]
    if owed and branches:
        return Offer(tuple(branches), owed)
    return Offer((*branches, Branch(RESPOND, (("text", Free()),))))


def _useful(situation: Situation, owed: str) -> frozenset[str] | None:
    """The tools that can help where the work stands; None for all of them."""
    wish = situation.wish
    if is_worn_out(situation):
        return frozenset()
    if wish.destructive:
        return LOOK_TOOLS
    if wish.memory:
        return frozenset({"memory_insert"}) if owed else frozenset()
    if wish.question:
        return (LOOK_TOOLS | {"Bash", "Skill", DOCUMENTS}) - _searched_enough(situation)
    if wish.rename and situation.files:
        return _for_rename(situation, owed)
    commands = commands_of(situation.steps)
    if wish.check and not situation.changes and not commands:
        return frozenset({"Bash"})
    if wish.check and commands and not commands[-1].ok and not situation.changes:
        return frozenset({APPEND}) if _missing_imports(situation) else CHANGE_TOOLS | LOOK_TOOLS
    if situation.changes:
        recent = commands_of(situation.since_change())
        if wish.check and not recent:
            return frozenset({"Bash"})
        if wish.check and recent[-1].ok:
            return frozenset()
        if wish.check or owed:
            return CHANGE_TOOLS | LOOK_TOOLS
        # A small model that may go on after it is done takes its work apart again.
        return CHANGE_TOOLS if len(situation.changes) < _wanted_changes(situation) else frozenset()
    if wish.change and situation.new_files and not situation.named_files:
        # Only files that are not there yet were named: they come first.
        return LOOK_TOOLS | {"Write"}
    if wish.change and situation.appends and situation.files:
        return frozenset({APPEND})
    if wish.change and not wish.check and _has_all_in_view(situation):
        # What is not there yet is added: an edit would put it in the place of something else.
        return frozenset({APPEND}) if missing_names(situation) else CHANGE_TOOLS
    if gone := _searched_enough(situation):
        return CHANGE_TOOLS | {"Read", "Bash", "memory_insert", "Skill"} - gone
    return None


def _searched_enough(situation: Situation) -> frozenset[str]:
    """The search, once it has been used in vain or at least twice in a row."""
    newest = situation.since_change()[-SEARCHES:]
    searching = len(newest) == SEARCHES and all(step.call.name == "Grep" for step in newest)
    return frozenset({"Grep"}) if searching else frozenset()


def _wanted_changes(situation: Situation) -> int:
    named = len(situation.named_files) + len(situation.new_files)
    return max(situation.wish.parts, named)


def _has_all_in_view(situation: Situation) -> bool:
    """Whether the person named the files to change, and those that exist are in view."""
    named = situation.named_files
    return bool(named) and all(path in situation.files for path in named)


def _for_rename(situation: Situation, owed: str) -> frozenset[str] | None:
    if rename_rest(situation):
        return frozenset({"Edit"})
    if not situation.changes:
        return None
    return frozenset({"Bash"}) if owed else frozenset()


def _refused(situation: Situation) -> set[str]:
    return {
        step.call.name
        for step in situation.steps
        if step.result is not None and step.result.status in ("denied", "cancelled")
    }


def is_test(path: str) -> bool:
    """Whether a file holds tests, by its name."""
    name = PurePosixPath(path)
    stem = name.name.lower()
    return (
        stem.startswith("test_")
        or any(mark in stem for mark in ("_test.", ".test.", ".spec."))
        or any(part in ("test", "tests", "__tests__") for part in name.parts[:-1])
    )


def _branches(spec: ToolSpec, situation: Situation) -> list[Branch]:
    special = _SPECIAL.get(spec.name)
    if special is not None:
        return special(situation)
    return [Branch(spec.name, _required(spec))]


def _read(situation: Situation) -> list[Branch]:
    """Files that are there and not in view already; any name when the list is not complete."""
    unread = tuple(name for name in situation.listed if name not in situation.files)
    if not situation.listed or len(situation.listed) > ENUM_LIMIT:
        return [Branch("Read", (("file_path", Free()),))]
    return [Branch("Read", (("file_path", OneOf(unread)),))] if unread else []


def _edit(situation: Situation) -> list[Branch]:
    """Lines of the files in view. What fails is put right in the code and not in its test."""
    files = [path for path, text in situation.files.items() if text.strip()]
    if situation.wish.check and not situation.wish.tests:
        files = [path for path in files if not is_test(path)]
    elif any(path in situation.named_files for path in files):
        files = [path for path in files if path in situation.named_files]
    if rest := rename_rest(situation):
        files = [path for path in files if path in rest]
    return [
        Branch(
            "Edit",
            (
                ("file_path", OneOf((path,))),
                ("old_string", Copy(situation.files[path])),
                ("new_string", Free()),
            ),
        )
        for path in files[-EDIT_FILES:]
    ]


def _write(situation: Situation) -> list[Branch]:
    """New files, and lines at the end of those in view."""
    branches: list[Branch] = []
    named = situation.named_files
    # Instructions and tests may ask for files that the person did not name.
    elsewhere = bool(situation.instructions) or situation.wish.tests
    if not named or situation.new_files or elsewhere:
        sure = situation.new_files and not elsewhere
        where = OneOf(situation.new_files) if sure else Free()
        branches.append(Branch("Write", (("file_path", where), ("content", Free()))))
    known = [path for path in situation.files if path in named] or list(situation.files)
    files = tuple(path for path in known if not is_test(path) or situation.wish.tests)
    if missing := _missing_imports(situation):
        return [
            Branch(APPEND, (("file_path", OneOf((path,))), ("content", OneOf(tuple(lines)))))
            for path, lines in missing.items()
        ]
    if files:
        branches.append(Branch(APPEND, (("file_path", OneOf(files)), ("content", Free()))))
    return branches


def _missing_imports(situation: Situation) -> dict[str, list[str]]:
    """For files in view the imports that they lack, where something is said to fail."""
    if not situation.wish.check:
        return {}
    found = {path: imports_for(undefined(path, t)) for path, t in situation.files.items()}
    return {path: lines for path, lines in found.items() if lines and not is_test(path)}


def _bash(situation: Situation) -> list[Branch]:
    """Any command; where tests are spoken of and how to run them is plain, that command."""
    commands = commands_for_tests(situation.listed, situation.named_files)
    tests = situation.wish.check and "test" in situation.wish.text.lower()
    field = OneOf(commands) if tests and commands else Free()
    return [Branch("Bash", (("command", field),))]


def commands_for_tests(listed: Sequence[str], named: Sequence[str] = ()) -> tuple[str, ...]:
    """How the tests of a project with these files are run, as far as their names tell."""
    names = {PurePosixPath(path).name for path in listed}
    tests = [path for path in listed if is_test(path) and path.endswith(".py")]
    if tests:
        chosen = [path for path in named if path in tests]
        return (" ".join(["python3 -m pytest -q", *chosen]),)
    by_file = {"Cargo.toml": "cargo test", "go.mod": "go test ./...", "package.json": "npm test"}
    return tuple(command for name, command in by_file.items() if name in names)


def _memory(situation: Situation) -> list[Branch]:
    if situation.wish.change:
        return []
    fields: tuple[tuple[str, Field], ...]
    fields = (("label", OneOf(situation.labels)), ("new_string", Free()))
    return [Branch("memory_insert", fields)]


def _skill(situation: Situation) -> list[Branch]:
    loaded = {step.call.arguments.get("skill") for step in situation.steps}
    names = tuple(name for name in situation.skills if name not in loaded)
    return [Branch("Skill", (("skill", OneOf(names)),))] if names else []


_SPECIAL: dict[str, Callable[[Situation], list[Branch]]] = {
    "Read": _read,
    "Edit": _edit,
    "Bash": _bash,
    "Write": _write,
    "memory_insert": _memory,
    "Skill": _skill,
}


def _required(spec: ToolSpec) -> tuple[tuple[str, Field], ...]:
    properties = cast("dict[str, dict[str, Any]]", spec.parameters.get("properties", {}))
    required = cast("Sequence[str]", spec.parameters.get("required", ()))
    return tuple((name, _field(properties.get(name, {}))) for name in required)


def _field(schema: dict[str, Any]) -> Field:
    return Free() if schema.get("type") == "string" else Value(schema)
