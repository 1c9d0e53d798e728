"""Commands on what is remembered: memory blocks, and search over all conversations."""

import asyncio

from rich.console import Group, RenderableType
from rich.text import Text

from letta_cli.agent.remembering import changed_lines, remember, undo_command
from letta_cli.core.clock import now
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.memory import BlockRevision, MemoryBlock, Origin
from letta_cli.frontends.interactive.commands import Host
from letta_cli.frontends.interactive.measures import ago, short_id
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.sanitize import sanitize, sanitize_line
from letta_cli.store import Hit
from letta_cli.store.filters import read_filters

_PREVIEW_LINES = 4
_REVISIONS = 5
_HITS = 10
_FILTERS = ("role", "since", "until", "project", "kind")
_SEARCH_USAGE = f"/search WORDS [{' '.join(f'--{name} …' for name in _FILTERS)}]"


async def show_memory(host: Host, argument: str) -> None:
    """All blocks this conversation sees, or one in full with its newest edits."""
    session = host.session
    blocks = session.store.blocks.visible(session.conversation)
    if not argument:
        parts: list[RenderableType] = []
        for block in blocks:
            parts += [_head(block), _value(block, _PREVIEW_LINES), ""]
        parts.append(
            Text("  /memory LABEL shows one in full, with its newest edits", style="quiet")
        )
        host.show(Group(*parts))
        return
    block = next((one for one in blocks if one.label == argument), None)
    if block is None:
        labels = ", ".join(one.label for one in blocks)
        host.complain(f"There is no memory block {argument!r} here. Blocks: {labels}.")
        return
    revisions = session.store.blocks.revisions(
        session.agent.id, label=block.label, limit=_REVISIONS
    )
    edits = [_revision(one) for one in revisions if one.block_id == block.id]
    host.show(Group(_head(block), _value(block, None), *edits))


def _head(block: MemoryBlock) -> RenderableType:
    full = f"{len(block.value):,}/{block.limit:,} characters"
    notes = [block.scope, f"version {block.version}", full]
    if block.read_only:
        notes.append("read only")
    return Text.assemble(
        (f"  {sanitize_line(block.label)}", "bold"), (f"  {', '.join(notes)}", "quiet")
    )


def _value(block: MemoryBlock, limit: int | None) -> RenderableType:
    if not block.value.strip():
        return Text("    (empty)", style="quiet")
    lines = sanitize(block.value).strip().split("\n")
    kept = lines if limit is None else lines[:limit]
    if len(kept) < len(lines):
        kept.append(f"… +{len(lines) - len(kept)} lines")
    return Hanging(Text("\n".join(kept)), "    ")


def _revision(revision: BlockRevision) -> RenderableType:
    origin = revision.origin
    note = f", {sanitize_line(origin.note)}" if origin.note else ""
    where = f" in {origin.conversation_id}" if origin.conversation_id else ""
    when = ago(revision.created_at, now())
    text = f"version {revision.version}: by {origin.actor}{where}, {when}{note}"
    return Hanging(Text(text, style="quiet"), "    ")


async def initialise(host: Host, argument: str) -> None:
    """Fill the project's block from its repository, and show what became of it."""
    await host.play(host.session.initialise(argument))


async def remember_words(host: Host, argument: str) -> None:
    """Store one thing, as it was said; the model hears of it with its next step."""
    session = host.session
    if not argument:
        host.complain("Say what to remember: /remember I like short answers")
        return
    done = remember(
        session.store,
        session.agent.id,
        argument,
        project=session.conversation.project,
        conversation_id=session.conversation.id,
        origin=Origin("person", note=f"/remember in {session.conversation.id}"),
    )
    label = sanitize_line(done.block.label)
    if done.revision is None:
        host.quiet(f"memory: {label} says that already; nothing was stored")
        return
    for line in changed_lines(done.revision):
        host.quiet(f"memory: {label} {sanitize_line(line)}")
    host.quiet(f"because {done.why}; undo with: {undo_command(done.block)}")


async def search(host: Host, argument: str) -> None:
    """Everything of the agent, with citations: /search WORDS --role user --since 7d."""
    session = host.session
    try:
        words, given = _filters(argument)
        if not words:
            raise UsageError(f"Say what to look for: {_SEARCH_USAGE}")
        kind = given.pop("kind", "")
        if project := given.get("project"):
            given["project"] = session.store.conversations.project_named(
                session.agent.id, project, str(session.workspace.cwd)
            )
        filters = read_filters(kinds=(kind,) if kind else (), **given)
    except (UsageError, NotFound) as error:
        host.complain(str(error))
        return
    # In a thread: the first search by meaning loads a model.
    hits = await asyncio.to_thread(
        session.store.search.find, session.agent.id, words, filters, limit=_HITS
    )
    if not hits:
        host.complain(f"Nothing in any conversation matches {words!r}.")
        return
    parts: list[RenderableType] = []
    for hit in hits:
        head = Text.assemble(
            (sanitize_line(hit.title) or "…", "bold"),
            (f"  {hit.role or hit.kind}, {ago(hit.created_at, now())}  {_citation(hit)}", "quiet"),
        )
        parts += [Hanging(head, "  "), Hanging(_marked(hit), "    ")]
    if any(hit.kind == "message" for hit in hits):
        opening = "/resume CITATION opens a conversation; agent sessions show CITATION reads there"
        parts.append(Text(f"  {opening}", style="quiet"))
    host.show(Group(*parts))


def _filters(argument: str) -> tuple[str, dict[str, str]]:
    """The words, and what stands in options: ``--role user``.

    Raises:
        UsageError: there is no such option, or its value is missing.
    """
    words, given = list[str](), dict[str, str]()
    rest = iter(argument.split())
    for word in rest:
        name, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and name:
            if name not in _FILTERS:
                raise UsageError(f"There is no --{name}. It is {_SEARCH_USAGE}")
            given[name] = value if equals else next(rest, "")
            if not given[name]:
                raise UsageError(f"--{name} needs a value. It is {_SEARCH_USAGE}")
        else:
            words.append(word)
    return " ".join(words), given


def _citation(hit: Hit) -> str:
    """Short enough to be read and typed, long enough to be opened."""
    return f"{short_id(hit.source)}:{hit.place}" if hit.kind == "message" else hit.citation


def _marked(hit: Hit) -> Text:
    line, end = Text(), 0
    for start, stop in hit.marks:
        line.append(sanitize(hit.snippet[end:start]))
        line.append(sanitize(hit.snippet[start:stop]), "bold")
        end = stop
    return line.append(sanitize(hit.snippet[end:]))
