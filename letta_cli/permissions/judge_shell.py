"""The decision on a shell command: its parts, the files it writes, what is asked in every mode."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from letta_cli.core.permission import Decision, Rule
from letta_cli.core.secret import mentioned
from letta_cli.permissions.case import Case, shown
from letta_cli.permissions.command import Command
from letta_cli.permissions.paths import inside
from letta_cli.permissions.rules import EDITORS, READERS, covers_tool, one_spaced
from letta_cli.permissions.shell import Shell, take_apart
from letta_cli.permissions.suggest import suggest
from letta_cli.permissions.tree import tree_change
from letta_cli.permissions.unknown import runs_unseen

_PLAN = "Plan mode: only commands that read are run, until the plan is agreed (ExitPlanMode)."


def judge_shell(case: Case, text: str) -> Decision:
    """Deny rules, ask rules, what is asked in every mode, the mode, then every part by itself."""
    shell = take_apart(text, case.place)
    ruled = case.by_rules(lambda rule: _concerns(case, rule, shell))
    if ruled is not None and ruled.verdict == "deny":
        return ruled
    if case.neighbours and (moving := tree_change(text)):
        return _judge_tree_change(case, text, moving, ruled)
    if ruled is not None:
        return ruled
    if not text.strip():
        return Decision("allow", "There is nothing to run.")
    if why := shell.dangerous:
        return Decision("ask", f"This command is asked about in every mode: {why}.")
    if shell.looks_only and not any(_uses_secret(case, shell, each) for each in shell.commands):
        return Decision("allow", "The command only reads.")
    if case.mode == "plan":
        return Decision("deny", _PLAN)
    if shell.script is None:
        # No mode and no wildcard was meant for what cannot be taken apart.
        if ruled := _exact(case, text):
            return ruled
        return Decision("ask", f"The command was not understood in full ({shell.problem}).")
    exact = _exact(case, text)
    if exact is None and (unseen := _unseen(case, shell)):
        return Decision("ask", f"What it runs is not certain, and there is a rule on {unseen}.")
    if case.mode == "bypassPermissions":
        return Decision("allow", "Everything is allowed in this mode.")
    decision = exact or _judge_parts(case, shell)
    if decision.verdict == "ask" and case.confined and not _shows_secrets(case, shell):
        return Decision("allow", "It runs in the sandbox and asks for nothing beyond it.")
    return decision


def _unseen(case: Case, shell: Shell) -> str | None:
    """The command that a deny or ask rule is about and that this one may hide."""
    rules = [rule for rule in (*case.rules.deny, *case.rules.ask) if rule.tool == "Bash"]
    home = str(case.place.home)
    return next(
        (
            rule.specifier
            for rule in rules
            for command in shell.commands
            if rule.specifier and runs_unseen(command, home, rule.specifier)
        ),
        None,
    )


def _shows_secrets(case: Case, shell: Shell) -> bool:
    return any(
        _uses_secret(case, shell, command) or any(map(case.place.secret, shell.paths(command)))
        for command in shell.commands
    )


def _uses_secret(case: Case, shell: Shell, command: Command) -> str | None:
    """Which value that the model must not see this part uses: what it prints is masked only in the
    forms that are known."""
    if not case.secrets:
        return None
    wanted = dict.fromkeys(case.secrets, "")
    own = mentioned(command.everything, wanted)
    placed = {name for each in shell.commands for name in mentioned(each.everything, wanted)}
    # One that stands in no part, but in the line, may be used by any.
    said = mentioned(shell.text, wanted)
    return next((name for name in said if name in own or name not in placed), None)


def _exact(case: Case, text: str) -> Decision | None:
    """Allowed by a rule that is exactly this command, without a wildcard."""
    wanted = one_spaced(text)
    return case.allowed(lambda rule: rule.tool == "Bash" and rule.specifier == wanted)


def _judge_tree_change(case: Case, text: str, moving: str, asks: Decision | None) -> Decision:
    """A branch switch and its like under others: asked in every mode, if not allowed verbatim."""
    if case.mode == "plan":
        return Decision("deny", _PLAN)
    if asks is None and (ruled := _exact(case, text)):
        return ruled
    who = ", ".join(case.neighbours)
    verb = "works" if len(case.neighbours) == 1 else "work"
    return Decision(
        "ask",
        f"{moving} changes the files under another session: {who} {verb} in this tree too. "
        "A worktree of one's own avoids it (git worktree add).",
    )


def _judge_parts(case: Case, shell: Shell) -> Decision:
    """Every part must be read-only or allowed, every redirection an allowed write."""
    needing: list[Command] = []
    reasons: list[str] = []
    reads: list[str | None] = []
    used: Rule | None = None
    for command in shell.commands:
        named = _uses_secret(case, shell, command)
        if shell.part_looks(command) and not named:
            continue
        rule = next((r for r in case.rules.allow if shell.covered(r, command)), None)
        used = used or rule
        secret = next((why for p in shell.paths(command) if (why := case.place.secret(p))), None)
        if secret:
            reasons.append(secret)
            reads.append(None)
        elif rule is None:
            needing.append(command)
            if shell.place.away:
                reads.append(None)  # Only a rule for the whole line covers it there.
            why = f"it uses the secret {named}" if named else shell.unreadable(command)
            reasons.append(why or command.text or "an assignment")
    refused = [each for command in shell.commands for each in _refused_writes(case, shell, command)]
    if not reasons and not refused:
        by = f"Allowed by the rule {shown(used)}." if used else "Every part of it is allowed."
        return Decision("allow", by, used)
    parts = "; ".join(reason if len(reason) <= 80 else reason[:79] + "…" for reason in reasons[:3])
    told = [f"Not known to be harmless: {parts}."] if reasons else []
    told += [why for why, _ in refused[:1]]
    needed = _needed(suggest(needing), needing, reads + [rule for _, rule in refused])
    return Decision("ask", " ".join(told), None, needed[0] if len(needed) == 1 else None, needed)


def _needed(
    commands: tuple[str, ...], needing: list[Command], others: list[str | None]
) -> tuple[str, ...]:
    """All rules that a command needs; none when one of its parts has no rule."""
    more = [rule for rule in dict.fromkeys(others) if rule is not None]
    if None in others or (needing and not commands):
        return ()
    return (*commands, *more)


def _refused_writes(case: Case, shell: Shell, command: Command) -> Iterator[tuple[str, str | None]]:
    """Why what this part writes needs permission, each with the rule that would give it."""
    for raw, paths in shell.writes(command):
        if not paths:
            yield f"It writes to {raw}, which is known only when it runs.", None
        for path in paths:
            if not _may_write(case, path):
                yield f"It writes to {case.label(path)}.", case.path_rule("Edit", path)
    if shell.part_looks(command) or any(
        rule.specifier is None and covers_tool(rule, "Bash") for rule in case.rules.allow
    ):
        return
    for path in shell.outside(command):
        if not _may_write(case, path):
            yield (
                f"It changes {case.label(path)}, outside of the working directory.",
                (case.path_rule("Edit", path)),
            )


def _may_write(case: Case, path: Path) -> bool:
    if case.mode == "acceptEdits" and inside(path, case.place.roots):
        return True
    return any(
        covers_tool(rule, "Edit")
        and rule.tool != "*"
        and (rule.specifier is None or case.fits(rule, path))
        for rule in case.rules.allow
    )


def _concerns(case: Case, rule: Rule, shell: Shell) -> bool:
    """Whether a deny or ask rule is about the command itself, or a path that it names."""
    if shell.concerns(rule):
        return True
    if rule.specifier is None or rule.tool not in READERS | EDITORS:
        return False
    if shell.script is None:
        return any(case.fits(rule, path, loose=True) for path in shell.rough_paths())
    changes = rule.tool in EDITORS
    return any(
        case.fits(rule, path, loose=True)
        for command in shell.commands
        for path in _touched(shell, command, changes=changes)
    )


def _touched(shell: Shell, command: Command, *, changes: bool) -> Sequence[Path]:
    """The paths that a part reads, or, with `changes`, those that it may change."""
    written = [path for _, paths in shell.writes(command) for path in paths]
    if changes and shell.part_looks(command):
        return written
    return [*written, *shell.touched(command)]
