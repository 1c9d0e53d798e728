"""Between rows and the core's values: text that a database can hold, JSON, dates."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.clock import from_text
from letta_cli.core.memory import BlockRevision, MemoryBlock, Origin, Passage
from letta_cli.core.message import Message, Part, part_from_dict, part_to_dict
from letta_cli.core.run import Run, Usage
from letta_cli.store.database import Row

AGENT = "id, name, model, system, created_at"

CONVERSATION = (
    "c.id, c.agent_id, c.title, c.cwd, c.project, c.model, p.text, c.memory_versions, c.head,"
    " c.context_start, c.summary_seq, c.forked_from, c.is_default, c.archived, c.created_at,"
    " c.updated_at, c.kind, p.trusted"
)
FROM_CONVERSATION = "FROM conversation c LEFT JOIN prompt p ON p.conversation_id = c.id"
LISTED_CONVERSATION = CONVERSATION.replace("p.text", "NULL").replace("p.trusted", "NULL")
"""Without the prompt, which is most of a conversation's row; stands alone in ``FROM``."""

MESSAGE = "id, conversation_id, seq, role, parts, created_at, run_id"

BLOCK = (
    "id, agent_id, label, description, value, char_limit, read_only, scope, scope_key, version,"
    " updated_at"
)

DELETED = "deleted"
DETACHED = "detached"
"""What stands in the row of a deleted or detached block as its scope: nobody finds it by that."""

REVISION = (
    "r.block_id, b.label, r.version, r.before, r.after, r.actor, r.conversation_id, r.run_id,"
    " r.note, r.created_at, r.untrusted, r.reviewed"
)
FROM_REVISION = "FROM block_revision r JOIN block b ON b.id = r.block_id"

PASSAGE = (
    "p.id, p.agent_id, p.text, p.actor, p.conversation_id, p.run_id, p.note, p.created_at,"
    " p.untrusted"
)

USAGE = (
    "coalesce(sum(s.input), 0), coalesce(sum(s.output), 0), coalesce(sum(s.cache_read), 0),"
    " coalesce(sum(s.cache_write), 0), coalesce(sum(s.reasoning), 0), sum(s.cost_usd)"
)

_COUNTS = ("input", "output", "cache_read", "cache_write", "reasoning")
_OF_RUN = "FROM compaction k WHERE k.run_id = r.id)"
_COST = f"(SELECT sum(k.cost_usd) {_OF_RUN}"

RUN = (
    "r.id, r.conversation_id, r.model, r.state, r.stop_reason, r.error, r.started_at,"
    " r.finished_at, count(s.id), "
    + ", ".join(
        f"coalesce(sum(s.{each}), 0) + (SELECT coalesce(sum(k.{each}), 0) {_OF_RUN}"
        for each in _COUNTS
    )
    + f", coalesce(sum(s.cost_usd) + {_COST}, sum(s.cost_usd), {_COST})"
)
"""With what its steps took, and the summaries that it needed."""
FROM_RUN = "FROM run r LEFT JOIN step s ON s.run_id = r.id"


def clean(text: str) -> str:
    """Text that every database can hold: no NUL, no half of a surrogate pair."""
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def like(text: str) -> str:
    """A text as ``LIKE … ESCAPE '!'`` takes it word for word."""
    for character in "!%_":
        text = text.replace(character, "!" + character)
    return text


def to_json(value: Any) -> str:
    """Compact JSON. Broken surrogates are kept as escapes, so nothing is lost."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), default=_plain)
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    if isinstance(value, Sequence):
        return list(cast("Sequence[Any]", value))
    raise TypeError(f"A {type(value).__name__} cannot be stored as JSON")


def parts_to_json(parts: Sequence[Part]) -> str:
    return to_json([part_to_dict(part) for part in parts])


def parts_from_json(text: str) -> tuple[Part, ...]:
    return tuple(part_from_dict(data) for data in json.loads(text))


def agent(row: Row) -> Agent:
    id_, name, model, system, created_at = row
    return Agent(id_, name, model, system, from_text(created_at))


def conversation(row: Row) -> Conversation:
    (
        id_, agent_id, title, cwd, project, model, prompt, versions, head, context_start,
        summary_seq, forked_from, is_default, archived, created_at, updated_at, kind, trusted,
    ) = row  # fmt: skip
    return Conversation(
        id=id_,
        agent_id=agent_id,
        title=title,
        cwd=cwd,
        project=project,
        model=model,
        system_prompt=prompt,
        memory_versions=json.loads(versions),
        head=head,
        context_start=context_start,
        summary_seq=summary_seq,
        forked_from=forked_from,
        is_default=bool(is_default),
        archived=bool(archived),
        created_at=from_text(created_at),
        updated_at=from_text(updated_at),
        kind=kind,
        prompt_trust=trusted or "",
    )


def message(row: Row) -> Message:
    id_, conversation_id, seq, role, parts, created_at, run_id = row
    return Message(
        id_, conversation_id, seq, role, parts_from_json(parts), from_text(created_at), run_id
    )


def block(row: Row) -> MemoryBlock:
    (
        id_, agent_id, label, description, value, limit, read_only, scope, scope_key, version,
        updated_at,
    ) = row  # fmt: skip
    state = scope
    if state in (DELETED, DETACHED):
        scope, _, rest = scope_key.partition(":")
        scope_key = rest.rpartition(":")[0]
    return MemoryBlock(
        id_, agent_id, label, description, value, limit, bool(read_only), scope, scope_key,
        version, from_text(updated_at), state == DELETED, state == DETACHED,
    )  # fmt: skip


def away_key(block: MemoryBlock) -> str:
    """The scope key of a deleted or detached block's row: where it was, and unique."""
    return f"{block.scope}:{block.scope_key}:{block.id}"


def revision(row: Row) -> BlockRevision:
    (
        block_id, label, version, before, after, actor, conversation_id, run_id, note, created_at,
        untrusted, reviewed,
    ) = row  # fmt: skip
    origin = Origin(actor, conversation_id, run_id, note, untrusted)
    moment = from_text(created_at)
    return BlockRevision(block_id, label, version, before, after, origin, moment, reviewed)


def passage(row: Row, tags: Sequence[str]) -> Passage:
    id_, agent_id, text, actor, conversation_id, run_id, note, created_at, untrusted = row
    origin = Origin(actor, conversation_id, run_id, note, untrusted)
    return Passage(id_, agent_id, text, tuple(tags), origin, from_text(created_at))


def usage(row: Row) -> Usage:
    return Usage(*row)


def run(row: Row) -> Run:
    id_, conversation_id, model, state, stop_reason, error, started, finished, steps, *counts = row
    return Run(
        id=id_,
        conversation_id=conversation_id,
        model=model,
        state=state,
        stop_reason=stop_reason,
        error=error,
        usage=Usage(*counts),
        steps=steps,
        started_at=from_text(started),
        finished_at=None if finished is None else from_text(finished),
    )
