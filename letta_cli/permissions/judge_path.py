"""The decision on a path that a tool reads or changes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from letta_cli.core.permission import Decision, Rule
from letta_cli.permissions.case import Case
from letta_cli.permissions.paths import (
    canonical,
    holds_secrets,
    lexical,
    linked,
    same_file,
    secret,
    special,
    unresolved,
)
from letta_cli.permissions.rules import covers_tool

PathKind = Literal["read", "search", "edit"]
"""What is done with it; ``search`` reads everything below a folder."""


Covers = Callable[[Rule], bool]


def judge_path(case: Case, written: str, kind: PathKind, tool: str) -> Decision:
    """Judge `written` as `tool` names it: deny and ask rules, protection, mode, allow rules."""
    place = case.place
    try:
        if "\0" in written or not written.strip():
            raise ValueError("a file name must not be empty or have a NUL character")
        path = canonical(written, place.cwd, place.home)
        as_written = lexical(written, place.cwd, place.home)
    except (OSError, ValueError) as error:
        return Decision("deny", f"The path is not valid: {error}.")
    return replace(_judge(case, path, as_written, kind, tool), path=path)


def _judge(case: Case, path: Path, as_written: Path, kind: PathKind, tool: str) -> Decision:
    place = case.place

    def concerns(rule: Rule) -> bool:
        if not covers_tool(rule, tool):
            return False
        return rule.specifier is None or any(
            case.fits(rule, each, loose=True) for each in (path, as_written)
        )

    def covers(rule: Rule) -> bool:
        return covers_tool(rule, tool) and (rule.specifier is None or case.fits(rule, path))

    if ruled := case.by_rules(concerns):
        return ruled
    if other := same_file(path, place.denied):
        return Decision("deny", f"{case.label(path)} is another name of {other}: a rule denies it.")
    why = secret(as_written, place.home) or _searches_keys(case, path, kind)
    if kind != "edit" and why:
        if ruled := case.allowed(lambda rule: rule.specifier is not None and covers(rule)):
            return ruled
        return Decision("ask", f"{why}.")
    if kind == "edit":
        return _judge_edit(case, path, tool, covers)
    return _judge_read(case, path, covers)


def _searches_keys(case: Case, path: Path, kind: PathKind) -> str | None:
    if kind == "search" and holds_secrets(path, case.place.home):
        return f"{path} holds files with keys"
    return None


def _judge_edit(case: Case, path: Path, tool: str, covers: Covers) -> Decision:
    place, label = case.place, case.label(path)
    if case.mode == "plan":
        return Decision(
            "deny", f"Plan mode: {label} is not changed before the plan is agreed (ExitPlanMode)."
        )
    why = place.protected(path) or unresolved(path) or special(path)
    if why is None and linked(path):
        why = f"{label} has other names (hard links), which may lie anywhere"
    if why:
        return Decision("ask", f"{why}; every change of it is asked about.")
    if case.mode == "bypassPermissions":
        return Decision("allow", "Everything is allowed in this mode.")
    if ruled := case.allowed(covers):
        return ruled
    within = place.holds(path)
    if case.mode == "acceptEdits" and within:
        return Decision("allow", "Edits in the working directory are accepted in this mode.")
    suggestion = case.path_rule("Edit", path)
    if not within:
        return Decision("ask", f"{label} is outside of the working directory.", None, suggestion)
    return Decision("ask", f"{tool} changes {label}.", None, suggestion)


def _judge_read(case: Case, path: Path, covers: Covers) -> Decision:
    place = case.place
    why = place.secret(path) or unresolved(path) or special(path)
    if why is not None:
        # Only a rule about paths was written with this file in mind.
        if ruled := case.allowed(lambda rule: rule.specifier is not None and covers(rule)):
            return ruled
        return Decision("ask", f"{why}.")
    if case.mode == "bypassPermissions":
        return Decision("allow", "Everything is allowed in this mode.")
    if why := place.unreadable(path):
        if ruled := case.allowed(covers):
            return ruled
        return Decision("ask", f"{why}.", None, case.path_rule("Read", path))
    return Decision("allow", "Reading changes nothing.")
