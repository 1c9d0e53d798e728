"""Edits of memory that were made while text from outside was in the writer's context.

Such an edit is marked with where that text came from. The mark stays with the block, in every
conversation that sees it and whatever else is edited, until a person has looked at the edit.
"""

from collections.abc import Iterable
from typing import Literal

from letta_cli.core.errors import NotFound
from letta_cli.core.memory import BlockRevision, MemoryBlock, Origin
from letta_cli.core.memory_blame import blame
from letta_cli.store.block_table import BlockTable
from letta_cli.store.database import Database

Verdict = Literal["accepted", "dropped"]


class Reviews:
    """Raises what `Database` raises, and what methods name."""

    def __init__(self, database: Database, table: BlockTable) -> None:
        self._database = database
        self._table = table

    def sources(self, blocks: Iterable[MemoryBlock]) -> dict[str, str]:
        """Block id to the sources of its edits that no person has reviewed; only of those that
        have any. One look into an index that holds nothing else."""
        wanted = {block.id for block in blocks}
        found: dict[str, dict[str, None]] = {}
        for block_id, untrusted in self._database.query(
            "SELECT block_id, untrusted FROM block_revision"
            " WHERE untrusted <> '' AND reviewed = '' ORDER BY created_at, version"
        ):
            if block_id in wanted:
                found.setdefault(block_id, {}).update(dict.fromkeys(untrusted.split(", ")))
        return {block_id: ", ".join(sources) for block_id, sources in found.items()}

    def open(self, block_id: str) -> list[BlockRevision]:
        """The marked edits of a block that no person has reviewed, oldest first."""
        return self._table.revisions(
            "WHERE r.block_id = ? AND r.untrusted <> '' AND r.reviewed = ''", [block_id]
        )

    def accept(self, block_id: str, version: int) -> None:
        """The person vouches for an edit: it counts as their own from now on.

        Raises:
            NotFound: there is no such edit that waits for a review.
        """
        with self._database.transaction():
            self._settle(block_id, version, "accepted")

    def drop(self, block_id: str, version: int, *, origin: Origin) -> BlockRevision | None:
        """Take an edit back: as a whole where nothing came after it, else the lines it brought
        that still stand.

        Returns:
            The edit that did so; None where nothing of it was left.

        Raises:
            NotFound: there is no such edit that waits for a review, or no such block.
        """
        with self._database.transaction():
            revision = self._settle(block_id, version, "dropped")
            block = self._table.writable(block_id, origin)
            after = revision.before
            if block.value != revision.after:
                # A person's edit after this one stays; so do those that were marked themselves.
                lines = blame(
                    block.value, self._table.revisions("WHERE r.block_id = ?", [block_id])
                )
                after = "\n".join(line for line, by in lines if by is None or by.version != version)
            return None if after == block.value else self._table.step(block, after, origin)

    def _settle(self, block_id: str, version: int, verdict: Verdict) -> BlockRevision:
        found = [each for each in self.open(block_id) if each.version == version]
        if not found:
            raise NotFound(f"There is no edit {version} that waits for a review.")
        self._database.execute(
            "UPDATE block_revision SET reviewed = ? WHERE block_id = ? AND version = ?",
            verdict, block_id, version,
        )  # fmt: skip
        self._table.wrote = True
        return found[0]
