"""The decision on one tool call: deny rules, then ask rules, then what must be asked in every
mode, then the mode, then allow rules, then the default for the kind of tool."""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from letta_cli.core.message import ToolCall
from letta_cli.core.permission import Decision, PermissionMode, Rule, Rules
from letta_cli.core.tool import ToolSpec
from letta_cli.permissions.paths import canonical, fits, inside, lexical, protected, secret
from letta_cli.permissions.rules import (
    EDITORS,
    READERS,
    covers_host,
    covers_tool,
    covers_value,
)
from letta_cli.permissions.shell import Shell, suggest, take_apart
from letta_cli.permissions.splitter import Command
from letta_cli.permissions.tree import tree_change

_QUIET_KINDS = frozenset({"read", "memory", "todo"})
_TELLING_ARGUMENT = {
    "Skill": "skill", "conversation_search": "query", "conversation_open": "citation",
    "memory_insert": "label", "memory_replace": "label", "memory_rethink": "label",
    "memory": "path", "archival_memory_insert": "content", "archival_memory_search": "query",
}  # fmt: skip


def decide(
    call: ToolCall,
    spec: ToolSpec,
    *,
    rules: Rules,
    mode: PermissionMode,
    cwd: Path,
    roots: tuple[Path, ...],
    home: Path | None = None,
    neighbours: tuple[str, ...] = (),
) -> Decision:
    """What may happen with `call`. Pure: reads nothing but where links lead.

    Args:
        roots: directories that may be worked in; `cwd` is always one.
        home: the person's home directory; found out when it is not given.
        neighbours: names of the other live sessions that work in the same tree.
    """
    cwd = Path(cwd.resolve())
    home = (home or Path("~").expanduser()).resolve()
    roots = tuple(dict.fromkeys((cwd, *(root.resolve() for root in roots))))
    case = _Case(call, spec, rules, mode, cwd, roots, home, neighbours)
    decision = _judge(case)
    if mode == "dontAsk" and decision.verdict == "ask":
        reason = f"{decision.reason} Nobody is asked in this mode."
        return replace(decision, verdict="deny", reason=reason)
    return decision


@dataclass(frozen=True, slots=True)
class _Case:
    call: ToolCall
    spec: ToolSpec
    rules: Rules
    mode: PermissionMode
    cwd: Path
    roots: tuple[Path, ...]
    home: Path
    neighbours: tuple[str, ...]

    @property
    def arguments(self) -> Mapping[str, object]:
        return self.call.arguments

    def text(self, name: str) -> str:
        value = self.arguments.get(name)
        return value if isinstance(value, str) else ""


def _judge(case: _Case) -> Decision:
    name = case.call.name
    if case.call.malformed is not None:
        return Decision("allow", "The call is malformed and will be refused by the tool.")
    if name == "Bash":
        return _judge_shell(case)
    if name in EDITORS or name in READERS:
        return _judge_path(case)
    if name == "WebFetch":
        return _judge_fetch(case)
    return _judge_other(case)


def _by_rules(case: _Case, concerns: Callable[[Rule], bool]) -> Decision | None:
    """What a deny or ask rule says."""
    for rule in case.rules.deny:
        if concerns(rule):
            return Decision("deny", f"Refused by the rule {shown(rule)}.", rule)
    for rule in case.rules.ask:
        if concerns(rule):
            return Decision("ask", f"The rule {shown(rule)} asks first.", rule)
    return None


def _allowed(case: _Case, covers: Callable[[Rule], bool]) -> Decision | None:
    for rule in case.rules.allow:
        if covers(rule):
            return Decision("allow", f"Allowed by the rule {shown(rule)}.", rule)
    return None


def shown(rule: Rule) -> str:
    """A rule as it is written, and where."""
    text = rule.tool if rule.specifier is None else f"{rule.tool}({rule.specifier})"
    return f"{text} of {rule.source}" if rule.source else text


