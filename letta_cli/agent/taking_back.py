"""Takes back what a reflection did, without touching what others wrote since."""

from dataclasses import dataclass, field
from difflib import SequenceMatcher

from letta_cli.core.errors import NotFound, StoreError
from letta_cli.core.memory import BlockRevision, Origin
from letta_cli.core.reflection import Reflection
from letta_cli.store import Store


@dataclass(slots=True)
class TakenBack:
    """What became of it.

    Attributes:
        revisions: the edits that take edits back.
        kept: why something could not be taken back, one line each.
    """

    revisions: list[BlockRevision] = field(default_factory=list[BlockRevision])
    passages: int = 0
    drafts: int = 0
    kept: list[str] = field(default_factory=list[str])


def take_back(store: Store, reflection: Reflection, origin: Origin) -> TakenBack:
    """Undo every edit of `reflection`, the newest first, in one transaction.

    Lines that somebody changed after it stay as they are. Passages that it wrote are removed,
    drafts nobody has decided on are dropped. What it read stays read.
    """
    done = TakenBack()
    with store.database.transaction():
        for revision in reversed(store.reflections.edits(reflection)):
            _take_back(store, revision, origin, done)
        for passage in store.reflections.passages(reflection):
            store.passages.delete(passage.id)
            done.passages += 1
        conversation_id = reflection.conversation_id or ""
        for draft in store.skill_drafts.of_conversation(reflection.agent_id, conversation_id):
            if draft.state == "open":
                store.skill_drafts.decide(draft.id, "dropped")
                done.drafts += 1
        store.reflections.mark_undone(reflection.id)
    return done


def _take_back(store: Store, revision: BlockRevision, origin: Origin, done: TakenBack) -> None:
    try:
        current = store.blocks.get(revision.block_id)
        if current is None or current.deleted:
            raise NotFound("It was deleted since.")
        value, whole = reverse(current.value, revision.before, revision.after)
        if value != current.value:
            done.revisions.append(store.blocks.rethink(current.id, value, origin=origin))
    except StoreError as error:
        done.kept.append(f"{revision.label} {revision.version}: {error}")
        return
    if not whole:
        done.kept.append(
            f"{revision.label} {revision.version}: some of its lines were changed since and stay."
        )


def reverse(current: str, before: str, after: str) -> tuple[str, bool]:
    """`current` without the change from `before` to `after`, line by line.

    Returns:
        The text, and whether all of the change could be taken back.
    """
    if current == after:
        return before, True
    now, made, was = (text.split("\n") if text else [] for text in (current, after, before))
    place = _places(made, now)
    whole = True
    pieces: list[tuple[int, int, list[str]]] = []
    changes = SequenceMatcher(None, made, was, autojunk=False).get_opcodes()
    for kind, start, end, was_start, was_end in changes:
        if kind == "equal":
            continue
        found = [place.get(line) for line in range(start, end)]
        at = found[0] if found else _gap(place, start, len(made), len(now))
        if at is None or found != list(range(at, at + len(found))):
            whole = False
            continue
        pieces.append((at, at + len(found), was[was_start:was_end]))
    for start, end, lines in sorted(pieces, reverse=True):
        now[start:end] = lines
    return "\n".join(now), whole


def _places(made: list[str], now: list[str]) -> dict[int, int]:
    """Where each line of `made` that is still there stands in `now`."""
    blocks = SequenceMatcher(None, made, now, autojunk=False).get_matching_blocks()
    return {block.a + offset: block.b + offset for block in blocks for offset in range(block.size)}


def _gap(place: dict[int, int], before_line: int, made: int, now: int) -> int | None:
    """Where in the current text the gap before a line of `made` is; None when it is not clear."""
    if before_line in place:
        return place[before_line]
    if before_line - 1 in place:
        return place[before_line - 1] + 1
    return now if before_line == made == 0 else None
