"""A conversation as a JSON document, there and back without loss.

What a document holds: the thread with all parts, the runs with what they used, the blocks of its
own, and the window. Its id is kept where it is free, so that citations stay true.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast, get_args

from letta_cli.core.agent import Conversation
from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import NotFound
from letta_cli.core.ids import new_id
from letta_cli.core.memory import DEFAULT_LIMIT, MemoryBlock, Origin
from letta_cli.core.message import (
    Part,
    ReturnStatus,
    Role,
    Text,
    ToolCall,
    ToolReturn,
    part_from_dict,
    part_to_dict,
)
from letta_cli.core.outside import joined
from letta_cli.core.run import Run, StopReason, Usage
from letta_cli.portable.checked import Checked
from letta_cli.portable.history import NO_RESULT
from letta_cli.store import Store
from letta_cli.store.compactions import Compaction
from letta_cli.store.imports import Heading, Incoming
from letta_cli.store.runs import Step

FORMAT = "agent conversation 1"

_FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "text": {"text": str, "outside": str},
    "reasoning": {"text": str, "provider": str, "opaque": dict},
    "image": {"media_type": str, "data": str},
    "tool_call": {"id": str, "name": str, "arguments": dict, "malformed": (str, type(None))},
    "tool_return": {
        "call_id": str, "name": str, "status": str, "content": str,
        "display": (dict, type(None)), "outside": str,
    },
}  # fmt: skip
_OPTIONAL = ("malformed", "display", "provider", "opaque", "outside")


@dataclass(frozen=True, slots=True)
class Arrived:
    """Attributes:
    added: False when this very conversation was here already; it was left as it is.
    """

    conversation: Conversation
    added: bool


def conversation_document(store: Store, conversation: Conversation) -> dict[str, Any]:
    """Everything that belongs to a conversation, as JSON-able values."""
    messages = store.messages.read(conversation.id)
    usage = store.runs.totals(conversation.id)
    blocks = [
        block
        for block in store.blocks.list(conversation.agent_id)
        if (block.scope, block.scope_key) == ("conversation", conversation.id)
    ]
    marked = store.reviews.sources(blocks)
    return {
        "format": FORMAT,
        "id": conversation.id,
        "title": conversation.title,
        "cwd": conversation.cwd,
        "project": conversation.project,
        "own_model": conversation.model,
        "archived": conversation.archived,
        "is_default": conversation.is_default,
        "created_at": to_text(conversation.created_at),
        "context_start": conversation.context_start,
        "summary_seq": conversation.summary_seq,
        "thread": [
            {
                "id": message.id,
                "seq": message.seq,
                "role": message.role,
                "created_at": to_text(message.created_at),
                "run_id": message.run_id,
                "parts": [part_to_dict(part) for part in message.parts],
            }
            for message in messages
        ],
        "runs": [_run_document(store, run) for run in store.runs.list(conversation.id)],
        "compactions": [
            {
                "seq": each.seq,
                "run_id": each.run_id,
                "created_at": to_text(each.created_at),
                **asdict(each.usage),
            }
            for each in store.runs.compactions(conversation.id)
        ],
        "blocks": [block_document(block, marked.get(block.id, "")) for block in blocks],
        "usage": {
            "input": usage.input,
            "output": usage.output,
            "cache_read": usage.cache_read,
            "cache_write": usage.cache_write,
            "cost_usd": usage.cost_usd,
        },
    }


def block_document(block: MemoryBlock, untrusted: str) -> dict[str, Any]:
    """Args: untrusted: the sources of edits in it that no person has reviewed."""
    marked = {"untrusted": untrusted} if untrusted else {}
    return {
        **marked,
        "label": block.label,
        "description": block.description,
        "value": block.value,
        "limit": block.limit,
        "read_only": block.read_only,
    }


def take_conversation(
    store: Store,
    agent_id: str,
    document: Checked,
    *,
    note: str,
    outside: str,
    into_default: bool = False,
) -> Arrived:
    """Store the conversation that a document describes, whole or not at all.

    Args:
        note: where the document comes from, for the history of its memory blocks.
        outside: the mark of all its text; empty where a person vouches for it.
        into_default: into the agent's default conversation, which is still empty.

    Raises:
        UsageError: the document is wrong; says where, and what was expected.
    """
    if document.text("format", "") != FORMAT:
        raise document.wrong(
            "format", f"expected {FORMAT!r}, found {document.value.get('format')!r}"
        )
    thread = _thread(document, outside)
    heading = _heading(document, len(thread))
    runs = [_run(each) for each in document.objects("runs")]
    compactions = [_compaction(each) for each in document.objects("compactions")]
    named = document.text("id", "")
    with store.database.transaction():
        there = _existing(store, named)
        if there is not None and there.agent_id == agent_id and not into_default:
            return Arrived(there, added=False)
        keeps_id = named.startswith("conv-") and len(named) == 41 and there is None
        if into_default:
            target = store.conversations.default(agent_id)
        else:
            target = store.imports.begin(agent_id, heading, named if keeps_id else "")
        ids = {run.id: new_id("run") for run, _ in runs}
        known = ((each, ids.get(run_id or "")) for each, run_id in thread)
        made = store.imports.fill(target, heading, known)
        for run, steps in runs:
            store.runs.bring(made.id, ids[run.id], run, steps)
        for each in compactions:
            brought = replace(each, run_id=ids.get(each.run_id or ""))
            store.runs.bring_compaction(made.id, brought)
        for block in document.objects("blocks"):
            take_block(store, agent_id, block, note=note, outside=outside, conversation_id=made.id)
        store.conversations.set_model(made.id, document.text("own_model", ""))
        if document.truth("archived"):
            store.conversations.archive(made.id, True)
    return Arrived(store.conversations.get(made.id), added=True)


def take_block(
    store: Store,
    agent_id: str,
    block: Checked,
    *,
    note: str,
    outside: str,
    conversation_id: str = "",
) -> MemoryBlock:
    """A memory block that comes from a file, with the marks it had and that of the file."""
    value = block.text("value", "")
    return store.blocks.create(
        agent_id,
        block.text("label"),
        description=block.text("description", ""),
        value=value,
        limit=max(1, block.whole("limit", DEFAULT_LIMIT), len(value)),
        scope="conversation" if conversation_id else "agent",
        scope_key=conversation_id,
        read_only=block.truth("read_only"),
        origin=origin_of(block, note, outside),
    )


def origin_of(memory: Checked, note: str, outside: str) -> Origin:
    """Who wrote a block or passage that comes from a file."""
    marked = joined((outside, memory.text("untrusted", "")))
    return Origin("import", note=note, untrusted=marked)


def marked_parts(parts: Sequence[Part], outside: str) -> tuple[Part, ...]:
    """What was said and returned, with the mark of where all of it comes from."""
    return tuple(
        replace(part, outside=joined((outside, part.outside)))
        if isinstance(part, Text | ToolReturn)
        else part
        for part in parts
    )


def parts_of(message: Checked) -> tuple[Part, ...]:
    """The parts of a message, checked field by field."""
    found: list[Part] = []
    for part in message.objects("parts"):
        kind = part.text("type")
        if kind not in _FIELDS:
            raise part.wrong("type", f"expected one of {', '.join(_FIELDS)}, found {kind!r}")
        fields = _FIELDS[kind]
        for name, wanted in fields.items():
            if name not in part.value and name in _OPTIONAL:
                continue
            if not isinstance(part.value.get(name), wanted):
                raise part.wrong(name, "it is missing or of the wrong kind")
        if kind == "tool_return" and part.value["status"] not in get_args(ReturnStatus):
            raise part.wrong("status", f"expected one of {', '.join(get_args(ReturnStatus))}")
        known = {name: part.value[name] for name in ("type", *fields) if name in part.value}
        found.append(part_from_dict(known))
    return tuple(found)


_Thread = list[tuple[Incoming, str | None]]


def _thread(document: Checked, outside: str) -> _Thread:
    """The messages with the ids of their runs; every call has its return, the last one at least
    one that says that there is none."""
    found: _Thread = []
    calls: dict[str, ToolCall] = {}
    moment = document.moment("created_at") or now()
    for position, message in enumerate(document.objects("thread"), start=1):
        if message.whole("seq") != position:
            raise message.wrong("seq", f"expected {position}: messages are numbered without holes")
        role = message.text("role")
        if role not in get_args(Role):
            raise message.wrong("role", f"expected one of {', '.join(get_args(Role))}")
        parts = marked_parts(parts_of(message), outside)
        returned = [part.call_id for part in parts if isinstance(part, ToolReturn)]
        if set(returned) != calls.keys() or len(returned) != len(calls):
            raise message.wrong("parts", "its tool returns are not those of the calls before it")
        calls = {part.id: part for part in parts if isinstance(part, ToolCall)}
        moment = message.moment("created_at") or moment
        run_id = message.text("run_id", "") or None
        found.append((Incoming(cast("Role", role), parts, moment), run_id))
    if calls:
        missing = tuple(
            ToolReturn(call.id, call.name, "unknown", NO_RESULT) for call in calls.values()
        )
        found.append((Incoming("tool", missing, moment), found[-1][1]))
    return found


def _heading(document: Checked, length: int) -> Heading:
    summary, start = document.whole("summary_seq", 0), document.whole("context_start", 1)
    if not 1 <= start <= length + 1 or not 0 <= summary <= length:
        raise document.wrong("context_start", "the window lies outside of the thread")
    return Heading(
        document.text("title", ""), document.text("cwd", ""), document.text("project", ""),
        document.moment("created_at") or now(), (summary, start),
    )  # fmt: skip


def _run_document(store: Store, run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "model": run.model,
        "stop_reason": run.stop_reason,
        "error": run.error,
        "started_at": to_text(run.started_at),
        "finished_at": to_text(run.finished_at) if run.finished_at else None,
        "steps": [
            {"seq": step.seq, "created_at": to_text(step.created_at), **asdict(step.usage)}
            for step in store.runs.steps(run.id)
        ],
    }


def _run(document: Checked) -> tuple[Run, Sequence[Step]]:
    reason = document.text("stop_reason", "") or "error"
    if reason not in get_args(StopReason):
        raise document.wrong("stop_reason", f"expected one of {', '.join(get_args(StopReason))}")
    started = document.moment("started_at") or now()
    run = Run(
        document.text("id"), "", document.text("model", ""), "closed", cast("StopReason", reason),
        document.text("error", ""), Usage(), 0, started, document.moment("finished_at") or started,
    )  # fmt: skip
    steps = [
        Step(step.whole("seq"), _usage(step), step.moment("created_at") or started)
        for step in document.objects("steps")
    ]
    return run, steps


def _compaction(document: Checked) -> Compaction:
    moment = document.moment("created_at") or now()
    run_id = document.text("run_id", "") or None
    return Compaction(document.whole("seq"), _usage(document), moment, run_id)


def _usage(step: Checked) -> Usage:
    counts = ("input", "output", "cache_read", "cache_write", "reasoning")
    cost: Any = step.value.get("cost_usd")
    if cost is not None:
        if isinstance(cost, bool) or not isinstance(cost, int | float) or not abs(cost) < 1e15:
            raise step.wrong("cost_usd", "expected a number of US dollars")
        cost = float(cost)
    input_, output, read, written, reasoning = (step.whole(name, 0) for name in counts)
    return Usage(input_, output, read, written, reasoning, cost)


def _existing(store: Store, conversation_id: str) -> Conversation | None:
    try:
        return store.conversations.get(conversation_id)
    except NotFound:
        return None