def _judge_path(case: _Case) -> Decision:
    written = case.text("file_path") or case.text("path") or "."
    if case.call.name == "Glob" and case.text("pattern").startswith("/"):
        written = case.text("pattern")
    try:
        path = canonical(written, case.cwd, case.home)
        as_written = lexical(written, case.cwd, case.home)
    except (OSError, ValueError):
        return Decision("allow", "The path is not valid; the tool will say so.")

    def concerns(rule: Rule) -> bool:
        if not covers_tool(rule, case.call.name):
            return False
        if rule.specifier is None:
            return True
        return _fits(rule, path, case) or _fits(rule, as_written, case)

    def covers(rule: Rule) -> bool:
        if not covers_tool(rule, case.call.name):
            return False
        return rule.specifier is None or _fits(rule, path, case)

    if ruled := _by_rules(case, concerns):
        return ruled
    if case.call.name in READERS:
        return _judge_read(case, path, covers)
    label = _label(path, case)
    if case.mode == "plan":
        return Decision("deny", f"Plan mode: {label} is not changed before the plan is agreed.")
    if why := protected(path, case.home, case.roots):
        return Decision("ask", f"{why}; every change of it is asked about.")
    within = inside(path, case.roots)
    if case.mode == "bypassPermissions":
        return Decision("allow", "Everything is allowed in this mode.")
    if ruled := _allowed(case, covers):
        return ruled
    if case.mode == "acceptEdits" and within:
        return Decision("allow", "Edits in the working directory are accepted in this mode.")
    suggestion = _path_rule(path, case)
    if not within:
        return Decision("ask", f"{label} is outside of the working directory.", None, suggestion)
    return Decision("ask", f"{case.call.name} changes {label}.", None, suggestion)


def _judge_read(case: _Case, path: Path, covers: Callable[[Rule], bool]) -> Decision:
    why = secret(path)
    if why is None or case.mode == "bypassPermissions":
        return Decision("allow", "Reading changes nothing.")
    # Only a rule about paths was written with this file in mind.
    if ruled := _allowed(case, lambda rule: rule.specifier is not None and covers(rule)):
        return ruled
    return Decision("ask", f"{why}.")


def _judge_shell(case: _Case) -> Decision:
    text = case.text("command")
    shell = take_apart(text, case.cwd, case.roots, case.home)
    ruled = _by_rules(case, lambda rule: _shell_concerns(rule, shell, case))
    if ruled is not None and ruled.verdict == "deny":
        return ruled
    if case.neighbours and (moving := tree_change(text)):
        return _judge_tree_change(case, text, moving, ruled)
    if ruled is not None:
        return ruled
    if why := shell.dangerous:
        return Decision("ask", f"This command is asked about in every mode: {why}.")
    if shell.looks_only:
        return Decision("allow", "The command only reads.")
    if case.mode == "plan":
        return Decision("deny", "Plan mode: only commands that read are run.")
    if case.mode == "bypassPermissions":
        return Decision("allow", "Everything is allowed in this mode.")
    if shell.commands is None:
        exact = " ".join(text.split())
        if ruled := _allowed(case, lambda rule: rule.tool == "Bash" and rule.specifier == exact):
            return ruled
        return Decision("ask", f"The command was not understood in full ({shell.problem}).")
    return _judge_parts(case, shell, shell.commands)


def _judge_tree_change(case: _Case, text: str, moving: str, asks: Decision | None) -> Decision:
    """A branch switch and its like under others: asked in every mode, if not allowed verbatim."""
    if case.mode == "plan":
        return Decision("deny", "Plan mode: only commands that read are run.")
    exact = " ".join(text.split())
    if asks is None and (
        ruled := _allowed(case, lambda r: r.tool == "Bash" and r.specifier == exact)
    ):
        return ruled
    who = ", ".join(case.neighbours)
    verb = "works" if len(case.neighbours) == 1 else "work"
    return Decision(
        "ask",
        f"{moving} changes the files under another session: {who} {verb} in this tree too. "
        "A worktree of one's own avoids it (git worktree add).",
    )


def _judge_parts(case: _Case, shell: Shell, commands: list[Command]) -> Decision:
    """Every part must be read-only or allowed, every redirection an allowed write."""
    needing: list[Command] = []
    used: Rule | None = None
    for command in commands:
        if shell.part_looks(command):
            continue
        rule = next((r for r in case.rules.allow if shell.covered(r, command)), None)
        if rule is None or shell.shows_secret(command):
            needing.append(command)
        used = used or rule
    refused = [each for command in commands for each in _refused_writes(case, shell, command)]
    if not needing and not refused:
        by = f"Allowed by the rule {shown(used)}." if used else "Every part of it is allowed."
        return Decision("allow", by, used)
    reasons = [shell.shows_secret(command) or command.text for command in needing]
    parts = "; ".join(reason if len(reason) <= 60 else reason[:59] + "…" for reason in reasons[:3])
    told = [f"Not known to be harmless: {parts}."] if needing else []
    told += [why for why, _ in refused[:1]]
    secretive = any(shell.shows_secret(command) for command in needing)
    needed = _needed(() if secretive else suggest(needing), needing, [rule for _, rule in refused])
    return Decision("ask", " ".join(told), None, needed[0] if len(needed) == 1 else None, needed)


