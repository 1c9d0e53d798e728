"""What other sessions changed in shared memory since this conversation last looked."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from letta_cli.agent.thread import Thread
from letta_cli.core.agent import Conversation
from letta_cli.core.clock import to_text
from letta_cli.core.errors import NotFound
from letta_cli.core.memory import (
    ATTACHED,
    DETACHED,
    ISOLATED,
    RENAMED,
    BlockRevision,
    MemoryBlock,
)
from letta_cli.core.message import Message, Text
from letta_cli.store import Store

WHOLE_TEXT_LIMIT = 1_000
"""A block up to this many characters is told whole; a longer one as its changed lines."""


@dataclass(frozen=True, slots=True)
class News:
    """Attributes:
    text: what the model is to be told; empty when only its own edits are new.
    versions: what the conversation has seen once it is told.
    """

    text: str
    versions: Mapping[str, int]


def deliver(store: Store, thread: Thread, run_id: str) -> Message | None:
    """Append one notice about all foreign changes, stored with the versions it tells of.

    Returns None, after one indexed query, when there is nothing new.
    """
    news = read(store, thread.conversation)
    if news is None:
        return None
    if not news.text:
        thread.saw_memory(news.versions)
        return None
    versions = {**thread.conversation.memory_versions, **news.versions}
    return thread.append("notice", (Text(news.text),), run_id=run_id, memory_versions=versions)


def read(store: Store, conversation: Conversation) -> News | None:
    """What others changed that the conversation has not been told; None when nothing changed.

    The conversation's own edits are in its thread already, as tool calls, and are not told
    again.
    """
    changed = store.blocks.changed(conversation)
    if not changed:
        return None
    seen = conversation.memory_versions
    labels = {block.label for block in changed if not block.away}
    if any(block.away for block in changed):
        labels = {block.label for block in store.blocks.visible(conversation)}
    told: list[str] = []
    for block in changed:
        if block.away and block.label in labels:
            # Another block has its place now, which is told of instead.
            continue
        known = seen.get(block.id, 0)
        foreign = [
            revision
            for revision in store.blocks.since(block.id, abs(known))
            if revision.origin.conversation_id != conversation.id
        ]
        if foreign:
            told.append(describe(store, block, foreign, conversation.id))
        elif known < 0 and not block.away:
            told.append(_returned(block))
    versions = {block.id: -block.version if block.away else block.version for block in changed}
    return News("\n\n".join(told), versions)


_BEGINNING = 'Shared memory: block "'


def is_news(message: Message) -> bool:
    """Whether a message of a thread is such a notice."""
    return message.role == "notice" and message.text.startswith(_BEGINNING)


def describe(store: Store, block: MemoryBlock, foreign: list[BlockRevision], here: str) -> str:
    """Say which block changed, by whom, when, and what it says now, to the conversation `here`."""
    writers = ", ".join(dict.fromkeys(_writer(store, revision, here) for revision in foreign))
    when = to_text(foreign[-1].created_at)[:16] + "Z"
    head = f'{_BEGINNING}{block.label}" was {_deed(block, foreign)} by {writers} at {when}.'
    if marked := ", ".join(
        dict.fromkeys(each.open_sources for each in foreign if each.open_sources)
    ):
        head += f" It was written while content from outside was in context: {marked}."
    if block.away:
        return f"{head} It is in this conversation no more; do not rely on its text."
    renamed = [each.origin.note for each in foreign if each.origin.note.startswith(RENAMED)]
    if renamed:
        head += f" It was {renamed[0]}."
    if len(block.value) <= WHOLE_TEXT_LIMIT or foreign[0].before == block.value:
        return f"{head} {_text(block)}"
    lines = "\n".join(_changed_lines(foreign[0].before, block.value))
    return f"{head} Changed lines (version {block.version}):\n{lines}"


def _deed(block: MemoryBlock, foreign: list[BlockRevision]) -> str:
    if block.deleted:
        return "deleted"
    notes = [each.origin.note for each in foreign if each.before == each.after]
    for note in reversed(notes):
        if note.startswith((ATTACHED, DETACHED)):
            return note if not block.away or note.startswith(DETACHED) else "taken out"
    if foreign[0].origin.note == ISOLATED:
        return ISOLATED
    return "created" if foreign[0].version == 1 else "changed"


def _returned(block: MemoryBlock) -> str:
    return f'{_BEGINNING}{block.label}" is seen here again. {_text(block)}'


def _text(block: MemoryBlock) -> str:
    return f"It now reads:\n{block.value}" if block.value else "It is empty."


def _writer(store: Store, revision: BlockRevision, here: str) -> str:
    origin = revision.origin
    who = {"person": "the person", "system": "this program"}.get(origin.actor, origin.actor)
    if origin.commanded is not None:
        command, conversation_id = origin.commanded
        place = "this conversation" if conversation_id == here else _named(store, conversation_id)
        return f"{who}, with {command} in {place},"
    conversation_id = origin.conversation_id
    if origin.actor == "person" or conversation_id is None:
        return who
    if origin.actor == "reflection":
        return f"a reflection ({conversation_id})"
    return _named(store, conversation_id)


def _named(store: Store, conversation_id: str) -> str:
    try:
        title = store.conversations.get(conversation_id).title
    except NotFound:
        title = ""
    return f'conversation "{title}" ({conversation_id})' if title else conversation_id


def _changed_lines(before: str, after: str) -> Iterable[str]:
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return (line for line in diff if not line.startswith(("---", "+++", "@@")))
