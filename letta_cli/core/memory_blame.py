"""Which revision brought which line of a block."""

from collections.abc import Sequence
from difflib import SequenceMatcher

from letta_cli.core.memory import BlockRevision


def blame(value: str, revisions: Sequence[BlockRevision]) -> list[tuple[str, BlockRevision | None]]:
    """Each line of `value` with the revision that brought it; None: it was there at first.

    Args:
        revisions: all of the block, oldest first.
    """
    first = revisions[0].before if revisions else value
    lines: list[tuple[str, BlockRevision | None]] = [(line, None) for line in first.splitlines()]
    for revision in revisions:
        after = revision.after.splitlines()
        matcher = SequenceMatcher(None, [line for line, _ in lines], after, autojunk=False)
        made: list[tuple[str, BlockRevision | None]] = []
        for kind, start, end, new_start, new_end in matcher.get_opcodes():
            if kind == "equal":
                made += lines[start:end]
            else:
                made += [(line, revision) for line in after[new_start:new_end]]
        lines = made
    return lines
