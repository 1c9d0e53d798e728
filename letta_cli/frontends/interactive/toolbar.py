"""The line at the bottom: mode, model, place, context and cost; it gives way when narrow."""

from dataclasses import dataclass
from typing import Literal

from prompt_toolkit.formatted_text import StyleAndTextTuples
from rich.cells import cell_len

from letta_cli.core.permission import PermissionMode
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.measures import money, short_path, tokens
from letta_cli.frontends.sanitize import sanitize_line

MODE_NAMES: dict[PermissionMode, str] = {
    "default": "asks first",
    "acceptEdits": "edits allowed",
    "plan": "plan only",
    "dontAsk": "never asks",
    "bypassPermissions": "everything allowed",
}
_WARN, _ALARM = 70, 90
_NO_RANK = -1
"""Of what is as it comes: the first to give way."""
Level = Literal["", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class ToolbarFacts:
    """Attributes:
    cost_usd: None when prices are not known; then no cost is shown.
    badge: a warning that is kept longest.
    sandbox: what confines commands, as far as it was proved.
    hint: shown instead of everything else while it is set.
    """

    mode: PermissionMode
    model: str
    cwd: str
    branch: str
    context_tokens: int
    context_window: int | None
    cost_usd: float | None
    hint: str = ""
    badge: str = ""
    sandbox: str = ""


def context_text(used: int, window: int | None) -> tuple[str, Level]:
    """``12k/200k (6%)`` and how alarming that is."""
    if not window:
        return (f"{tokens(used)} tokens" if used else ""), ""
    percent = min(100, round(100 * used / window))
    level: Level = "bad" if percent > _ALARM else "warn" if percent > _WARN else ""
    return f"{tokens(used)}/{tokens(window)} ({percent}%)", level


def toolbar(facts: ToolbarFacts, look: Look, width: int) -> StyleAndTextTuples:
    """The line for `width` columns. The context and a risky mode are kept longest."""
    if facts.hint:
        return [("class:toolbar.hint", f"  {facts.hint}"[: max(0, width - 1)])]
    context, level = context_text(facts.context_tokens, facts.context_window)
    place = short_path(facts.cwd, limit=28)
    if facts.branch:
        place += f" ({_clip(facts.branch, 24)})"
    cost = money(facts.cost_usd) if facts.cost_usd else ""
    mode_style = (
        "class:toolbar" if facts.mode == "default" else f"class:toolbar.{facts.mode.lower()}"
    )
    mode_rank = 0 if facts.mode == "default" else 6
    # In the order they are shown; the lowest number goes first when there is no room.
    badge = sanitize_line(facts.badge)
    if look.warning != "⚠":
        badge = badge.replace("⚠", look.warning)
    parts = [
        (7, "class:toolbar.warn", _clip(badge, 60)),
        (mode_rank, mode_style, MODE_NAMES[facts.mode]),
        (2, "class:toolbar", sanitize_line(facts.model)),
        (1, "class:toolbar", sanitize_line(place)),
        (_NO_RANK if facts.sandbox == "no sandbox" else 4, "class:toolbar", facts.sandbox),
        (3, "class:toolbar", cost),
        (5, f"class:toolbar {level and 'class:toolbar.' + level}".strip(), context),
    ]
    shown = [part for part in parts if part[2]]
    while len(shown) > 1 and _width(shown, look) > width - 1:
        shown.remove(min(shown))
    line: StyleAndTextTuples = [("class:toolbar", "  ")]
    for number, (_rank, style, text) in enumerate(shown):
        if number:
            line.append(("class:toolbar", look.separator))
        line.append((style, text if len(shown) > 1 else text[: max(0, width - 3)]))
    return line


def _width(parts: list[tuple[int, str, str]], look: Look) -> int:
    between = len(look.separator) * (len(parts) - 1)
    return 2 + between + sum(cell_len(part[2]) for part in parts)


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
