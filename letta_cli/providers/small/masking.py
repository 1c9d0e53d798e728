"""Decides what a small model may do next: the choices it is held to. Pure.

What cannot help now is not offered: an edit of a file that was not shown, a file that was shown
already, an answer while the last command failed and nothing was done about it, or while a change
that was asked for has not been made. The program, not the model, knows whether it is done.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

from letta_cli.core.tool import ToolSpec
from letta_cli.providers.small.choices import Branch, Copy, Field, Free, OneOf, Value
from letta_cli.providers.small.hints import broken_syntax
from letta_cli.providers.small.reply import RESPOND
from letta_cli.providers.small.situation import Situation

PATIENCE = 8
"""Steps after which a model may give up on what it was held to."""

ENUM_LIMIT = 60
"""Longer lists of files are not turned into a choice."""

EDIT_FILES = 4
"""Of so many files, the newest, an edit's text is held to what the file has."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be written next.

    Attributes:
        branches: one a tool and, last, `respond` where it is offered.
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
    branches = [
        branch
        for spec in specs
        if spec.name not in dropped and spec.name not in _refused(situation)
        for branch in _branches(spec, situation)
    ]
    owed = what_is_owed(situation)
    if owed and branches:
        return Offer(tuple(branches), owed)
    return Offer((*branches, Branch(RESPOND, (("text", Free()),))))


def what_is_owed(situation: Situation) -> str:
    """Why the model must not end its turn yet; empty when it may."""
    wish = situation.wish
    if wish.destructive or situation.refused or len(situation.since_change()) >= PATIENCE:
        return ""
    if _last_command_failed(situation) and not _gave_up(situation):
        return "The last command failed and nothing was changed since."
    if wish.memory and not any(s.call.name == "memory_insert" and s.ok for s in situation.steps):
        return "The fact was not stored with memory_insert yet."
    if wish.change and not situation.changes and not _changed_by_command(situation):
        return "The change that was asked for was not made yet."
    for path, text in situation.files.items():
        if any(step.path == path for step in situation.changes) and (
            problem := broken_syntax(path, text)
        ):
            return f"{path} is broken now: {problem}"
    if rest := rename_rest(situation):
        return f"The old name still stands in {', '.join(rest)}."
    if wish.check and situation.changes and not _checked(situation):
        return "The tests were not run after the last change."
    return ""


def rename_rest(situation: Situation) -> tuple[str, ...]:
    """Files, of those known, that still have the name that was to be changed."""
    if situation.wish.rename is None:
        return ()
    old = situation.wish.rename[0]
    return tuple(
        path for path, text in situation.files.items() if old in _words(text)
    )


def _words(text: str) -> set[str]:
    return set("".join(c if c.isalnum() or c == "_" else " " for c in text).split())


def _last_command_failed(situation: Situation) -> bool:
    commands = [step for step in situation.since_change() if step.call.name == "Bash"]
    last = commands[-1] if commands else None
    return last is not None and last.result is not None and last.result.status == "error"


def _gave_up(situation: Situation) -> bool:
    """Whether commands failed so often in a row that the model may say so."""
    failures = [
        step
        for step in situation.since_change()
        if step.call.name == "Bash" and step.result is not None and step.result.status == "error"
    ]
    return len(failures) >= 3


def _checked(situation: Situation) -> bool:
    return any(step.call.name == "Bash" for step in situation.since_change())


def _changed_by_command(situation: Situation) -> bool:
    """Whether a command may have made the change: nobody can tell, so it counts."""
    return any(step.call.name in ("Bash", "Skill") and step.ok for step in situation.steps[1:])


def _refused(situation: Situation) -> set[str]:
    return {
        step.call.name
        for step in situation.steps
        if step.result is not None and step.result.status in ("denied", "cancelled")
    }


def _branches(spec: ToolSpec, situation: Situation) -> list[Branch]:
    match spec.name:
        case "Read":
            return _read(situation)
        case "Edit":
            return [
                Branch(
                    "Edit",
                    (
                        ("file_path", OneOf((path,))),
                        ("old_string", Copy(text)),
                        ("new_string", Free()),
                    ),
                )
                for path, text in list(situation.files.items())[-EDIT_FILES:]
                if text.strip()
            ]
        case "memory_insert":
            fields: tuple[tuple[str, Field], ...]
            fields = (("label", OneOf(situation.labels)), ("new_string", Free()))
            return [Branch(spec.name, fields)]
        case "Skill":
            loaded = {
                step.call.arguments.get("skill") for step in situation.steps if step.ok
            }
            names = tuple(name for name in situation.skills if name not in loaded)
            return [Branch(spec.name, (("skill", OneOf(names)),))] if names else []
        case _:
            return [Branch(spec.name, _required(spec))]


def _read(situation: Situation) -> list[Branch]:
    """Files that are there and not in view already; any name when the list is not complete."""
    unread = tuple(name for name in situation.listed if name not in situation.files)
    if not situation.listed or len(situation.listed) > ENUM_LIMIT:
        return [Branch("Read", (("file_path", Free()),))]
    return [Branch("Read", (("file_path", OneOf(unread)),))] if unread else []


def _required(spec: ToolSpec) -> tuple[tuple[str, Field], ...]:
    properties = cast("dict[str, dict[str, Any]]", spec.parameters.get("properties", {}))
    required = cast("Sequence[str]", spec.parameters.get("required", ()))
    return tuple(
        (name, Free() if properties.get(name, {}).get("type") == "string" else Value(properties[name]))
        for name in required
    )
