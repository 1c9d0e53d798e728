"""Asks the person before a tool call runs. Keys meant for something else must never approve.

For half a second after the panel appears keys go to the input line, and so they do as long as
there is a draft in it: then who moves up here with an arrow or Tab can answer, and Enter when the
draft is nothing but an answer that was typed below this panel. With an empty line a letter or digit
answers when nothing is typed right after it.
"""

import time
from collections.abc import Callable
from typing import Any, Literal, Protocol

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from letta_cli.core.counting import plural
from letta_cli.core.event import ApprovalRequested
from letta_cli.core.permission import Answer
from letta_cli.frontends.interactive import diff
from letta_cli.frontends.interactive.lone_key import Later, LoneKey
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.markdown import CODE_THEME
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.interactive.tool_lines import title_text
from letta_cli.frontends.sanitize import sanitize, sanitize_line

GRACE_SECONDS = 0.5
_FRAME_LINES = 11
"""Lines that the panel takes besides the preview; `_SMALL_FRAME_LINES` where there is no room."""
_SMALL_FRAME_LINES = 6


_DRAFT_HINT = "clear or send your draft first: ctrl-c clears it"

Choice = Literal["once", "session", "no", "why"]


class Draft(Protocol):
    """The input line below the panel."""

    @property
    def text(self) -> str: ...
    def insert(self, text: str) -> None: ...
    def backspace(self) -> None: ...
    def clear(self) -> None: ...
    def put_aside(self) -> None: ...
    def submit(self) -> None: ...


