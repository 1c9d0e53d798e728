"""The run: one answer to one input, as one stream of events, each stored before it is told."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import dataclass, field

from letta_cli.agent import memory_news, skill_news
from letta_cli.agent.affording import is_spent
from letta_cli.agent.attaching import with_files
from letta_cli.agent.budget import threshold_of
from letta_cli.agent.compaction import compact
from letta_cli.agent.context import why_full
from letta_cli.agent.model_call import Reply, call_model
from letta_cli.agent.provenance import source_at
from letta_cli.agent.reply_filter import masked_call, masked_parts
from letta_cli.agent.request import build, context_tokens, ensure_prompt, estimated_tokens
from letta_cli.agent.skill_outcome import judge
from letta_cli.agent.tool_calls import Settled, settle_calls
from letta_cli.agent.turn import Turn
from letta_cli.core import exit_codes
from letta_cli.core.errors import AgentError, ContextOverflow, StoreError
from letta_cli.core.event import (
    AssistantMessage,
    Compacted,
    CompactionTrigger,
    Denial,
    Event,
    Notice,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    ToolCallReady,
)
from letta_cli.core.message import Part, Reasoning, Text, ToolCall
from letta_cli.core.provider import Completed, Request
from letta_cli.core.run import StopReason, Usage

INTERRUPTED = "The person interrupted here."

REGAINED = (
    "The connection to the database broke and is back. Nobody else was in the conversation "
    "meanwhile; the run goes on."
)


@dataclass(slots=True)
class Progress:
    """Where a run stands."""

    run_id: str
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    text: str = ""
    calls: int = 0
    denied: list[Denial] = field(default_factory=list[Denial])
    stop: StopReason | None = None
    stuck: bool = False
    """Whether the person was told that compacting does not help any more."""


async def run(turn: Turn, parts: Sequence[Part]) -> AsyncGenerator[Event, None]:
    """Answer `parts`. The last event is `RunFinished`.

    A reader may stop at any event: closing the generator settles the run in the store, so
    that the thread is well-formed and says that it was cut off.

    Raises:
        Conflict: another process continued the conversation; nothing was stored.
    """
    ensure_prompt(turn)
    stored = turn.thread.start_run(turn.model, parts)
    progress = Progress(stored.id)
    if turn.skill:
        turn.store.skill_uses.add(turn.agent.id, turn.skill, run_id=stored.id)
    if words := next((part.text for part in parts if isinstance(part, Text)), ""):
        skill_news.suggest(turn, stored.id, words)
    try:
        yield RunStarted(stored.id, turn.thread.conversation.id, turn.agent.id, turn.model)
        try:
            async for event in _steps(turn, progress):
                yield event
            stop = progress.stop or "end_turn"
            _finish(turn, progress, stop)
        except AgentError as error:
            with contextlib.suppress(StoreError):  # it may be the store that failed
                _finish(turn, progress, "error", str(error))
            yield _finished(progress, "error", error)
            return
        yield _finished(progress, stop)
    except (GeneratorExit, asyncio.CancelledError):
        turn.thread.settle()
        raise


def _finish(turn: Turn, progress: Progress, stop: StopReason, error: str = "") -> None:
    """Close the run, and let how it ended count for the skills that were used in it."""
    turn.thread.finish(progress.run_id, stop, error)
    if turn.store.skill_uses.used_in(progress.run_id):
        outcome = judge(turn.thread.messages, progress.run_id, stop)
        turn.store.skill_uses.settle(progress.run_id, outcome)


async def _steps(turn: Turn, progress: Progress) -> AsyncGenerator[Event, None]:
    while progress.stop is None:
        progress.stop = _limit_reached(turn, progress)
        if progress.stop is not None:
            return
        async for event in _prepare(turn, progress):
            yield event
        if turn.inbox.cancelled:
            progress.stop = "cancelled"
            return
        if is_spent(turn, progress.usage.cost_usd):  # by a summary, or by what became known
            progress.stop = "max_budget"
            return
        progress.steps += 1
        yield StepStarted(progress.steps)
        async for event in _step(turn, progress):
            yield event
        _hear_last_words(turn, progress)


def _hear_last_words(turn: Turn, progress: Progress) -> None:
    """What the person said while the model finished gets an answer in this run."""
    if progress.stop == "end_turn" and turn.inbox.has_steers:
        progress.stop = None


def _limit_reached(turn: Turn, progress: Progress) -> StopReason | None:
    most = turn.limits.max_steps
    if most is not None and progress.steps >= most:
        return "max_steps"
    return "max_budget" if is_spent(turn, progress.usage.cost_usd) else None


async def _prepare(turn: Turn, progress: Progress) -> AsyncGenerator[Event, None]:
    """Bring the thread up to date before a model call: steering, memory news, room."""
    turn.thread.ensure_held()
    if turn.thread.regained:
        turn.thread.regained = False
        yield Notice("warning", REGAINED)
    for said in turn.inbox.take_steers():
        parts, notices = with_files(
            said, turn.workspace, turn.policy, lambda path: source_at(turn, path)
        )
        turn.thread.append("user", parts, run_id=progress.run_id)
        skill_news.suggest(turn, progress.run_id, said)
        yield Notice("steer", said)
        for notice in notices:
            yield notice
    for event in _news(turn, progress):
        yield event
    tokens = context_tokens(turn)
    if tokens > threshold_of(turn.meter.window(turn.info)):
        if not turn.meter.stuck(tokens):
            async for event in _compact(turn, progress, "auto"):
                yield event
            # Memory may have changed while the summary was written.
            for event in _news(turn, progress):
                yield event
        if turn.meter.stuck(context_tokens(turn)) and not progress.stuck:
            progress.stuck = True
            yield Notice("warning", why_full(turn))


def _news(turn: Turn, progress: Progress) -> Generator[Event]:
    """Append what others did to memory, files and the mode, for the request that comes next."""
    if mode_news := turn.policy.mode_news():
        turn.thread.append("notice", (Text(mode_news),), run_id=progress.run_id)
    news = memory_news.deliver(turn.store, turn.thread, progress.run_id)
    if news is not None:
        yield Notice("memory", news.text)
    skill_news.deliver(turn, progress.run_id)
    if tool_news := turn.refresh_tools():
        turn.thread.append("notice", (Text(tool_news),), run_id=progress.run_id)
    for notice in turn.radar.deliver(turn.thread, progress.run_id) if turn.radar else ():
        yield Notice("radar", notice.text)


async def _compact(
    turn: Turn, progress: Progress, trigger: CompactionTrigger
) -> AsyncGenerator[Event, None]:
    async for event in compact(turn, trigger, run_id=progress.run_id):
        if isinstance(event, Compacted):
            progress.usage += event.usage
        yield event


async def _step(turn: Turn, progress: Progress) -> AsyncGenerator[Event, None]:
    reply = Reply()
    try:
        async for event in call_model(
            turn, build(turn), progress.run_id, reply, again=lambda: _again(turn, progress)
        ):
            yield event
    except ContextOverflow as error:
        turn.meter.overflowed(estimated_tokens(turn))
        if turn.meter.stuck(context_tokens(turn)):
            raise ContextOverflow(f"{error} {why_full(turn)}") from error
        async for event in _compact(turn, progress, "overflow"):
            yield event
        progress.steps -= 1
        return
    if reply.completed is None:
        _keep_interrupted(turn, progress, reply)
        return
    async for event in _take_reply(turn, progress, reply.completed):
        yield event


def _again(turn: Turn, progress: Progress) -> tuple[Request, Sequence[Event]]:
    """The request after a wait: with what others changed meanwhile."""
    told = list(_news(turn, progress))
    return build(turn), told


def _keep_interrupted(turn: Turn, progress: Progress, reply: Reply) -> None:
    """Store what had streamed, and that it was cut off, so that the thread reads right."""
    partial = reply.partial.strip()
    if partial:
        turn.thread.add_reply(progress.run_id, (Text(partial),), Usage())
        progress.text = partial
    turn.thread.append("notice", (Text(INTERRUPTED),), run_id=progress.run_id)
    progress.stop = "cancelled"


async def _take_reply(
    turn: Turn, progress: Progress, completed: Completed
) -> AsyncGenerator[Event, None]:
    usage = completed.usage
    progress.usage += usage
    written = completed.parts or (Text(""),)
    parts = masked_parts(written, turn.masker)
    message = turn.thread.add_reply(progress.run_id, parts, usage)
    if usage.context:
        turn.meter.measured(usage.context, message.seq)
    progress.text = message.text or progress.text
    reasoning = "\n".join(part.text for part in parts if isinstance(part, Reasoning) and part.text)
    calls = message.tool_calls
    reasoning = turn.masker.mask(reasoning)
    yield AssistantMessage(message.id, message.seq, message.text, reasoning, calls, usage)
    if calls:
        # They run as they were written, and are stored and told without secrets.
        whole = [part for part in written if isinstance(part, ToolCall)]
        async for event in _take_calls(turn, progress, whole):
            yield event
    elif not turn.inbox.cancelled:
        progress.stop = completed.stop_reason
    yield StepFinished(progress.steps, usage, context_tokens(turn), turn.info.context_window)
    if turn.inbox.cancelled and progress.stop is None:
        progress.stop = "cancelled"


async def _take_calls(
    turn: Turn, progress: Progress, calls: Sequence[ToolCall]
) -> AsyncGenerator[Event, None]:
    progress.calls += len(calls)
    for call in calls:
        tool = turn.tools.get(call.name)
        told = masked_call(call, turn.masker)
        yield ToolCallReady(told, tool.title(told.arguments) if tool else call.name)
    settled = Settled()
    async for event in settle_calls(turn, progress.run_id, calls, settled):
        yield event
    if turn.radar is not None:
        turn.radar.record(turn.thread.conversation.id)
    turn.thread.add_returns(progress.run_id, settled.in_order(calls))
    progress.denied.extend(settled.denied)
    if settled.stopped or turn.inbox.cancelled:
        progress.stop = "cancelled"


def _finished(progress: Progress, stop: StopReason, error: AgentError | None = None) -> RunFinished:
    nothing_done = not progress.text.strip() and not progress.calls
    code = exit_codes.of_run(stop, denied=bool(progress.denied), nothing_done=nothing_done)
    return RunFinished(
        stop_reason=stop,
        text=progress.text,
        usage=progress.usage,
        steps=progress.steps,
        error=str(error) if error else "",
        error_code=error.code if error else "",
        exit_code=error.exit_code if error else code,
        denials=tuple(progress.denied),
    )
