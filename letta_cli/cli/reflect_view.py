"""Shows reflections: what each read, what it changed, what it cost."""

from collections.abc import Iterator
from typing import Any

from letta_cli.agent.reflection_news import drafts_of
from letta_cli.cli.memory_view import change_size, changed_lines, revision_facts
from letta_cli.cli.output import clip
from letta_cli.core.clock import to_text
from letta_cli.core.reflection import Reflection
from letta_cli.frontends.sanitize import sanitize_line
from letta_cli.store import Store

WHY = {
    "person": "asked for",
    "turns": "enough turns",
    "compaction": "compaction",
    "idle": "idle",
}


def read_text(reflection: Reflection) -> str:
    """``12 messages of 2 conversations``."""
    conversations = len({each.conversation_id for each in reflection.slices})
    messages, s = reflection.messages, "" if reflection.messages == 1 else "s"
    of = "" if conversations == 1 else "s"
    return f"{messages} message{s} of {conversations} conversation{of}"


def cost_text(store: Store, reflection: Reflection) -> str:
    """Dollars where they are known, else tokens."""
    if reflection.conversation_id is None:
        return ""
    usage = store.runs.totals(reflection.conversation_id)
    if usage.cost_usd is not None:
        return f"${usage.cost_usd:.4f}"
    tokens = usage.input + usage.cache_read + usage.cache_write + usage.output
    return f"{tokens:,} tokens" if tokens else ""


def lines_of(store: Store, reflection: Reflection) -> Iterator[str]:
    """What it changed, edit by edit, for people."""
    for revision in store.reflections.edits(reflection):
        note = f"  ({sanitize_line(revision.origin.note)})" if revision.origin.note else ""
        yield f"{revision.label} {revision.version}  {change_size(revision)}{note}"
        for line in changed_lines(revision):
            yield f"    {sanitize_line(line)}"
    for passage in store.reflections.passages(reflection):
        yield f"passage  {clip(passage.text, 100)}"
    for name in drafts_of(store, reflection):
        yield f"skill draft {name}  agent learn show {name}"


def facts(store: Store, reflection: Reflection) -> dict[str, Any]:
    """A reflection for machines."""
    usage = store.runs.totals(reflection.conversation_id) if reflection.conversation_id else None
    return {
        "id": reflection.id,
        "conversation_id": reflection.conversation_id,
        "occasion": reflection.occasion,
        "state": reflection.state,
        "error": reflection.error,
        "read": [
            {"conversation_id": each.conversation_id, "first": each.first, "last": each.last}
            for each in reflection.slices
        ],
        "edits": [revision_facts(each) for each in store.reflections.edits(reflection)],
        "passages": [
            {"id": each.id, "text": each.text} for each in store.reflections.passages(reflection)
        ],
        "skill_drafts": drafts_of(store, reflection),
        "cost_usd": usage.cost_usd if usage else None,
        "started_at": to_text(reflection.started_at),
        "finished_at": to_text(reflection.finished_at) if reflection.finished_at else None,
    }
