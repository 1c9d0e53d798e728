"""Asks the person before a tool call runs. Keys meant for something else must never approve.

For half a second after the panel appears, and as long as somebody is evidently typing a
sentence, keys go to the input line instead.
"""

import time
from collections.abc import Callable
from typing import Any

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from letta_cli.core.event import ApprovalRequested
from letta_cli.core.permission import Answer
from letta_cli.frontends.interactive import diff
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.markdown import CODE_THEME
from letta_cli.frontends.interactive.measures import plural
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.interactive.tool_lines import title_text
from letta_cli.frontends.sanitize import sanitize, sanitize_line

GRACE_SECONDS = 0.5
_FRAME_LINES = 11
"""Lines that the panel takes besides the preview; `_SMALL_FRAME_LINES` where there is no room."""
_SMALL_FRAME_LINES = 6


class ApprovalPanel:
    """One request. `answered` is called once, with None when the person interrupts the run."""

    def __init__(
        self,
        event: ApprovalRequested,
        look: Look,
        *,
        answered: Callable[[Answer | None], None],
        typed: Callable[[str], None],
        show_all: Callable[[RenderableType], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._event = event
        self._look = look
        self._answered = answered
        self._typed = typed
        self._show_all = show_all
        self._clock = clock
        self._quiet_until = clock() + GRACE_SECONDS
        self._selected = 0
        self._reason: str | None = None
        self._closed = False
        self._options = self._make_options()

    def _make_options(self) -> list[tuple[str, str]]:
        """Digit and label. A digit always means the same, also where 2 cannot be offered."""
        options = [("1", "Yes, this once")]
        suggestion = self._event.decision.suggestion
        if suggestion:
            rule = sanitize_line(suggestion)
            options.append(("2", f"Yes, and for the rest of this session: {rule}"))
        return [*options, ("3", "No"), ("4", "No, and tell the model why")]

    def render(self, width: int, height: int) -> RenderableType:
        title = Hanging(title_text(self._event.title), "  ")
        if height < _FRAME_LINES + 2:
            limit = max(0, height - _SMALL_FRAME_LINES)
            last = [] if self._reason is None else [self._last_line()]
            return Group(title, *self._preview(limit, width), *self._option_lines(), *last)
        rule = Rule("Approval", style="warn", align="left", characters=self._look.rule)
        parts: list[RenderableType] = ["", rule, title]
        parts += self._preview(height - _FRAME_LINES, width)
        if self._event.decision.reason:
            reason = Text(sanitize_line(self._event.decision.reason), style="quiet")
            parts.append(Hanging(reason, "  "))
        return Group(*parts, "", *self._option_lines(), self._last_line())

    def _option_lines(self) -> list[RenderableType]:
        lines: list[RenderableType] = []
        for number, (digit, label) in enumerate(self._options):
            chosen = number == self._selected
            sign = f"{self._look.cursor} " if chosen else "  "
            line = Text(f"{digit}. {label}", style="accent" if chosen else "")
            lines.append(Hanging(line, sign, "accent", rest="     "))
        return lines

    def _last_line(self) -> RenderableType:
        if self._reason is not None:
            said = Text.assemble(("Why not? ", "warn"), self._reason, ("▏", "blink"))
            return Hanging(said, "  ")
        if self._clock() < self._quiet_until:
            return Text("  (your typing goes to the message below)", style="quiet")
        return Text("  enter or 1-4 to choose, y or n, esc to interrupt", style="quiet")

    def _preview(self, limit: int, width: int) -> list[RenderableType]:
        body, hidden = preview(self._event, self._look, limit, width)
        if body is None:
            return []
        parts: list[RenderableType] = [Hanging(body, "    ")]
        if hidden:
            text = f"{self._look.dots} +{plural(hidden, 'line')} (ctrl+e to show all)"
            parts.append(Text(f"    {text}", style="warn"))
        return parts

    def press(self, key: str, text: str = "") -> None:
        if self._closed:
            return
        if key in {"c-c", "c-d"}:
            self._close(None)
        elif self._reason is not None:
            self._press_in_reason(key, text)
        elif self._clock() < self._quiet_until:
            self._pass_on(key, text)
        else:
            self._press_in_list(key, text)

    def _pass_on(self, key: str, text: str) -> None:
        if key in {"text", "paste"}:
            self._quiet_until = self._clock() + GRACE_SECONDS
            self._typed(text)

    def _press_in_list(self, key: str, text: str) -> None:
        count = len(self._options)
        match key:
            case "up":
                self._selected = (self._selected - 1) % count
            case "down" | "tab":
                self._selected = (self._selected + 1) % count
            case "enter":
                self._choose(self._selected)
            case "escape":
                self._close(None)
            case "c-e":
                body, _hidden = preview(self._event, self._look, None, 0)
                if body is not None:
                    self._show_all(Hanging(body, "  "))
            case "text":
                self._press_letter(text)
            case "paste":
                # Pasted text is never an answer, not even a lone "y".
                self._pass_on(key, text)
            case _:
                pass

    def _press_letter(self, text: str) -> None:
        if text in {"1", "2", "3", "4"}:
            for number, (digit, _label) in enumerate(self._options):
                if digit == text:
                    self._choose(number)
        elif text in {"y", "Y"}:
            self._choose(0)
        elif text in {"n", "N"}:
            self._close(Answer(allow=False))
        else:
            # No option has this key: the person is writing a message.
            self._pass_on("text", text)

    def _press_in_reason(self, key: str, text: str) -> None:
        reason = self._reason or ""
        match key:
            case "text" | "paste":
                self._reason = reason + sanitize_line(text) if text.strip() else reason + " "
            case "backspace":
                self._reason = reason[:-1]
            case "escape":
                self._reason = None
            case "enter" if reason.strip():
                self._close(Answer(allow=False, message=reason.strip()))
            case _:
                pass

    def _choose(self, number: int) -> None:
        match self._options[number][0]:
            case "1":
                self._close(Answer(allow=True))
            case "2":
                self._close(Answer(allow=True, remember=True))
            case "3":
                self._close(Answer(allow=False))
            case _:
                self._selected = number
                self._reason = ""

    def _close(self, answer: Answer | None) -> None:
        self._closed = True
        self._answered(answer)


def preview(
    event: ApprovalRequested, look: Look, limit: int | None, width: int
) -> tuple[RenderableType | None, int]:
    """What the call would do, in at most `limit` lines, and how many lines are hidden."""
    shown: dict[str, Any] = dict(event.preview or {})
    diff_text = shown.get("diff")
    if isinstance(diff_text, str) and diff_text:
        rows = diff.parse(diff_text)
        view = diff.DiffView(rows, str(shown.get("path", "")), look, limit=limit)
        return view, view.hidden
    text = shown.get("text")
    if not isinstance(text, str):
        text = event.call.arguments.get("command")
    if not isinstance(text, str) or not text.strip():
        return None, 0
    lines = sanitize(text).strip("\n").split("\n")
    if event.call.name == "Bash" and len(lines) == 1 and width and len(lines[0]) + 12 < width:
        # The title shows a short command in full already.
        return None, 0
    kept = lines if limit is None else lines[:limit]
    lexer = "bash" if event.call.name == "Bash" else "text"
    syntax = Syntax(
        "\n".join(kept), lexer, theme=CODE_THEME, background_color="default", word_wrap=True
    )
    return syntax, len(lines) - len(kept)
