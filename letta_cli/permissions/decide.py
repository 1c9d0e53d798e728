"""The decision on one tool call: deny rules, then ask rules, then what must be asked in every
mode, then the mode, then allow rules, then the default for the kind of tool."""

import ipaddress
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from letta_cli.core.message import ToolCall
from letta_cli.core.need import Boundary, needs_of
from letta_cli.core.permission import Decision, PermissionMode, Rule, Rules
from letta_cli.core.tool import ToolSpec
from letta_cli.permissions.case import Case, RuleLists, make_case
from letta_cli.permissions.judge_needs import judge_needs, unlisted_runs
from letta_cli.permissions.judge_path import PathKind, judge_path
from letta_cli.permissions.judge_shell import judge_shell
from letta_cli.permissions.paths import canonical
from letta_cli.permissions.rules import (
    EDITORS,
    READERS,
    covers_host,
    covers_tool,
    covers_value,
)

_QUIET_KINDS = frozenset({"read", "memory", "todo"})
_TELLING_ARGUMENT = {
    "Skill": "skill", "conversation_search": "query", "conversation_open": "citation",
    "memory_insert": "label", "memory_replace": "label", "memory_rethink": "label",
    "memory": "path", "archival_memory_insert": "content", "archival_memory_search": "query",
    "Task": "agent", "Agent": "name",
}  # fmt: skip


def decide_shell(
    command: str,
    rules: RuleLists,
    cwd: Path | str,
    *,
    mode: PermissionMode = "default",
    roots: Sequence[Path | str] = (),
    home: Path | str | None = None,
    readable: Sequence[Path | str] = (),
    neighbours: tuple[str, ...] = (),
) -> Decision:
    """Whether `command` may be run with ``bash -c`` in `cwd`.

    Runs nothing and reads no file; it only looks where links lead.

    Args:
        rules: `Rules`, or their texts: ``{"allow": [...], "ask": [...], "deny": [...]}``.
        roots: directories that may be worked in; `cwd` is always one.
        home: the person's home directory; found out when it is not given.
        readable: further directories that may be read without a question.
        neighbours: names of other live sessions that work in the same tree.

    Raises:
        ConfigError: a text among `rules` is no rule.
    """
    case = make_case(rules, mode, cwd, roots, home, readable, neighbours)
    return _settled(judge_shell(case, command), mode)


def decide_path(
    path: Path | str,
    kind: str,
    rules: RuleLists,
    roots: Sequence[Path | str],
    *,
    mode: PermissionMode = "default",
    cwd: Path | str | None = None,
    home: Path | str | None = None,
    readable: Sequence[Path | str] = (),
) -> Decision:
    """Whether a file tool may use `path`.

    Args:
        path: as the model wrote it: relative to `cwd`, absolute, or with ``~/``.
        kind: ``read``, ``search`` (everything below a folder), ``edit``; ``write`` is the same.
        roots: directories that may be worked in.
        cwd: the working directory; the first of `roots` when it is not given.

    For the other arguments and errors see `decide_shell`.

    Raises:
        ValueError: `kind` is none of these, or there is neither `cwd` nor a root.
    """
    if cwd is None:
        if not roots:
            raise ValueError("decide_path needs roots or cwd")
        cwd = roots[0]
    case = make_case(rules, mode, cwd, roots, home, readable)
    kinds: dict[str, tuple[PathKind, str]] = {
        "read": ("read", "Read"), "search": ("search", "Grep"),
        "edit": ("edit", "Edit"), "write": ("edit", "Write"),
    }  # fmt: skip
    if kind not in kinds:
        raise ValueError(f"kind must be one of {', '.join(kinds)}, not {kind!r}")
    return _settled(judge_path(case, str(path), *kinds[kind]), mode)


def unreadable(rules: Rules, cwd: Path) -> Callable[[Path], bool]:
    """Which files a search must not show: those with keys, and those that a rule denies to read."""
    case = make_case(rules, "default", cwd, (), None)
    denying = [rule for rule in rules.deny if rule.tool == "Read" or rule.tool == "*"]

    def hidden(path: Path) -> bool:
        real = canonical(str(path), cwd, case.place.home)
        return case.place.secret(real) is not None or any(
            rule.specifier is None or case.fits(rule, each, loose=True)
            for rule in denying
            for each in (path, real)
        )

    return hidden


