"""archival_memory_insert and archival_memory_search: what is worth keeping but not worth a place
in every prompt."""

import asyncio
from collections.abc import Mapping
from typing import Any

from letta_cli.core.errors import StoreError, UsageError
from letta_cli.core.outside import joined
from letta_cli.core.tool import Display, ToolSpec
from letta_cli.store.passages import PassageHit
from letta_cli.tools.arguments import integer, integer_of, schema, text, text_of, texts, texts_of
from letta_cli.tools.paths import TitleOf, one_line
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok

INSERT = ToolSpec(
    name="archival_memory_insert",
    description="Keep a self-contained text in archival memory, which is only seen by searching.",
    parameters=schema("content", content=text_of(), tags=texts_of()),
    kind="memory",
    summary="keep a text for later searches",
)

SEARCH = ToolSpec(
    name="archival_memory_search",
    description="Search archival memory; an empty query: the newest.",
    parameters=schema("query", query=text_of(), tags=texts_of("all of these"), top_k=integer_of()),
    kind="read",
    summary="search kept texts",
    concurrent=True,
)

_SHOWN_CHARS = 1_500


async def insert(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    content = text(arguments, "content")
    try:
        made = context.store.passages.insert(
            context.agent_id, content, tags=texts(arguments, "tags"), origin=context.origin
        )
    except (StoreError, UsageError) as error:
        return failed(str(error))
    tags = f" under {', '.join(made.tags)}" if made.tags else ""
    return ok(f"Kept as {made.id}{tags}.", Display(title=f"Keep{tags}", text=made.text))


async def search(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    query, tags = text(arguments, "query"), texts(arguments, "tags")
    limit = max(1, min(50, integer(arguments, "top_k", 10)))
    if not query.strip():
        return _newest(context, tags, limit)
    # In a thread: the first search by meaning loads a model.
    hits = await asyncio.to_thread(
        context.store.passages.search, context.agent_id, query, tags=tags, limit=limit
    )
    if not hits:
        known = f" with {', '.join(tags)}" if tags else ""
        return ok(
            f"Nothing in archival memory{known} matches {query!r}.",
            Display(title=f"Search {query}: nothing"),
        )
    content = "\n\n".join(map(_told, hits))
    found = Display(title=f"Search {query}: {len(hits)} found", text=content)
    return ok(content, found, outside=joined(hit.passage.origin.untrusted for hit in hits))


def _newest(context: ToolContext, tags: tuple[str, ...], limit: int) -> ToolOutcome:
    """Without words: what the tags hold, or all there is, the newest first."""
    kept = context.store.passages.list(context.agent_id, tags=tags, limit=limit)
    about = ", ".join(tags) or "all"
    if not kept:
        return ok(
            f"Nothing is in archival memory{f' with {about}' if tags else ''}.",
            Display(title=f"Search {about}: nothing"),
        )
    hits = [PassageHit(each, each.text, 0) for each in kept]
    content = "\n\n".join(map(_told, hits))
    found = Display(title=f"Search {about}: {len(hits)} found", text=content)
    return ok(content, found, outside=joined(each.origin.untrusted for each in kept))


def _told(hit: PassageHit) -> str:
    passage = hit.passage
    tags = f" [{', '.join(passage.tags)}]" if passage.tags else ""
    head = f"{passage.id} {passage.created_at:%Y-%m-%d} by {passage.origin.actor}{tags}"
    if passage.origin.untrusted:
        head += f" [untrusted: {passage.origin.untrusted}]"
    if len(passage.text) <= _SHOWN_CHARS:
        return f"{head}\n{passage.text}"
    return f"{head}\n{one_line(hit.snippet, 300)} … (from {len(passage.text)} characters)"


INSERT_TOOL = Tool(INSERT, insert, TitleOf("archival_memory_insert", "content"))
SEARCH_TOOL = Tool(SEARCH, search, TitleOf("archival_memory_search", "query"))
