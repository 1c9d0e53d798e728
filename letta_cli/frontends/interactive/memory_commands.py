"""Commands on what is remembered: memory blocks, and search over all conversations."""

import asyncio

from rich.console import Group, RenderableType
from rich.text import Text

from letta_cli.agent.remembering import changed_lines, remember, undo_command
from letta_cli.core.clock import now
from letta_cli.core.errors import UsageError
from letta_cli.core.memory import BlockRevision, MemoryBlock, Origin
from letta_cli.frontends.interactive.commands import Host
from letta_cli.frontends.interactive.measures import ago
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.sanitize import sanitize, sanitize_line
from letta_cli.store import Hit
from letta_cli.store.filters import read_filters

_PREVIEW_LINES = 4
_REVISIONS = 5
_HITS = 10
_FILTERS = ("role", "since", "until", "project", "kind")


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
    words, given = _filters(argument)
    unknown = [name for name in given if name not in _FILTERS]
    if unknown or not words:
        host.complain(
            f"Say what to look for: /search WORDS [{' '.join(f'--{name}' for name in _FILTERS)}]"
        )
        return
    kind = given.pop("kind", "")
    try:
        filters = read_filters(kinds=(kind,) if kind else (), **given)
    except UsageError as error:
        host.complain(str(error))
        return
    session = host.session
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
            (f"  {hit.role or hit.kind}, {ago(hit.created_at, now())}  {hit.citation}", "quiet"),
        )
        parts += [Hanging(head, "  "), Hanging(_marked(hit), "    ")]
    parts.append(Text("  /resume CITATION opens one of them", style="quiet"))
    host.show(Group(*parts))


def _filters(argument: str) -> tuple[str, dict[str, str]]:
    """The words, and what stands in options: ``--role user``."""
    words, given = list[str](), dict[str, str]()
    rest = iter(argument.split())
    for word in rest:
        name, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and name:
            given[name] = value if equals else next(rest, "")
        else:
            words.append(word)
    return " ".join(words), given


def _marked(hit: Hit) -> Text:
    line, end = Text(), 0
    for start, stop in hit.marks:
        line.append(sanitize(hit.snippet[end:start]))
        line.append(sanitize(hit.snippet[start:stop]), "bold")
        end = stop
    return line.append(sanitize(hit.snippet[end:]))
