"""The decision on what a command asks for beyond the sandbox: each need by itself, by name.

Such a need is asked about in every mode, also where everything else is allowed: the sandbox is what
makes that mode bearable. Only a rule that names it (``Sandbox(git)``) spares the question.
"""

from collections.abc import Sequence
from pathlib import Path

from letta_cli.core.need import (
    RULE_TOOL,
    Boundary,
    Need,
    host_fits,
    in_words,
    need_from_text,
    split_port,
)
from letta_cli.core.permission import Decision, Rule
from letta_cli.permissions.case import Case
from letta_cli.permissions.judge_path import judge_path
from letta_cli.permissions.paths import belongs_to_system, canonical, inside


def judge_needs(case: Case, needs: Sequence[Need], command: Decision) -> Decision:
    """The decision on a command that was judged by itself and also has these needs."""
    if command.verdict == "deny" or not needs:
        return command
    judged = [(need, _judge(case, need)) for need in needs]
    for _need, decision in judged:
        if decision.verdict == "deny":
            return decision
    asking = [(need, decision) for need, decision in judged if decision.verdict == "ask"]
    if not asking:
        return command
    reason = f"It asks for {in_words(need for need, _ in asking)}."
    extra = [decision.reason for _, decision in asking if decision.reason]
    told = " ".join([reason, *extra, *([command.reason] if command.verdict == "ask" else [])])
    rules = [decision.suggestion for _, decision in asking]
    settled = command.verdict == "allow" or bool(command.remedy)
    needed = (*command.remedy, *(rule for rule in rules if rule))
    if None in rules or not settled:
        needed = ()
    return Decision("ask", told, None, needed[0] if len(needed) == 1 else None, needed)


def _judge(case: Case, need: Need) -> Decision:
    if ruled := case.by_rules(lambda rule: _concerns(case, rule, need)):
        return ruled
    if case.mode == "plan" and need.kind != "read":
        return Decision("deny", f"Plan mode: no {need.words} before the plan is agreed.")
    lasting = need.kind != "unconfined"
    if need.kind in ("write", "read"):
        path = canonical(need.target, case.place.cwd, case.place.home)
        by_path = (
            judge_path(case, need.target, "edit", "Edit")
            if need.kind == "write"
            else judge_path(case, need.target, "search", "Read")
        )
        if by_path.verdict == "deny":
            return by_path
        if by_path.verdict == "ask" and not by_path.remedy:
            return Decision("ask", by_path.reason)
        lasting = need.kind == "read" or not _wide(case, path)
    if ruled := case.allowed(lambda rule: _allows(case, rule, need)):
        return ruled
    return Decision("ask", "", None, need.rule if lasting else None)


def _wide(case: Case, path: Path) -> bool:
    """Whether a folder holds so much that leave to write it is given once only."""
    home = case.place.home
    return inside(home, (path,)) or belongs_to_system(path, home, case.place.roots)


def _read(rule: Rule) -> Need | None:
    try:
        return need_from_text(rule.specifier or "")
    except ValueError:
        return None


def _concerns(case: Case, rule: Rule, need: Need) -> bool:
    """Whether a deny or ask rule is about the need, or about something that comes with it."""
    if rule.tool != RULE_TOOL:
        return False
    if rule.specifier is None or need.kind == "unconfined":
        return True
    named = _read(rule)
    if named is None:
        return False
    if named.kind in ("network", "host"):
        if need.kind != "host":
            return need.kind == "network"
        return named.kind == "network" or _host_fits(named, need)
    if named.kind in ("write", "read"):
        if need.kind not in ("write", named.kind):
            return False
        mine, theirs = _path(case, need), _path(case, named)
        return inside(mine, (theirs,)) or inside(theirs, (mine,))
    return named.kind == need.kind


def _allows(case: Case, rule: Rule, need: Need) -> bool:
    if rule.tool != RULE_TOOL:
        return False
    if rule.specifier is None:
        return need.kind != "unconfined"
    named = _read(rule)
    if named is None:
        return False
    if named.kind == "unconfined":
        return True
    if need.kind == "host":
        return named.kind == "network" or (named.kind == "host" and _host_fits(named, need))
    if need.kind in ("write", "read"):
        return named.kind in ("write", need.kind) and inside(
            _path(case, need), (_path(case, named),)
        )
    return named.kind == need.kind


def _host_fits(named: Need, need: Need) -> bool:
    host, port = split_port(need.target)
    return named.target == need.target or host_fits(named.target, host, port or 443)


def _path(case: Case, need: Need) -> Path:
    return canonical(need.target, case.place.cwd, case.place.home)


def unlisted_runs(boundary: Boundary | None, needs: Sequence[Need]) -> bool:
    """Whether a command that no rule lists may run unasked, because it is confined."""
    return boundary is not None and boundary.unasked and not needs
