"""conversation_search and conversation_open: recall over everything that was ever said to or by
this agent, in any terminal."""

import asyncio
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from letta_cli.core.errors import NotFound, StoreError, UsageError
from letta_cli.core.message import Message, Text, ToolCall, ToolReturn
from letta_cli.core.outside import joined
from letta_cli.core.tool import Display, ToolSpec
from letta_cli.store import Hit
from letta_cli.store.filters import read_filters
from letta_cli.tools.arguments import integer, integer_of, schema, text, text_of
from letta_cli.tools.paths import TitleOf, one_line
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok

SEARCH = ToolSpec(
    name="conversation_search",
    description="Search all past conversations of this agent by words, and edits of its memory; "
    "returns citations (conv-…:seq) that conversation_open opens.",
    parameters=schema(
        "query",
        query=text_of(),
        role=text_of("user, assistant or tool"),
        since=text_of("date, or 7d"),
        until=text_of(),
        project=text_of("folder name"),
        limit=integer_of(),
    ),
    kind="read",
    summary="search past conversations",
    concurrent=True,
)

OPEN = ToolSpec(
    name="conversation_open",
    description="Read the messages around a citation.",
    parameters=schema(
        "citation",
        citation=text_of("conv-…:seq"),
        before=integer_of("messages before, default 2"),
        after=integer_of("messages after, default 3"),
        offset=integer_of("this message alone, whole, from this character on"),
    ),
    kind="read",
    summary="open a citation of conversation_search",
    concurrent=True,
)

_CITATION = re.compile(r"(conv-[0-9a-f-]+):(\d+)")
_MESSAGE_CHARS = 3_000
_PART_CHARS = 600
_PAGE_CHARS = 12_000


async def search(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    query = text(arguments, "query")
    limit = max(1, min(50, integer(arguments, "limit", 10)))
    given = {name: text(arguments, name) for name in ("role", "since", "until", "project")}
    try:
        if given["project"]:
            given["project"] = context.store.conversations.project_named(
                context.agent_id, given["project"], str(context.workspace.cwd)
            )
        filters = read_filters(kinds=("messages", "memory"), **given)
    except (UsageError, NotFound) as error:
        return failed(f"{error} Leave it out to search everything.")
    # In a thread: the first search by meaning loads a model.
    found = await asyncio.to_thread(
        context.store.search.find, context.agent_id, query, filters, limit=limit + 1
    )
    hits = [hit for hit in found if not _is_this_call(hit, context)][:limit]
    if not hits:
        return ok(
            f"Nothing in any conversation matches {query!r}. Try fewer or other words"
            f"{', or without filters' if any(given.values()) else ''}.",
            Display(title=f"Search {query}: nothing"),
        )
    marked = [_outside(hit, context) for hit in hits]
    content = "\n".join(
        _found(hit, context, outside) for hit, outside in zip(hits, marked, strict=True)
    )
    shown = Display(title=f"Search {query}: {len(hits)} found", text=content)
    return ok(content, shown, outside=joined(marked))


def _is_this_call(hit: Hit, context: ToolContext) -> bool:
    """Whether it is the very message that asks, which holds all of its own words."""
    if hit.source != context.conversation.id or hit.role != "assistant":
        return False
    asking = context.store.messages.read(hit.source, start=hit.seq, end=hit.seq)
    calls = (part for each in asking for part in each.parts if isinstance(part, ToolCall))
    return any(part.id == context.call_id for part in calls)


def _outside(hit: Hit, context: ToolContext) -> str:
    """What of strangers' texts whoever wrote this had before it."""
    store = context.store
    if hit.kind == "message":
        return joined(store.messages.outside(hit.source, int(hit.place)))
    edits = store.blocks.since(hit.source, int(hit.place) - 1) if hit.kind == "memory" else []
    return edits[0].open_sources if edits else ""


def _found(hit: Hit, context: ToolContext, outside: str) -> str:
    here = ", this conversation" if hit.source == context.conversation.id else ""
    who = hit.role or f"edit of {hit.kind}"
    head = f"{hit.citation} {hit.created_at:%Y-%m-%d %H:%M} {who} [{one_line(hit.title, 50)}{here}]"
    mark = f" [untrusted: {outside}]" if outside else ""
    return f"{head}{mark}\n  {one_line(hit.snippet, 300)}"


async def open_citation(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    citation = text(arguments, "citation")
    found = _CITATION.search(citation)
    if found is None:
        return failed(f"{citation!r} is no citation. It looks like conv-1234…:5.")
    conversation_id, seq = found[1], int(found[2])
    offset = integer(arguments, "offset", -1)
    before = max(0, min(20, integer(arguments, "before", 2))) if offset < 0 else 0
    after = max(0, min(20, integer(arguments, "after", 3))) if offset < 0 else 0
    try:
        conversation = context.store.conversations.get(conversation_id)
        if conversation.agent_id != context.agent_id:
            raise NotFound(f"There is no conversation {conversation_id} of this agent.")
        messages = context.store.messages.read(
            conversation_id, start=max(1, seq - before), end=seq + after
        )
    except StoreError as error:
        return failed(f"{error} Find citations with conversation_search.")
    if not messages:
        return failed(f"{conversation_id} has {conversation.head} messages; there is no {seq}.")
    title = f"{conversation.title or 'untitled'} ({conversation.cwd})"
    show = partial(_page, offset=offset) if offset >= 0 else _told
    content = "\n\n".join([title, *map(show, messages)])
    outside = joined(context.store.messages.outside(conversation_id, messages[-1].seq))
    opened = Display(title=f"Open {conversation_id}:{seq}", text=content)
    return ok(content, opened, outside=outside)


def _told(message: Message) -> str:
    """A message among others, its long parts shortened; says how to read the rest."""
    whole = _text(message)
    shown = _text(message, _PART_CHARS)[:_MESSAGE_CHARS]
    if shown == whole:
        return whole
    return f"{shown}… (cut, {len(whole)} characters: offset=0 shows it whole)"


def _page(message: Message, offset: int) -> str:
    """The whole of a message, a page at a time."""
    whole = _text(message)
    if offset >= len(whole):
        return f"{message.seq} has {len(whole)} characters; nothing is at {offset}."
    end = offset + _PAGE_CHARS
    more = f"\n(of {len(whole)} characters; go on with offset={end})" if end < len(whole) else ""
    return f"{whole[offset:end]}{more}"


def _text(message: Message, most: int | None = None) -> str:
    """A message as text; of each call and return at most so many characters."""
    lines = [f"{message.seq} {message.role} {message.created_at:%Y-%m-%d %H:%M}"]
    for part in message.parts:
        match part:
            case Text(text=said):
                lines.append(said)
            case ToolCall(name=name, arguments=arguments, malformed=malformed):
                given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
                given = malformed or given
                lines.append(f"{name}({given if most is None else one_line(given, most)})")
            case ToolReturn(name=name, status=status, content=content):
                lines.append(f"{name} {status}: {content[:most]}")
            case _:
                pass
    return "\n".join(lines)


SEARCH_TOOL = Tool(SEARCH, search, TitleOf("conversation_search", "query"))
OPEN_TOOL = Tool(OPEN, open_citation, TitleOf("conversation_open", "citation"))
