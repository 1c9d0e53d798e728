"""What other sessions changed in shared memory since this conversation last looked."""

import difflib
from collections.abc import Iterable

from letta_cli.agent.thread import Thread
from letta_cli.core.clock import to_text
from letta_cli.core.errors import NotFound
from letta_cli.core.memory import BlockRevision, MemoryBlock
from letta_cli.core.message import Message, Text
from letta_cli.store import Store

WHOLE_TEXT_LIMIT = 1_000
"""A block up to this many characters is told whole; a longer one as its changed lines."""


def deliver(store: Store, thread: Thread, run_id: str) -> Message | None:
    """Append one notice about all foreign changes, stored with the versions it tells of.

    The conversation's own edits are in its thread already, as tool calls, and are not told
    again. Returns None, after one indexed query, when there is nothing new.
    """
    changed = store.blocks.changed(thread.conversation)
    if not changed:
        return None
    seen = thread.conversation.memory_versions
    told: list[str] = []
    for block in changed:
        foreign = [
            revision
            for revision in store.blocks.since(block.id, seen.get(block.id, 0))
            if revision.origin.conversation_id != thread.conversation.id
        ]
        if foreign:
            told.append(describe(store, block, foreign))
    versions = {block.id: block.version for block in changed}
    if not told:
        thread.saw_memory(versions)
        return None
    return thread.append("notice", (Text("\n\n".join(told)),), run_id=run_id,
                         memory_versions={**seen, **versions})  # fmt: skip


def describe(store: Store, block: MemoryBlock, foreign: list[BlockRevision]) -> str:
    """Say which block changed, by whom, when, and what it says now."""
    writers = ", ".join(dict.fromkeys(_writer(store, revision) for revision in foreign))
    when = to_text(foreign[-1].created_at)[:16] + "Z"
    head = f'Shared memory: block "{block.label}" was changed by {writers} at {when}.'
    if len(block.value) <= WHOLE_TEXT_LIMIT:
        return f"{head} It now reads:\n{block.value}"
    lines = "\n".join(_changed_lines(foreign[0].before, block.value))
    return f"{head} Changed lines (version {block.version}):\n{lines}"


def _writer(store: Store, revision: BlockRevision) -> str:
    conversation_id = revision.origin.conversation_id
    if revision.origin.actor == "person" or conversation_id is None:
        return "the person" if revision.origin.actor == "person" else revision.origin.actor
    try:
        title = store.conversations.get(conversation_id).title
    except NotFound:
        title = ""
    return f'conversation "{title}" ({conversation_id})' if title else conversation_id


def _changed_lines(before: str, after: str) -> Iterable[str]:
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return (line for line in diff if not line.startswith(("---", "+++", "@@")))
