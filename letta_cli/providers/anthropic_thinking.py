"""How a Claude model is asked to think. Generations differ, and a wrong field is refused.

From 4.6 on thinking is adaptive and its depth an effort; before, it is a budget of tokens. The
newest models cannot be told not to think at all. What the models endpoint says of a model beats
what its name suggests.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from letta_cli.core.provider import Effort
from letta_cli.providers.shapes import as_object

_BUDGETS: dict[Effort, int] = {"low": 2048, "medium": 8192, "high": 24_576}
_VERSION = re.compile(r"-(\d+)(?:-(\d{1,2}))?(?:-|$)")


@dataclass(frozen=True, slots=True)
class ThinkingForms:
    """Which ``thinking.type`` values a model takes, and whether it takes an effort."""

    adaptive: bool
    enabled: bool
    disabled: bool
    between_tools: bool = False
    effort: bool = False


def forms_from_name(model: str) -> ThinkingForms:
    """A guess from the version in the name: ``claude-sonnet-4-5-20250929`` is 4.5."""
    if "claude" not in model:
        return ThinkingForms(adaptive=False, enabled=False, disabled=False)
    found = _VERSION.search(model)
    version = int(found[1]) + int(found[2] or 0) / 100 if found else 99.0
    if version >= 4.06:
        always = "fable" in model or "mythos" in model or ("opus" in model and version > 5)
        return ThinkingForms(
            adaptive=True,
            enabled=False,
            disabled=not always and version <= 5,
            between_tools=not always and version > 5,
            effort=True,
        )
    supported = version >= 3.07
    return ThinkingForms(adaptive=False, enabled=supported, disabled=True)


def forms_from_capabilities(capabilities: Mapping[str, Any] | None) -> ThinkingForms | None:
    """What the models endpoint says, or None where it says nothing."""
    told = as_object(capabilities)
    types = as_object(as_object(told.get("thinking")).get("types"))
    if not types:
        return None

    def takes(name: str) -> bool:
        return bool(as_object(types.get(name)).get("supported"))

    return ThinkingForms(
        adaptive=takes("adaptive"),
        enabled=takes("enabled"),
        disabled=takes("disabled"),
        between_tools=takes("between_tools"),
        effort=bool(as_object(told.get("effort")).get("supported")),
    )


def thinking_fields(forms: ThinkingForms, effort: Effort, max_tokens: int) -> dict[str, Any]:
    """The request's fields for an effort: ``thinking``, ``output_config``, or none.

    With ``off`` nothing is sent where a model does not think unasked; where it does, it is told
    not to, or, where that cannot be said, to think as little as it may.
    """
    fields: dict[str, Any] = {}
    if effort == "off":
        if forms.between_tools:
            fields["thinking"] = {"type": "between_tools"}
        elif forms.adaptive and forms.disabled:
            fields["thinking"] = {"type": "disabled"}
        elif forms.adaptive:
            fields["thinking"] = {"type": "adaptive", "display": "summarized"}
            fields["output_config"] = {"effort": "low"}
    elif forms.adaptive:
        # Without `summarized` the newest models send signatures and no readable text, also for
        # what they say between two tool calls.
        fields["thinking"] = {"type": "adaptive", "display": "summarized"}
        if forms.effort:
            fields["output_config"] = {"effort": effort}
    elif forms.enabled:
        budget = min(_BUDGETS[effort], max_tokens - 1024)
        if budget >= 1024:
            fields["thinking"] = {"type": "enabled", "budget_tokens": budget}
    return fields
