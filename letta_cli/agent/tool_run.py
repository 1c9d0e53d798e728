"""Runs permitted tool calls, together where they may, and writes each outcome down first."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Sequence

from letta_cli.agent.inbox import Inbox
from letta_cli.agent.provenance import source_at, source_of_files, sources_of
from letta_cli.agent.reply_filter import masked_call
from letta_cli.agent.turn import Turn
from letta_cli.core.event import Event, MemoryChanged, Notice, ToolProgress, ToolReturned
from letta_cli.core.memory import BlockRevision
from letta_cli.core.message import ToolCall, ToolReturn
from letta_cli.core.outside import joined
from letta_cli.core.secret import StreamMasker
from letta_cli.tools import ToolContext, ToolOutcome

INTERRUPTED = "Interrupted by the person while it ran; what it did until then stays done."

_WHOLE = frozenset({"edit", "execute"})
"""Kinds of tools that get their arguments as they were written, secrets included; what the others
are given is kept, searched or sent away."""

Tell = Callable[[Event], None]


def _silent(_text: str) -> None:
    return None


def _unobserved(_pgid: int) -> None:
    return None


def context_of(
    turn: Turn,
    run_id: str,
    call: ToolCall,
    progress: Callable[[str], None] = _silent,
    started: Callable[[int], None] = _unobserved,
) -> ToolContext:
    """What a tool may reach when it runs for this call."""
    return ToolContext(
        workspace=turn.workspace,
        store=turn.store,
        agent_id=turn.agent.id,
        conversation=turn.thread.conversation,
        run_id=run_id,
        call_id=call.id,
        skills=turn.shelf.skills,
        progress=progress,
        started=started,
        session_id=turn.radar.session_id if turn.radar else "",
        untrusted=sources_of(turn) if turn.tools[call.name].spec.kind == "memory" else "",
        actor=turn.actor,
        outside_at=lambda path: source_at(turn, path),
    )


async def run_together(
    turn: Turn, run_id: str, calls: Sequence[ToolCall], returns: dict[str, ToolReturn]
) -> AsyncGenerator[Event, None]:
    """Run `calls` at the same time; tell of each as it ends; put its return into `returns`.

    Raises:
        StoreError: an outcome could not be written down; the other calls have ended by then.
    """
    events: asyncio.Queue[Event | None] = asyncio.Queue()
    tasks = [
        asyncio.create_task(_run_one(turn, run_id, call, returns, events.put_nowait))
        for call in calls
    ]
    for task in tasks:
        task.add_done_callback(lambda _task: events.put_nowait(None))
    watcher = asyncio.create_task(_cancel_on_interrupt(turn.inbox, tasks))
    open_calls = len(tasks)
    try:
        while open_calls:
            event = await events.get()
            if event is None:
                open_calls -= 1
            else:
                yield event
        await asyncio.gather(*tasks)
    finally:
        for task in (watcher, *tasks):
            task.cancel()
        await asyncio.gather(watcher, *tasks, return_exceptions=True)


async def _cancel_on_interrupt(inbox: Inbox, tasks: Sequence[asyncio.Task[None]]) -> None:
    await inbox.interrupted()
    for task in tasks:
        task.cancel()


async def _run_one(
    turn: Turn, run_id: str, call: ToolCall, returns: dict[str, ToolReturn], tell: Tell
) -> None:
    """Run one call. Tells exactly one `ToolReturned`, whatever the tool does.

    Raises:
        StoreError: it could not be written down; then nothing is told.
    """
    tool = turn.tools[call.name]
    if tool.spec.kind not in _WHOLE:
        call = masked_call(call, turn.masker)
    if tool.spec.kind != "read":
        turn.thread.ensure_held()
        turn.store.runs.mark_call(call.id, "running", run_id=run_id)
    stream = StreamMasker(turn.masker)

    def progress(text: str) -> None:
        if shown := stream.feed(text):
            tell(ToolProgress(call.id, shown))

    context = context_of(
        turn,
        run_id,
        call,
        progress=progress,
        started=lambda pgid: turn.store.runs.mark_call(
            call.id, "running", pgid=pgid, run_id=run_id
        ),
    )
    began = time.monotonic()
    head = turn.workspace.head() if tool.spec.kind == "execute" else None
    try:
        async with _covering(turn, run_id, call, tool.spec.kind, tell):
            outcome = await tool.run(call.arguments, context)
    except asyncio.CancelledError:
        result = ToolReturn(call.id, call.name, "cancelled", INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - a tool's bug must not end the run
        told = turn.masker.mask(f"{type(error).__name__}: {error}")
        text = f"{call.name} failed inside ({told}). Try another way."
        result = ToolReturn(call.id, call.name, "error", text)
    else:
        if outcome.revision is not None:
            _note_own_edit(turn, outcome.revision)
            tell(_memory_changed(outcome.revision))
        result = _return_of(turn, call, outcome)
        if tool.spec.kind == "edit" and turn.radar is not None:
            # At once: others must know the writer as soon as the file is another one.
            turn.radar.record(turn.thread.conversation.id)
    if head is not None and turn.radar is not None:
        command = str(call.arguments.get("command", ""))
        turn.radar.announce(turn.thread.conversation, command, head, good=result.status == "ok")
    turn.thread.ensure_held()
    turn.store.runs.finish_call(result, run_id=run_id)
    returns[call.id] = result
    tell(ToolReturned(result, time.monotonic() - began))


@contextlib.asynccontextmanager
async def _covering(
    turn: Turn, run_id: str, call: ToolCall, kind: str, tell: Tell
) -> AsyncGenerator[None]:
    """Keep what the call does to files, where somebody keeps it."""
    if turn.undo is None:
        yield
        return

    def complain(line: str) -> None:
        tell(Notice("info", line))

    thread = turn.thread.conversation.id
    async with turn.undo.covering(thread, run_id, call, kind, complain):
        yield


def _return_of(turn: Turn, call: ToolCall, outcome: ToolOutcome) -> ToolReturn:
    masker = turn.masker
    display = None if outcome.display is None else masker.mask_all(dict(outcome.display))
    content = masker.mask(outcome.content)
    outside = masker.mask(joined((outcome.outside, source_of_files(turn, call))))
    return ToolReturn(call.id, call.name, outcome.status, content, display, outside)


def _memory_changed(revision: BlockRevision) -> MemoryChanged:
    return MemoryChanged(revision.label, revision.version, revision.before, revision.after)


def _note_own_edit(turn: Turn, revision: BlockRevision) -> None:
    """The model knows its own edit, unless another session's edit lies in between."""
    seen = turn.thread.conversation.memory_versions.get(revision.block_id, 0)
    if seen == revision.version - 1:
        turn.thread.saw_memory({revision.block_id: revision.version})