def decide(
    call: ToolCall,
    spec: ToolSpec,
    *,
    rules: Rules,
    mode: PermissionMode,
    cwd: Path,
    roots: tuple[Path, ...],
    home: Path | None = None,
    readable: Sequence[Path] = (),
    neighbours: tuple[str, ...] = (),
    boundary: Boundary | None = None,
    secrets: Collection[str] = (),
) -> Decision:
    """What may happen with `call`. Pure: reads nothing but where links lead.

    Args:
        boundary: what confines commands; None when nothing does.
        secrets: names of values that commands get which mention them.

    For the other arguments see `decide_shell`.
    """
    case = make_case(rules, mode, cwd, roots, home, readable, neighbours)
    if call.name == "Bash" and call.malformed is None:
        case = replace(case, secrets=frozenset(secrets))
        return _settled(_judge_bash(case, call, boundary), mode)
    return _settled(_judge(case, call, spec), mode)


def _settled(decision: Decision, mode: PermissionMode) -> Decision:
    if mode == "dontAsk" and decision.verdict == "ask":
        reason = f"{decision.reason} Nobody is asked in this mode."
        return replace(decision, verdict="deny", reason=reason)
    return decision


def _judge(case: Case, call: ToolCall, spec: ToolSpec) -> Decision:
    if call.malformed is not None:
        return Decision("allow", "The call is malformed and will be refused by the tool.")
    if call.name in EDITORS:
        return judge_path(case, _text(call, "file_path") or _text(call, "path"), "edit", call.name)
    if call.name in READERS:
        return _judge_reader(case, call)
    if call.name == "WebFetch":
        return _judge_fetch(case, call)
    return _judge_other(case, call, spec)


def _judge_bash(case: Case, call: ToolCall, boundary: Boundary | None) -> Decision:
    try:
        named = needs_of(call.arguments)
    except ValueError:
        return Decision("allow", "A need is not understood; the tool will say so.")
    needs = boundary.beyond(named) if boundary else ()
    here = replace(case, confined=unlisted_runs(boundary, needs))
    return judge_needs(here, needs, judge_shell(here, _text(call, "command")))


def _text(call: ToolCall, name: str) -> str:
    value = call.arguments.get(name)
    return value if isinstance(value, str) else ""


def _judge_reader(case: Case, call: ToolCall) -> Decision:
    written = _text(call, "file_path") or _text(call, "path") or "."
    pattern = _text(call, "pattern")
    if call.name == "Glob" and (pattern.startswith(("/", "~")) or ".." in pattern.split("/")):
        fixed = pattern.split("*")[0].split("?")[0].split("[")[0]
        written = fixed.rpartition("/")[0] + "/" if "/" in fixed else written
    return judge_path(case, written, "search" if call.name == "Grep" else "read", call.name)


def _judge_fetch(case: Case, call: ToolCall) -> Decision:
    try:
        host = (urlsplit(_text(call, "url").strip()).hostname or "").rstrip(".")
    except ValueError:
        host = ""
    if not host:
        return Decision("allow", "The address is not valid; the tool will say so.")

    def concerns(rule: Rule) -> bool:
        return covers_tool(rule, "WebFetch") and covers_host(rule.specifier, host)

    if ruled := case.by_rules(concerns):
        return ruled
    private = _private(host)
    if case.mode == "bypassPermissions" and not private:
        return Decision("allow", "Everything is allowed in this mode.")
    # A rule for the web in general does not open what listens on this machine.
    if ruled := case.allowed(lambda r: concerns(r) and not (private and r.specifier is None)):
        return ruled
    reason = f"WebFetch asks {host}"
    reason += ", which is inside this machine or network." if private else "."
    return Decision("ask", reason, None, f"WebFetch(domain:{host})")


def _judge_other(case: Case, call: ToolCall, spec: ToolSpec) -> Decision:
    name = call.name
    value = _text(call, _TELLING_ARGUMENT.get(name, ""))
    if name == "memory":
        # The tool takes both for the same block, so rules see one.
        value = value.strip().removeprefix("/memories/").strip()

    def concerns(rule: Rule) -> bool:
        return covers_tool(rule, name) and covers_value(rule.specifier, value)

    if ruled := case.by_rules(concerns):
        return ruled
    if spec.kind == "plan":
        if case.mode == "plan":
            return Decision("ask", "The work begins when the plan is agreed.", None, "Edit(./**)")
        return Decision("allow", "There is no plan mode to end.")
    ours = not name.startswith("mcp__")
    if ours and spec.kind in _QUIET_KINDS:
        return Decision("allow", "It touches none of your files.")
    if case.mode == "plan":
        return Decision("deny", f"Plan mode: {name} is not run before the plan is agreed.")
    if case.mode == "bypassPermissions":
        return Decision("allow", "Everything is allowed in this mode.")
    if ruled := case.allowed(concerns):
        return ruled
    return Decision("ask", f"{name} is not known to be harmless.", None, name)


def _private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
