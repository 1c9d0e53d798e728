"""The vocabulary of permissions: modes, rules, decisions."""

from dataclasses import dataclass
from typing import Literal

PermissionMode = Literal["default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"]

Verdict = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, slots=True)
class Rule:
    """``Tool`` or ``Tool(specifier)`` in Claude Code's syntax, and where it was written."""

    tool: str
    specifier: str | None
    source: str = ""


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
    """

    verdict: Verdict
    reason: str
    rule: Rule | None = None
    suggestion: str | None = None


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
