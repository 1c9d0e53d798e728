"""Permission rules in Claude Code's syntax: reading them, and which calls they are about."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from letta_cli.core.errors import ConfigError
from letta_cli.core.permission import Rule, Rules, rule_from_text

_SETTINGS = re.compile(r"(/.*\.json)\b")

READERS = frozenset({"Read", "Grep", "Glob"})
EDITORS = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit", "apply_patch"})


def parse_rule(text: str, source: str) -> Rule:
    """Read ``Tool`` or ``Tool(specifier)``.

    A path pattern with one leading slash is relative to the folder of the settings file that
    `source` names.

    Raises:
        ConfigError: not such a text.
    """
    try:
        rule = rule_from_text(text, source)
    except ValueError as error:
        where = f" in {source}" if source else ""
        raise ConfigError(
            f"The permission rule {text!r}{where} is not understood. "
            "Write Tool or Tool(specifier), for example Bash(npm test:*) or Edit(src/**)."
        ) from error
    specifier = rule.specifier or ""
    if rule.tool not in READERS | EDITORS or specifier[:1] != "/" or specifier[:2] == "//":
        return rule
    base = _folder(source)
    return Rule(rule.tool, f"/{base}{specifier}" if base else f".{specifier}", source)


def covers_tool(rule: Rule, name: str) -> bool:
    """Whether the rule speaks of the tool, whatever its arguments."""
    if rule.tool == name or rule.tool == "*":
        return True
    if rule.tool == "Read":
        return name in READERS
    if rule.tool == "Edit":
        return name in EDITORS
    if name.startswith("mcp__"):
        # A server's name stands for all of its tools.
        return fnmatchcase(name, rule.tool) or name.startswith(f"{rule.tool}__")
    return False


def covers_command(specifier: str | None, text: str) -> bool:
    """Whether a Bash rule's specifier covers a command: exact, ``prefix:*``, or with ``*``."""
    if specifier is None:
        return True
    text = " ".join(text.split())
    if specifier.endswith(":*"):
        specifier = specifier[:-2].rstrip() + " *"
    specifier = " ".join(specifier.split())
    if "*" not in specifier:
        return text == specifier
    if specifier.endswith(" *") and _glob(specifier[:-2], text):
        return True  # ``ls *`` covers a bare ``ls`` as well.
    return _glob(specifier, text)


def covers_host(specifier: str | None, host: str) -> bool:
    """Whether the specifier of a WebFetch rule, ``domain:example.com``, covers a host."""
    if specifier is None:
        return True
    domain = specifier.removeprefix("domain:").strip().casefold().removeprefix("*.")
    host = host.casefold()
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def covers_value(specifier: str | None, value: str) -> bool:
    """For tools with one telling argument, such as Skill(name)."""
    return specifier is None or fnmatchcase(value, specifier.removesuffix(":*"))


def unmatched_rules(rules: Rules, tools: Iterable[str]) -> list[str]:
    """Warnings for rules about tools that do not exist: they would never do anything."""
    names = [*tools, *READERS, *EDITORS, "Bash", "WebFetch", "Skill", "Task", "Agent"]
    warnings: list[str] = []
    for rule in (*rules.deny, *rules.ask, *rules.allow):
        if not rule.tool.startswith("mcp__") and not any(covers_tool(rule, n) for n in names):
            where = f" ({rule.source})" if rule.source else ""
            warnings.append(f"The permission rule about {rule.tool}{where} matches no tool.")
    return warnings


def _glob(pattern: str, text: str) -> bool:
    expression = ".*".join(re.escape(part) for part in re.split(r"\*+", pattern))
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _folder(source: str) -> str:
    """The folder that a settings file's rules are about."""
    match = _SETTINGS.search(source)
    if match is None:
        return ""
    folder = Path(match[1]).parent
    return str(folder.parent if folder.name in (".agent", ".claude") else folder)