def _needed(
    commands: tuple[str, ...], needing: list[Command], writes: list[str | None]
) -> tuple[str, ...]:
    """All rules that a command needs; none when one of its parts has no rule."""
    edits = [rule for rule in dict.fromkeys(writes) if rule is not None]
    if None in writes or (needing and not commands):
        return ()
    return (*commands, *edits)


def _refused_writes(
    case: _Case, shell: Shell, command: Command
) -> Iterator[tuple[str, str | None]]:
    """Why redirections of this part need permission, each with the rule that would give it."""
    for redirect, paths in shell.writes(command):
        if not paths:
            yield f"It writes to {redirect.target.raw}, which is known only when it runs.", None
        for path in paths:
            accepted = case.mode == "acceptEdits" and inside(path, case.roots)
            if not accepted and not any(
                covers_tool(rule, "Edit") and rule.tool != "*"
                and (rule.specifier is None or _fits(rule, path, case))
                for rule in case.rules.allow
            ):  # fmt: skip
                yield f"It writes to {_label(path, case)}.", _path_rule(path, case)


def _shell_concerns(rule: Rule, shell: Shell, case: _Case) -> bool:
    """Whether a deny or ask rule is about the command itself, or a path that it names."""
    if shell.concerns(rule):
        return True
    if rule.specifier is None or rule.tool not in READERS | EDITORS or shell.commands is None:
        return False
    if rule.tool in EDITORS:
        return any(
            _fits(rule, path, case)
            for command in shell.commands
            for path in (
                [] if shell.part_looks(command) else list(shell.paths(command))
            ) + [path for _, paths in shell.writes(command) for path in paths]
        )  # fmt: skip
    return any(_fits(rule, path, case) for c in shell.commands for path in shell.paths(c))


def _judge_fetch(case: _Case) -> Decision:
    try:
        host = urlsplit(case.text("url")).hostname or ""
    except ValueError:
        host = ""
    if not host:
        return Decision("allow", "The address is not valid; the tool will say so.")

    def concerns(rule: Rule) -> bool:
        return covers_tool(rule, "WebFetch") and covers_host(rule.specifier, host)

    if ruled := _by_rules(case, concerns):
        return ruled
    if case.mode == "bypassPermissions":
        return Decision("allow", "Everything is allowed in this mode.")
    private = _private(host)
    # A rule for the web in general does not open what listens on this machine.
    if ruled := _allowed(case, lambda r: concerns(r) and not (private and r.specifier is None)):
        return ruled
    reason = f"WebFetch asks {host}"
    reason += ", which is inside this machine or network." if private else "."
    return Decision("ask", reason, None, f"WebFetch(domain:{host})")


def _judge_other(case: _Case) -> Decision:
    name = case.call.name
    value = case.text(_TELLING_ARGUMENT.get(name, ""))
    if name == "memory":
        # The tool takes both for the same block, so rules see one.
        value = value.strip().removeprefix("/memories/").strip()

    def concerns(rule: Rule) -> bool:
        return covers_tool(rule, name) and covers_value(rule.specifier, value)

    if ruled := _by_rules(case, concerns):
        return ruled
    ours = not name.startswith("mcp__")
    if ours and case.spec.kind in _QUIET_KINDS:
        return Decision("allow", "It touches none of your files.")
    if case.mode == "plan":
        return Decision("deny", f"Plan mode: {name} is not run before the plan is agreed.")
    if case.mode == "bypassPermissions":
        return Decision("allow", "Everything is allowed in this mode.")
    if ruled := _allowed(case, concerns):
        return ruled
    return Decision("ask", f"{name} is not known to be harmless.", None, name)


def _fits(rule: Rule, path: Path, case: _Case) -> bool:
    return rule.specifier is not None and fits(path, rule.specifier, case.cwd, case.home)


def _label(path: Path, case: _Case) -> str:
    return str(path.relative_to(case.cwd)) if inside(path, (case.cwd,)) else str(path)


def _path_rule(path: Path, case: _Case) -> str | None:
    """The rule for exactly this file; None when its name has characters of patterns."""
    if set("*?[()") & set(str(path)):
        return None
    where = f"./{path.relative_to(case.cwd)}" if inside(path, (case.cwd,)) else f"/{path}"
    return f"Edit({where})"


def _private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
