"""The vocabulary of permissions: modes, rules, decisions."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

PermissionMode = Literal["default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"]

Verdict = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, slots=True)
class Rule:
    """``Tool`` or ``Tool(specifier)`` in Claude Code's syntax, and where it was written.

    Attributes:
        match: calls that its author says it is about; checked when it is loaded.
        not_match: calls that it must not be about.
    """

    tool: str
    specifier: str | None
    source: str = ""
    match: tuple[str, ...] = ()
    not_match: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The rule as it is written."""
        return self.tool if self.specifier is None else f"{self.tool}({self.specifier})"


_TOOL = re.compile(r"[A-Za-z_*][\w*.:-]*")


def rule_from_text(text: str, source: str = "") -> Rule:
    """Read ``Tool`` or ``Tool(specifier)``: split at the first parenthesis, judge nothing.

    ``Tool()`` and ``Tool(*)`` mean the whole tool.

    Raises:
        ValueError: no tool name, or a parenthesis that is not closed at the end.
    """
    tool, parenthesis, rest = text.strip().partition("(")
    tool = tool.rstrip()
    if not _TOOL.fullmatch(tool):
        raise ValueError(f"{text!r} is no rule: write Tool or Tool(specifier)")
    if not parenthesis:
        return Rule(tool, None, source)
    if not rest.endswith(")"):
        raise ValueError(f"{text!r} is no rule: its parenthesis is not closed at the end")
    specifier = rest[:-1].strip()
    return Rule(tool, None if specifier in ("", "*") else specifier, source)


def rule_from_value(value: Any, source: str = "") -> Rule:
    """A rule as it stands in a settings file: its text, or an object with examples::

        {"rule": "Bash(git log:*)", "match": ["git log -5"], "not_match": ["git logs"]}

    Raises:
        ValueError: neither of these.
    """
    if isinstance(value, str):
        return rule_from_text(value, source)
    if not isinstance(value, dict):
        raise ValueError("a rule is a text or an object with rule, match and not_match")
    entries = cast("dict[str, Any]", value)
    unknown = set(entries) - {"rule", "match", "not_match"}
    text = entries.get("rule")
    if unknown or not isinstance(text, str):
        raise ValueError(f"a rule has rule, match and not_match, not {', '.join(sorted(unknown))}")
    rule = rule_from_text(text, source)
    return replace(
        rule,
        match=_examples(entries.get("match", [])),
        not_match=_examples(entries.get("not_match", [])),
    )


def _examples(value: Any) -> tuple[str, ...]:
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    if not all(isinstance(item, str) and item for item in items):
        raise ValueError("match and not_match are lists of texts")
    return tuple(items)


@dataclass(frozen=True, slots=True)
class Rules:
    """Judged deny, then ask, then allow; the first list with a match wins."""

    allow: tuple[Rule, ...] = ()
    ask: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What may happen with a call, and why.

    Attributes:
        reason: a sentence fit for the person and the model.
        suggestion: the narrowest rule that would allow this call from now on, or None.
        needed: the rules that would allow it together, where one is not enough.
        path: for a file tool the canonical path that was judged.
    """

    verdict: Verdict
    reason: str
    rule: Rule | None = None
    suggestion: str | None = None
    needed: tuple[str, ...] = ()
    path: Path | None = None

    @property
    def remedy(self) -> tuple[str, ...]:
        """The rules that would allow the call; none when no rule can."""
        return self.needed or ((self.suggestion,) if self.suggestion else ())


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person said to an approval request.

    Attributes:
        message: told to the model with a denial.
        remember: allow the suggested rule for the rest of this session.
    """

    allow: bool
    message: str = ""
    remember: bool = False