class ApprovalPanel:
    """One request. `answered` is called once, with None when the person interrupts the run."""

    def __init__(
        self,
        event: ApprovalRequested,
        look: Look,
        *,
        answered: Callable[[Answer | None], None],
        draft: Draft,
        show_all: Callable[[RenderableType], None],
        later: Later,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._event = event
        self._look = look
        self._answered = answered
        self._draft = draft
        self._show_all = show_all
        self._clock = clock
        self._lone = LoneKey(self._decide, later)
        self._quiet_until = clock() + GRACE_SECONDS
        self._selected = 0
        self._entered = False
        self._enter_refused = False
        self._draft_is_older = bool(draft.text)
        self._reason: str | None = None
        self._closed = False
        self._options = self._make_options()

    @property
    def _drafting(self) -> bool:
        """Whether the keys belong to the draft."""
        return bool(self._draft.text) and not self._entered

    @property
    def _drafted_answer(self) -> str:
        """The answer that the draft is, when it was typed below this panel; else nothing."""
        text = self._draft.text.strip()
        return text if not self._draft_is_older and text in self._answers else ""

    def _make_options(self) -> list[tuple[Choice, str]]:
        """What can be chosen; the digits count them from 1."""
        options: list[tuple[Choice, str]] = [("once", "Yes, this once")]
        remedy = self._event.decision.remedy
        if remedy:
            rule = sanitize_line(" and ".join(remedy))
            options.append(("session", f"Yes, and for the rest of this session: {rule}"))
        return [
            *options,
            ("no", "No, and stop this turn"),
            ("why", "No, and tell the model why; it goes on"),
        ]

    def render(self, width: int, height: int) -> RenderableType:
        title = Hanging(title_text(self._event.title), "  ")
        if height < _FRAME_LINES + 2:
            limit = max(0, height - _SMALL_FRAME_LINES)
            last = [] if self._reason is None and not self._drafting else [self._last_line()]
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
        for number, (_choice, label) in enumerate(self._options):
            chosen = number == self._selected and not self._drafting
            sign = f"{self._look.cursor} " if chosen else "  "
            line = Text(f"{number + 1}. {label}", style="accent" if chosen else "")
            lines.append(Hanging(line, sign, "accent", rest="     "))
        return lines

    def _last_line(self) -> RenderableType:
        if self._reason is not None:
            said = Text.assemble(("Why not? ", "warn"), self._reason, ("▏", "blink"))
            return Hanging(said, "  ")
        if self._drafting and (answer := self._drafted_answer):
            return Hanging(Text(f"enter answers {answer}, ctrl-c clears it", style="quiet"), "  ")
        if self._enter_refused:
            why = f"enter did not answer: {_DRAFT_HINT}, enter again sends it"
            return Hanging(Text(why, style="warn"), "  ")
        if self._drafting:
            return Hanging(Text(f"{_DRAFT_HINT}, tab moves up here", style="quiet"), "  ")
        if self._clock() < self._quiet_until:
            return Text("  (your typing goes to the message below)", style="quiet")
        keys = f"enter or 1-{len(self._options)} to choose, y or n, esc to interrupt"
        return Text(f"  {keys}", style="quiet")

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
        if not self._draft.text:
            self._draft_is_older = False
        refused, self._enter_refused = self._enter_refused, False
        if self._reason is not None:
            self._press_in_reason(key, text)
        elif held := self._lone.take():
            self._press_after(held, key, text)
        elif self._drafting:
            self._press_in_draft(key, text, refused=refused)
        elif key in {"c-c", "c-d"}:
            self._close(None)
        elif self._clock() < self._quiet_until:
            self._pass_on(key, text)
        else:
            self._press_in_list(key, text)

    def _press_after(self, held: str, key: str, text: str) -> None:
        """A key came at once after one that might have been an answer: that was typing."""
        if key in {"escape", "c-c", "c-d"}:
            self._close(None)
        elif key != "backspace":
            self._pass_on("text", held)
            self.press(key, text)

    def _press_in_draft(self, key: str, text: str, *, refused: bool) -> None:
        match key:
            case "text" | "paste":
                self._pass_on(key, text)
            case "backspace":
                self._draft.backspace()
            case "c-c":
                self._draft.put_aside()
                self._keep_quiet()
            case "enter" if answer := self._drafted_answer:
                if self._clock() >= self._quiet_until:
                    self._draft.clear()
                    self._answer(answer)
            case "enter" if refused:
                self._draft.submit()
                self._keep_quiet()
            case "enter":
                self._enter_refused = True
            case "up" | "down" | "tab":
                self._entered = self._clock() >= self._quiet_until
            case "escape" if self._clock() >= self._quiet_until:
                self._close(None)
            case "c-e":
                self._show_preview()
            case _:
                pass

    def _keep_quiet(self) -> None:
        """Let no key answer for a moment that was pressed for something else."""
        self._quiet_until = self._clock() + GRACE_SECONDS

    def _pass_on(self, key: str, text: str) -> None:
        if key in {"text", "paste"}:
            self._entered = False
            self._keep_quiet()
            # Pasted text is never an answer.
            self._draft_is_older |= key == "paste"
            self._draft.insert(text)

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
                self._show_preview()
            case "text" if self._is_answer(text):
                self._lone.hold(text)
            case "text" | "paste":
                # The person is writing a message; and pasted text is never an answer.
                self._pass_on(key, text)
            case _:
                pass

    def _show_preview(self) -> None:
        body, _hidden = preview(self._event, self._look, None, 0)
        if body is not None:
            self._show_all(Hanging(body, "  "))

    @property
    def _answers(self) -> set[str]:
        return {"y", "Y", "n", "N", *(str(number + 1) for number in range(len(self._options)))}

    def _is_answer(self, text: str) -> bool:
        if text in {"y", "Y", "n", "N"}:
            return not self._draft.text
        return text in self._answers

    def _decide(self, text: str) -> None:
        """`text` was typed alone."""
        if self._closed or self._reason is not None:
            return
        if self._drafting or not self._is_answer(text):
            self._pass_on("text", text)
        else:
            self._answer(text)

    def _answer(self, text: str) -> None:
        if text in {"y", "Y"}:
            self._close(Answer(allow=True))
        elif text in {"n", "N"}:
            self._close(Answer(allow=False))
        else:
            self._choose(int(text) - 1)

    def _press_in_reason(self, key: str, text: str) -> None:
        reason = self._reason or ""
        match key:
            case "c-c" | "c-d":
                self._close(None)
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
            case "once":
                self._close(Answer(allow=True))
            case "session":
                self._close(Answer(allow=True, remember=True))
            case "no":
                self._close(Answer(allow=False))
            case "why":
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
    lines = sanitize(text, whole=True).strip("\n").split("\n")
    if event.call.name == "Bash" and len(lines) == 1 and width and len(lines[0]) + 12 < width:
        # The title shows a short command in full already.
        return None, 0
    kept = lines if limit is None else lines[:limit]
    lexer = "bash" if event.call.name == "Bash" else "text"
    syntax = Syntax(
        "\n".join(kept), lexer, theme=CODE_THEME, background_color="default", word_wrap=True
    )
    return syntax, len(lines) - len(kept)
