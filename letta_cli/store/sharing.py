"""Who sees a memory block: attached to other agents, detached, or copied for one conversation.

A block belongs to the agent that made it. Attached to another agent, it is the same block there:
one text, one history, whoever edits it. An isolated copy is a block of its own that takes the
shared one's place in one conversation.
"""

from dataclasses import replace
from typing import Literal

from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import Conflict, NotFound, UsageError
from letta_cli.core.ids import new_id
from letta_cli.core.memory import ATTACHED, DETACHED, ISOLATED, BlockRevision, MemoryBlock, Origin
from letta_cli.store import rows
from letta_cli.store.block_table import BlockTable
from letta_cli.store.database import Database

_Memory = dict[str, int]


class Sharing:
    """Raises what `Database` raises, and what methods name."""

    def __init__(self, database: Database, table: BlockTable) -> None:
        self._database = database
        self._table = table

    def attach(self, block_id: str, agent_id: str, *, origin: Origin) -> BlockRevision:
        """Let all conversations of an agent see a block, be it another agent's or a detached one.

        Raises:
            NotFound: there is no such block.
            Conflict: the agent sees it already, or another block with its label.
            UsageError: the block belongs to one project or conversation.
        """
        with self._database.transaction():
            block = self._existing(block_id)
            if block.scope != "agent" and block.agent_id != agent_id:
                raise UsageError(
                    f"Memory block {block.label!r} belongs to one {block.scope} and cannot be "
                    "attached to another agent. Only blocks of agent scope can."
                )
            if self._sees(block, agent_id):
                raise Conflict(f"Memory block {block.label!r} is attached already.")
            there = self._table.at(agent_id, block.scope, block.scope_key, block.label)
            if there is not None:
                raise Conflict(
                    f"There is already a memory block {block.label!r}. Rename one of the two.",
                    current=there.value,
                    version=there.version,
                )
            if block.agent_id == agent_id:
                self._table.move(block.id, block.scope, block.scope_key)
            else:
                self._add(block.id, agent_id)
            return self._note(block, ATTACHED, agent_id, origin)

    def detach(self, block_id: str, agent_id: str, *, origin: Origin) -> BlockRevision:
        """Take a block out of an agent's conversations. Its text, its history and whoever else
        sees it stay.

        Raises:
            NotFound: there is no such block, or the agent does not see it.
        """
        with self._database.transaction():
            block = self._existing(block_id)
            if not self._sees(block, agent_id):
                raise NotFound(f"Memory block {block.label!r} is not attached.")
            if block.agent_id == agent_id:
                self._table.move(block.id, rows.DETACHED, rows.away_key(block))
            else:
                self._remove(block.id, agent_id)
            return self._note(block, DETACHED, agent_id, origin)

    def detached(self, agent_id: str) -> list[MemoryBlock]:
        """The agent's own blocks that it does not see; the newest first."""
        found = self._database.query(
            f"SELECT {rows.BLOCK} FROM block WHERE agent_id = ? AND scope = ?"
            " ORDER BY updated_at DESC, id",
            agent_id, rows.DETACHED,
        )  # fmt: skip
        return [rows.block(row) for row in found]

    def isolate(self, block_id: str, conversation_id: str, *, origin: Origin) -> MemoryBlock:
        """Give a conversation its own copy of a block, which it sees in the block's place.

        Raises:
            NotFound: there is no such block.
            Conflict: the conversation has its own already; carries its value.
        """
        with self._database.transaction():
            block = self._existing(block_id)
            if block.scope == "conversation":
                raise Conflict(
                    f"Memory block {block.label!r} is this conversation's own already.",
                    current=block.value,
                    version=block.version,
                )
            found = self._database.query(
                "SELECT agent_id FROM conversation WHERE id = ?", conversation_id
            )
            if not found:
                raise NotFound(f"There is no conversation {conversation_id}.")
            origin = replace(origin, note=ISOLATED)
            return self._copy(block, found[0][0], conversation_id, origin)

    def copy_own(self, source_id: str, made_id: str, seen: _Memory) -> _Memory:
        """Give a fork copies of its source's own blocks; returns what the fork has seen.

        Args:
            seen: block id to version that the source has seen. Who knew the current text of the
                source's block knows that of the copy.
        """
        found = self._database.query(
            f"SELECT {rows.BLOCK} FROM block WHERE scope = 'conversation' AND scope_key = ?"
            " ORDER BY created_at, id",
            source_id,
        )  # fmt: skip
        seen = dict(seen)
        for block in map(rows.block, found):
            origin = Origin("system", conversation_id=made_id, note=f"copied from {source_id}")
            copy = self._copy(block, block.agent_id, made_id, origin)
            if seen.pop(block.id, None) == block.version:
                seen[copy.id] = copy.version
        return seen

    def hand_over(self, agent_id: str) -> None:
        """Before an agent is removed: those of its blocks that others see go to the first."""
        found = self._database.query(
            f"SELECT {rows.BLOCK} FROM block WHERE agent_id = ? AND scope <> ?"
            " AND id IN (SELECT block_id FROM block_attachment)",
            agent_id, rows.DELETED,
        )  # fmt: skip
        for block in map(rows.block, found):
            heir = self._table.attached_to(block.id)[0]
            self._remove(block.id, heir)
            self._database.execute("UPDATE block SET agent_id = ? WHERE id = ?", heir, block.id)
            self._table.move(block.id, "agent", "")

    def owner(self, block_id: str) -> str:
        """The name of the agent a block belongs to; empty when there is no such block."""
        found = self._database.query(
            "SELECT name FROM agent WHERE id = (SELECT agent_id FROM block WHERE id = ?)", block_id
        )
        return found[0][0] if found else ""

    def _existing(self, block_id: str) -> MemoryBlock:
        block = self._table.by_id(block_id)
        if block is None or block.deleted:
            raise NotFound(f"There is no memory block {block_id}.")
        return block

    def _sees(self, block: MemoryBlock, agent_id: str) -> bool:
        if block.agent_id == agent_id:
            return not block.detached
        return agent_id in self._table.attached_to(block.id)

    def _copy(
        self, block: MemoryBlock, agent_id: str, conversation_id: str, origin: Origin
    ) -> MemoryBlock:
        copy = replace(
            block, id=new_id("block"), agent_id=agent_id, scope="conversation",
            scope_key=conversation_id, version=1, updated_at=now(), detached=False,
            # A text that is longer than a lowered limit is copied as it is.
            limit=max(block.limit, len(block.value)),
        )  # fmt: skip
        self._table.insert(copy, origin)
        return copy

    def _add(self, block_id: str, agent_id: str) -> None:
        self._database.execute(
            "INSERT INTO block_attachment (agent_id, block_id, attached_at) VALUES (?, ?, ?)",
            agent_id, block_id, to_text(now()),
        )  # fmt: skip

    def _remove(self, block_id: str, agent_id: str) -> None:
        self._database.execute(
            "DELETE FROM block_attachment WHERE agent_id = ? AND block_id = ?", agent_id, block_id
        )

    def _note(
        self, block: MemoryBlock, deed: Literal["attached to", "detached from"], agent_id: str,
        origin: Origin,
    ) -> BlockRevision:  # fmt: skip
        """A revision that says so: history, notices and mirror tell of it like of any edit."""
        [[name]] = self._database.query("SELECT name FROM agent WHERE id = ?", agent_id)
        return self._table.step(block, block.value, replace(origin, note=f'{deed} "{name}"'))
