"""Shows one run: events change the live region, and what is finished is printed for good."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.text import Text

from letta_cli.core.counting import plural
from letta_cli.core.event import (
    ApprovalRequested,
    AssistantMessage,
    CaughtUp,
    Compacted,
    Event,
    MemoryChanged,
    ModelProgress,
    Notice,
    ReasoningDelta,
    Retrying,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallReady,
    ToolProgress,
    ToolReturned,
)
from letta_cli.core.message import Message, ToolReturn
from letta_cli.frontends.interactive.live import Live, RetryWait, RunningTool
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.markdown import Answer
from letta_cli.frontends.interactive.measures import duration, estimate, tokens
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.interactive.replay import replay
from letta_cli.frontends.interactive.scrollback import Scrollback
from letta_cli.frontends.interactive.speech import notice_line, said
from letta_cli.frontends.interactive.tool_lines import is_quiet, tool_block
from letta_cli.frontends.outcome import explain
from letta_cli.frontends.sanitize import sanitize, sanitize_line

_PROGRESS_KEPT = 4_000
_MEMORY_TEXT = 160


@dataclass(frozen=True, slots=True)
class LastOutput:
    """The newest tool outcome, for Ctrl+O."""

    title: str
    result: ToolReturn
    seconds: float


class TurnView:
    """Reads events; the only writer of `Live` and of the run's part of the scrollback."""

    def __init__(
        self,
        live: Live,
        scrollback: Scrollback,
        look: Look,
        ask: Callable[[ApprovalRequested], None],
    ) -> None:
        self.last_output: LastOutput | None = None
        self._live = live
        self._scrollback = scrollback
        self._look = look
        self._ask = ask
        self._titles: dict[str, str] = {}
        self._reasoning_since: float | None = None

    def handle(self, event: Event) -> None:
        """Show one event."""
        live = self._live
        match event:
            case RunStarted() | StepFinished():
                pass
            case CaughtUp():
                self.quiet("meanwhile, in another terminal on this conversation:")
                self.replayed(event.messages)
            case StepStarted():
                self._flush()
                live.begin_step()
                self._reasoning_since = None
            case TextDelta(text=text):
                self._text(text)
            case ReasoningDelta(text=text):
                self._reasoning(text)
            case ToolCallDelta():
                live.count(event.fragment)
                live.status = f"Preparing {event.name}" if event.name else live.status
            case ModelProgress(text=text):
                live.status = text
            case AssistantMessage():
                self._message(event)
            case ToolCallReady():
                self._titles[event.call.id] = event.title
                live.tools[event.call.id] = RunningTool(event.title)
            case ApprovalRequested():
                self._titles[event.call.id] = event.title
                self._ask(event)
            case ToolProgress():
                self._progress(event)
            case ToolReturned():
                self._returned(event)
            case MemoryChanged():
                self.quiet(memory_line(event))
            case Notice():
                self._notice(event)
            case Compacted():
                self._compacted(event)
            case Retrying():
                self._retrying(event)
            case RunFinished():
                self._finished(event)

    def said(self, text: str) -> None:
        """The person's words, as they go into the scrollback."""
        self._scrollback.block(said(text, self._look))

    def replayed(self, messages: Sequence[Message]) -> None:
        """Messages that were stored before, the newest of them."""
        for shown in replay(messages, self._look):
            self._scrollback.block(shown.body, dense=shown.dense)

    def typed_command(self, line: str) -> None:
        """A command, as it goes into the scrollback."""
        self._scrollback.block(Text(f"{self._look.prompt} {sanitize_line(line)}", style="quiet"))

    def quiet(self, text: str) -> None:
        """One grey line."""
        line = Text(sanitize_line(text), style="quiet")
        self._scrollback.line(Hanging(line, f"  {self._look.elbow}  ", "quiet"))

    def complain(self, text: str, style: str = "bad") -> None:
        """An error or a warning, in full."""
        body = Text(sanitize(text).strip(), style=style)
        self._scrollback.block(Hanging(body, f"{self._look.bullet} ", style))

    def broke_off(self) -> None:
        """The run ended without its last event: print what there is of the answer."""
        self._flush()

    def _text(self, text: str) -> None:
        live = self._live
        self._end_reasoning()
        live.status, live.retry = "", None
        live.count(text)
        self._print_answer(live.stream.feed(text))

    def _reasoning(self, text: str) -> None:
        live = self._live
        if self._reasoning_since is None:
            self._reasoning_since = live.clock()
        live.status, live.retry = "", None
        live.reasoning += text
        live.count(text)

    def _end_reasoning(self) -> None:
        live = self._live
        if self._reasoning_since is None:
            return
        seconds = live.clock() - self._reasoning_since
        self._reasoning_since = None
        count = tokens(estimate(live.reasoning))
        live.reasoning = ""
        if seconds < 1:
            return
        text = f"Thought for {duration(seconds)}{self._look.separator}{count} tokens"
        self._scrollback.block(Text(f"  {text}", style="quiet"))

    def _print_answer(self, markdown: str) -> None:
        if markdown:
            sign = "  " if self._live.continues else f"{self._look.bullet} "
            self._live.continues = True
            self._scrollback.block(Hanging(Answer(markdown), sign))

    def _flush(self) -> None:
        self._end_reasoning()
        self._print_answer(self._live.stream.finish())

    def _message(self, event: AssistantMessage) -> None:
        # A provider that does not stream tells its text only here.
        if event.text.strip() and not self._live.continues and not self._live.stream.pending:
            self._live.stream.feed(event.text)
        self._flush()
        self._live.status, self._live.retry = "", None

    def _progress(self, event: ToolProgress) -> None:
        tool = self._live.tools.get(event.call_id)
        if tool is not None:
            tool.progress = (tool.progress + event.text)[-_PROGRESS_KEPT:]

    def _returned(self, event: ToolReturned) -> None:
        result = event.result
        title = self._titles.pop(result.call_id, result.name)
        self._live.tools.pop(result.call_id, None)
        self.last_output = LastOutput(title, result, event.seconds)
        display = result.display or {}
        if isinstance(display.get("todos"), list) and result.status == "ok":
            self._live.todos = display["todos"]
        if is_quiet(result):
            return
        block = tool_block(title, result, event.seconds, self._look)
        self._scrollback.block(block.body, dense=block.one_line)

    def _notice(self, event: Notice) -> None:
        match event.kind:
            case "steer":
                self._steered(event.text)
            case "memory":
                for news in event.text.split("\n\nShared memory: "):
                    self.quiet(f"memory: {notice_line(news.removeprefix('Shared memory: '))}")
            case "radar":
                for line in event.text.split("\n"):
                    self._radar(line)
            case "warning" | "recovered":
                self.complain(event.text, "warn")
            case _:
                for line in event.text.split("\n"):
                    self.quiet(line)

    def _radar(self, line: str) -> None:
        text = notice_line(line.removeprefix("Edit radar: "))
        self._scrollback.line(Hanging(Text(text, style="warn"), f"  {self._look.warning} ", "warn"))

    def _steered(self, text: str) -> None:
        heard = [words for words in self._live.queued if words.strip() in text]
        for words in heard or [text]:
            self.said(words)
        self._live.queued[:] = [words for words in self._live.queued if words not in heard]

    def _compacted(self, event: Compacted) -> None:
        before, after = tokens(event.before_tokens), tokens(event.after_tokens)
        self.quiet(f"conversation compacted: {before} tokens became {after}")
        if event.failure:
            self.complain(
                f"The model could not write the notes, so an extract stands for what came before: "
                f"{event.failure} Everything is still searchable.",
                "warn",
            )

    def _retrying(self, event: Retrying) -> None:
        live = self._live
        if live.continues:
            self.quiet("the answer broke off here; it is asked for again")
        live.begin_step()
        self._reasoning_since = None
        until = live.clock() + event.wait_seconds
        reason = event.message.strip().rstrip(".") or event.code
        live.retry = RetryWait(until, event.attempt, event.max_attempts, reason)

    def _finished(self, event: RunFinished) -> None:
        self._flush()
        live = self._live
        if event.stop_reason == "cancelled":
            how = "Interrupted" if live.cancelling else "Stopped"
            self.quiet(f"{how}. What was done so far is kept; say what to do instead.")
        elif event.stop_reason == "error":
            self.complain(event.error or "The run failed.")
        elif event.stop_reason == "end_turn" and event.exit_code and not event.denials:
            self.complain(event.error or explain(event, nothing_done=True), "warn")
        elif event.stop_reason != "end_turn":
            self.complain(event.error or explain(event, nothing_done=False), "warn")
        if all(todo.get("status") == "completed" for todo in live.todos):
            live.todos = ()
        live.end()


def memory_line(event: MemoryChanged) -> str:
    """What was remembered or forgotten, in one line."""
    before, after = event.before.splitlines(), event.after.splitlines()
    added = [line for line in after if line.strip() and line not in before]
    removed = [line for line in before if line.strip() and line not in after]
    sign, lines = ("+", added) if added else ("-", removed)
    if not lines:
        return f"memory: {event.label} is now version {event.version}"
    text = sanitize_line(lines[0])
    rest = f" (and {plural(len(lines) - 1, 'more line')})" if len(lines) > 1 else ""
    return f"memory: {event.label} {sign} {text[:_MEMORY_TEXT]}{rest}"
