"""Commands on what is remembered: memory blocks, and search over all conversations."""

from rich.console import Group, RenderableType
from rich.text import Text

from letta_cli.agent.remembering import changed_lines, remember, undo_command
from letta_cli.core.clock import now
from letta_cli.core.memory import BlockRevision, MemoryBlock, Origin
from letta_cli.frontends.interactive.commands import Host
from letta_cli.frontends.interactive.measures import ago
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.sanitize import sanitize, sanitize_line

_PREVIEW_LINES = 4
_REVISIONS = 5
_HITS = 10


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
    """Full text over every message of the agent, with citations."""
    if not argument:
        host.complain("Say what to look for: /search WORDS")
        return
    hits = host.session.store.search.messages(host.session.agent.id, argument, limit=_HITS)
    if not hits:
        host.complain(f"Nothing in any conversation matches {argument!r}.")
        return
    parts: list[RenderableType] = []
    for hit in hits:
        head = Text.assemble(
            (sanitize_line(hit.title) or "…", "bold"),
            (f"  {hit.role}, {ago(hit.created_at, now())}  {hit.citation}", "quiet"),
        )
        parts += [Hanging(head, "  "), Hanging(Text(sanitize_line(hit.snippet)), "    ")]
    parts.append(Text("  /resume WORDS opens one of them", style="quiet"))
    host.show(Group(*parts))
