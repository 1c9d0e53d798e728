"""Permission rules in Claude Code's syntax: reading them, and which calls they are about."""

import re
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from letta_cli.core.errors import ConfigError
from letta_cli.core.permission import Rule, rule_from_text

_SETTINGS = re.compile(r"(/.*\.json)\b")

_LETTER = {"force": "f", "recursive": "r", "all": "a", "delete": "d", "verbose": "v", "quiet": "q",
           "interactive": "i", "force-with-lease": "f", "yes": "y"}  # fmt: skip
_CASELESS = {"R": "r"}

READERS = frozenset({"Read", "Grep", "Glob"})
EDITORS = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit", "apply_patch"})


def parse_rule(text: str, source: str) -> Rule:
    """Read ``Tool`` or ``Tool(specifier)``; see `anchored` for paths.

    Raises:
        ConfigError: not such a text.
    """
    try:
        return anchored(rule_from_text(text, source))
    except ValueError as error:
        where = f" in {source}" if source else ""
        raise ConfigError(
            f"The permission rule {text!r}{where} is not understood. "
            "Write Tool or Tool(specifier), for example Bash(npm test:*) or Edit(src/**)."
        ) from error


def anchored(rule: Rule) -> Rule:
    """The rule as it is judged.

    A path pattern with one leading slash is relative to the folder of the settings file that
    `source` names.
    """
    specifier = rule.specifier or ""
    if rule.tool not in READERS | EDITORS or specifier[:1] != "/" or specifier[:2] == "//":
        return rule
    base = _folder(rule.source)
    return replace(rule, specifier=f"/{base}{specifier}" if base else f".{specifier}")


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


def one_spaced(text: str) -> str:
    """With one space for several. A new line stays: behind it another command begins."""
    return re.sub(r"[ \t]+", " ", text.strip(" \t\n"))


def covers_command(specifier: str | None, text: str) -> bool:
    """Whether a Bash rule's specifier covers a command: exact, ``prefix:*``, or with ``*``."""
    if specifier is None:
        return True
    text = one_spaced(text)
    if specifier.endswith(":*"):
        specifier = specifier[:-2].rstrip() + " *"
    specifier = one_spaced(specifier)
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


def same_options(specifier: str, values: Sequence[str]) -> bool:
    """Whether a Bash rule means a command whose options stand elsewhere or are spelled otherwise.

    ``rm -rf *`` means ``rm -r -f x`` and ``rm x --recursive --force``; ``git push --force:*`` means
    ``git -C x push origin --force``. Used to refuse, never to allow.
    """
    fixed, wildcard = specifier, False
    if fixed.endswith((":*", " *")):
        fixed, wildcard = fixed[:-2], True
    if "*" in fixed or not fixed.strip():
        return False
    wanted = fixed.split()
    options = {each for word in wanted[1:] if word[:1] == "-" for each in _letters(word)}
    words = [word for word in wanted if word[:1] != "-"]
    given = {each for value in values[1:] if value[:1] == "-" for each in _letters(value)}
    operands = [value for value in values if value[:1] != "-"]
    if not options <= given or not words or operands[:1] != words[:1]:
        return False
    if not wildcard:
        return bool(options) and operands == words and given == options
    return _in_order(words[1:], operands[1:])


def _letters(word: str) -> list[str]:
    """An option as single letters where it has such; ``--force`` is ``f``."""
    if word.startswith("--"):
        name = word[2:].partition("=")[0]
        return [_LETTER.get(name, name)]
    return [_CASELESS.get(letter, letter) for letter in word[1:].partition("=")[0]]


def _in_order(words: Sequence[str], operands: Sequence[str]) -> bool:
    """Whether `words` stand in `operands`, in this order, one value of a global option between."""
    at = 0
    for word in words:
        following = list(operands[at : at + 3])
        if word not in following:
            return False
        at += following.index(word) + 1
    return True


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
