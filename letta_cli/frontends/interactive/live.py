"""What is happening now: the region above the input line that is redrawn until it is finished."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.text import Text

from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.markdown import Answer, MarkdownStream
from letta_cli.frontends.interactive.measures import duration, estimate, tokens
from letta_cli.frontends.interactive.paint import Hanging, Painter
from letta_cli.frontends.interactive.tool_lines import title_text
from letta_cli.frontends.sanitize import sanitize, sanitize_line

REASONING_LINES = 3
PROGRESS_LINES = 3
_PAUSE_FACTOR = 6


@dataclass(slots=True)
class RunningTool:
    title: str
    progress: str = ""


@dataclass(slots=True)
class RetryWait:
    """A wait before the next try; `until` on the same clock as `Live.clock`."""

    until: float
    attempt: int
    max_attempts: int
    reason: str


@dataclass(slots=True)
class AnswerTail:
    """The drawn unfinished end of the answer.

    Drawing a long list or table takes a while, and it grows many times a second: so it is drawn
    again only after a pause of a few times what the last drawing took.
    """

    _drawn: list[str] = field(default_factory=list[str])
    _key: tuple[int, int, int] = (0, 0, 0)
    _not_before: float = 0.0

    def lines(self, live: "Live", painter: Painter, width: int, room: int) -> list[str]:
        """At least the last `room` lines of the answer that is not printed yet."""
        pending = live.stream.pending
        if not pending.strip():
            self._not_before = 0.0
            return []
        key = (id(live.stream), len(pending), width)
        started = time.monotonic()
        grown = key[0] == self._key[0] and key[1] >= self._key[1] and key[2] == self._key[2]
        if key == self._key or (grown and started < self._not_before):
            return list(self._drawn)
        sign = "  " if live.continues else f"{painter.look.bullet} "
        text = painter.ansi(Hanging(Answer(live.stream.tail(room)), sign), width)
        self._drawn, self._key = ["", *text.splitlines()], key
        self._not_before = time.monotonic() + _PAUSE_FACTOR * (time.monotonic() - started)
        return list(self._drawn)


@dataclass(slots=True)
class Live:
    """The state of the run that the person watches.

    Attributes:
        tokens: about how many the model has written in this run.
        paused_since: set while the run waits for the person; that time does not count.
        queued: what the person typed during the run, not yet seen by the model.
    """

    clock: Callable[[], float] = time.monotonic
    running: bool = False
    cancelling: bool = False
    status: str = ""
    tokens: float = 0.0
    started: float = 0.0
    paused_since: float | None = None
    stream: MarkdownStream = field(default_factory=MarkdownStream)
    tail: AnswerTail = field(default_factory=AnswerTail)
    continues: bool = False
    """A block of this answer has been printed already."""
    reasoning: str = ""
    tools: dict[str, RunningTool] = field(default_factory=dict[str, RunningTool])
    retry: RetryWait | None = None
    todos: Sequence[dict[str, str]] = ()
    queued: list[str] = field(default_factory=list[str])

    def begin(self) -> None:
        self.running, self.cancelling, self.status = True, False, ""
        self.tokens, self.started, self.paused_since = 0.0, self.clock(), None
        self.begin_step()

    def begin_step(self) -> None:
        self.stream, self.continues, self.reasoning, self.retry = MarkdownStream(), False, "", None

    def end(self) -> None:
        self.running = self.cancelling = False
        self.tools.clear()
        self.begin_step()

    def count(self, text: str) -> None:
        self.tokens += estimate(text)

    def pause(self) -> None:
        """The run waits for the person from now on."""
        self.paused_since = self.paused_since or self.clock()

    def unpause(self) -> None:
        if self.paused_since is not None:
            self.started += self.clock() - self.paused_since
            self.paused_since = None

    @property
    def elapsed(self) -> float:
        return (self.paused_since or self.clock()) - self.started


def render(live: Live, painter: Painter, width: int, height: int) -> str:
    """The region as text of at most `height` lines; the newest lines are kept."""
    look = painter.look
    below = painter.ansi(Group(*_below(live, look)), width) if live.running else ""
    room = max(1, height - below.count("\n"))
    above = live.tail.lines(live, painter, width, room)
    above += painter.ansi(Group(*_above(live, look)), width).splitlines()
    above = above[-room:]
    return "\n".join([*above, *below.splitlines()])


def _above(live: Live, look: Look) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if live.reasoning.strip() and not live.stream.pending:
        lines = sanitize(live.reasoning).strip().splitlines()[-REASONING_LINES:]
        parts += ["", Hanging(Text("\n".join(lines), style="dim italic"), "  ")]
    blink = "quiet" if int(live.clock() * 2) % 2 else "default"
    for tool in live.tools.values():
        parts += ["", Hanging(title_text(tool.title), f"{look.bullet} ", blink)]
        lines = sanitize(tool.progress, overwriting=True).strip().splitlines()[-PROGRESS_LINES:]
        if lines:
            parts.append(Hanging(Text("\n".join(lines), style="quiet"), f"  {look.elbow}  "))
    return parts


def _below(live: Live, look: Look) -> list[RenderableType]:
    parts: list[RenderableType] = ["", _spinner_line(live, look)]
    if live.todos:
        line = Text(_todo_line(live.todos), style="quiet", no_wrap=True, overflow="ellipsis")
        parts.append(Hanging(line, f"  {look.elbow}  ", "quiet"))
    for text in live.queued:
        line = Text(sanitize_line(text), style="dim", no_wrap=True, overflow="ellipsis")
        parts.append(Hanging(line, f"  {look.prompt} queued: ", "quiet"))
    return parts


def _spinner_line(live: Live, look: Look) -> Text:
    frame = look.spinner[int(live.clock() * 8) % len(look.spinner)]
    if live.retry is not None:
        left = max(0, round(live.retry.until - live.clock()))
        return Text.assemble(
            (f"{frame} {sanitize_line(live.retry.reason)}", "warn"),
            (f" {look.separator.strip()} trying again in {left}s ", "warn"),
            (f"(try {live.retry.attempt} of {live.retry.max_attempts}, esc to stop)", "quiet"),
        )
    facts = [duration(live.elapsed)]
    if live.tokens >= 1:
        facts.append(f"{look.down} {tokens(live.tokens)} tokens".strip())
    facts.append("stopping" if live.cancelling else "esc to interrupt")
    line = Text.assemble((f"{frame} {_verb(live)}{look.dots} ", "accent"))
    return line.append(f"({look.separator.join(facts)})", style="quiet")


def _verb(live: Live) -> str:
    if live.cancelling:
        return "Stopping"
    if live.paused_since is not None:
        return "Waiting for you"
    if live.status:
        return sanitize_line(live.status)
    doing = next((todo for todo in live.todos if todo.get("status") == "in_progress"), None)
    if doing is not None:
        return sanitize_line(doing.get("content", "")) or "Working"
    if live.tools:
        return "Running"
    if live.reasoning and not live.stream.pending:
        return "Thinking"
    return "Working"


def _todo_line(todos: Sequence[dict[str, str]]) -> str:
    """``1 of 3 done, next: write it up``."""
    done = sum(todo.get("status") == "completed" for todo in todos)
    line = f"{done} of {len(todos)} done"
    following = next((todo for todo in todos if todo.get("status") == "pending"), None)
    if following is not None:
        line += f", next: {sanitize_line(following.get('content', ''))}"
    return line
