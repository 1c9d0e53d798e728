"""Checks rules when they are loaded: those that can never decide anything, and their examples."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from letta_cli.core.errors import ConfigError
from letta_cli.core.message import ToolCall
from letta_cli.core.need import RULE_TOOL, need_from_text
from letta_cli.core.permission import Rule, Rules
from letta_cli.core.tool import ToolSpec
from letta_cli.permissions.case import make_case
from letta_cli.permissions.decide import decide
from letta_cli.permissions.paths import anchor, protected
from letta_cli.permissions.rules import EDITORS, READERS, covers_tool
from letta_cli.permissions.shell import take_apart
from letta_cli.permissions.wrappers import WRAPPERS

_ALWAYS = ("Bash", RULE_TOOL, "WebFetch", "Skill", "Task", "Agent", "ExitPlanMode")
_HOST = re.compile(r"(\*\.)?[\w.-]+\Z")


def dead_rules(rules: Rules, tools: Iterable[str], *, cwd: Path, home: Path) -> list[str]:
    """One warning for each rule that can never decide anything, with its reason and a remedy."""
    names = [*tools, *READERS, *EDITORS, *_ALWAYS]
    warnings: list[str] = []
    for kind, listed in (("deny", rules.deny), ("ask", rules.ask), ("allow", rules.allow)):
        for rule in listed:
            why = _never(rule, kind, rules, names, cwd, home)
            if why:
                where = f" ({rule.source})" if rule.source else ""
                warnings.append(f"The permission rule {rule.text}{where} never applies: {why}.")
    return warnings


def _never(
    rule: Rule, kind: str, rules: Rules, names: list[str], cwd: Path, home: Path
) -> str | None:
    if not rule.tool.startswith("mcp__") and not any(covers_tool(rule, n) for n in names):
        return f"there is no tool {rule.tool}"
    if kind != "deny" and (by := _shadow(rule, rules.deny)):
        return f"the deny rule {by.text} decides before it"
    if kind == "allow" and (by := _shadow(rule, rules.ask)):
        return f"the ask rule {by.text} decides before it"
    if rule.specifier is None:
        return None
    if rule.tool == "Bash":
        return _dead_command(rule.specifier, kind)
    if rule.tool in READERS | EDITORS:
        return _dead_path(rule, rule.specifier, kind, cwd, home)
    if rule.tool == RULE_TOOL:
        return _dead_need(rule.specifier)
    if rule.tool == "WebFetch":
        domain = rule.specifier.removeprefix("domain:").strip()
        if not rule.specifier.startswith("domain:") or not _HOST.match(domain):
            return "write WebFetch(domain:example.com), with a host alone"
    return None


def _shadow(rule: Rule, others: Iterable[Rule]) -> Rule | None:
    """A rule of a stronger list that is about everything that `rule` is about."""
    return next(
        (
            other
            for other in others
            if covers_tool(other, rule.tool) and other.specifier in (None, rule.specifier)
        ),
        None,
    )


def _dead_command(specifier: str, kind: str) -> str | None:
    if not specifier.removesuffix(":*").strip():
        return "it names no command; Bash alone means every command"
    if ":*" in specifier[:-2]:
        return "the form :* stands only at the end"
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", specifier)
    if "*" in bare and re.search(r"&&|\|\||[;|\n]|(?<!\d)>|\$\(|`", bare) and kind == "allow":
        return "each part of a command is judged by itself; write one rule for each part"
    words = specifier.removesuffix(":*").split()
    wrapper = WRAPPERS.get(words[0])
    if kind == "allow" and "*" in specifier and wrapper is not None:
        fixed = [w for w in specifier.split("*")[0].removesuffix(":").split()[1:] if w[:1] != "-"]
        if len(fixed) <= wrapper.operands:
            return f"{words[0]} runs any other command; name that command in the rule too"
    return None


def _dead_need(specifier: str) -> str | None:
    try:
        need_from_text(specifier)
    except ValueError as error:
        return str(error)
    return None


def _dead_path(rule: Rule, specifier: str, kind: str, cwd: Path, home: Path) -> str | None:
    if "\\" in specifier:
        return "write paths with slashes"
    base, wanted, anchored = anchor(specifier, cwd, home)
    if kind == "allow" and rule.tool in EDITORS and anchored and wanted:
        fixed = base
        for part in wanted:
            if set("*?[") & set(part):
                break
            fixed /= part
        if why := protected(fixed, home, (cwd,)):
            return f"{why}, so it is asked about in every mode"
    first = wanted[0] if wanted else ""
    if rule.source and specifier.startswith("//") and len(wanted) > 1:
        # `/etc/x` in a settings file begins at the folder of that file.
        tail = [part for part in wanted if part]
        folder = Path(os.path.commonpath([str(cwd), "/" + "/".join(tail)]))
        depth = len(folder.parts) - 1
        if depth and tail[depth:] and tail[depth] in ("etc", "usr", "home", "var", "tmp", "Users"):
            rest = "/".join(tail[depth:])
            if not (folder / tail[depth]).exists() and Path("/", tail[depth]).exists():
                return f"a single slash begins at {folder}; write {rule.tool}(//{rest})"
    if first.startswith("~"):
        return "only ~/ means a home directory"
    return None


def check_examples(rules: Rules, *, cwd: Path, home: Path) -> None:
    """Try the examples that rules carry.

    Raises:
        ConfigError: a rule is not about what its author says, or about what it must not be.
    """
    for kind, listed in (("deny", rules.deny), ("ask", rules.ask), ("allow", rules.allow)):
        for rule in listed:
            for example, expected in _examples(rule):
                if applies(rule, kind, example, cwd=cwd, home=home) == expected:
                    continue
                said = "is to match" if expected else "is not to match"
                does = "does not" if expected else "does"
                raise ConfigError(
                    f"{rule.source or 'A rule'}: the {kind} rule {rule.text} {said} {example!r}, "
                    f"and {does}. Correct the rule or the example."
                )


def _examples(rule: Rule) -> Iterator[tuple[str, bool]]:
    yield from ((example, True) for example in rule.match)
    yield from ((example, False) for example in rule.not_match)


def applies(rule: Rule, kind: str, example: str, *, cwd: Path, home: Path) -> bool:
    """Whether a rule alone, in the list `kind`, decides over a call that is given as a text."""
    alone = Rules(**{kind: (rule,)})
    call = call_of(rule.tool, example)
    spec = ToolSpec(call.name, "", {}, "execute")
    decision = decide(call, spec, rules=alone, mode="default", cwd=cwd, roots=(), home=home)
    if call.name == "Bash" and kind == "allow" and decision.verdict == "allow":
        # What only looks would pass without the rule, too.
        case = make_case(alone, "default", cwd, (), home)
        shell = take_apart(example, case.place)
        return decision.rule == rule or any(shell.covered(rule, part) for part in shell.commands)
    return decision.rule == rule


def call_of(tool: str, value: str) -> ToolCall:
    """The call of `tool` whose telling argument is `value`."""
    if tool in ("Bash", "*"):
        return ToolCall("test", "Bash", {"command": value})
    if tool == "WebFetch":
        url = value if "://" in value else f"https://{value}"
        return ToolCall("test", "WebFetch", {"url": url})
    if tool in ("Grep", "Glob"):
        return ToolCall("test", tool, {"path": value})
    if tool in READERS | EDITORS:
        return ToolCall("test", tool, {"file_path": value})
    name = {"Skill": "skill", "Task": "agent", "Agent": "name", "memory": "path"}
    return ToolCall("test", tool, {name.get(tool, "label"): value})
