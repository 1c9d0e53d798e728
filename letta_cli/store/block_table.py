"""The rows of memory blocks and their revisions: what edits and sharing both stand on."""

from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import Conflict, LimitExceeded, NotFound, ReadOnly
from letta_cli.core.memory import BlockRevision, MemoryBlock, Origin, Scope
from letta_cli.store import rows
from letta_cli.store.database import Database
from letta_cli.store.indexing import Indexing

_OWN = (
    "FROM block WHERE agent_id = ? AND (scope = 'agent' OR scope = 'project' AND scope_key = ?"
    " OR scope = 'conversation' AND scope_key = ?)"
)
_ATTACHED = (
    "FROM block WHERE id IN (SELECT block_id FROM block_attachment WHERE agent_id = ?)"
    f" AND scope <> '{rows.DELETED}'"
)
_WIDTH = "CASE scope WHEN 'project' THEN 1 WHEN 'conversation' THEN 2 ELSE 0 END"
ORDER = f"ORDER BY {_WIDTH}, created_at, id"
_SEEN = (
    f"SELECT {rows.BLOCK} FROM (SELECT {rows.BLOCK}, created_at {_OWN}"
    f" UNION ALL SELECT {rows.BLOCK}, created_at {_ATTACHED}) AS seen {ORDER}"
)
_SEEN_VERSIONS = (
    f"SELECT label, {_WIDTH} AS width, id, version {_OWN}"
    f" UNION ALL SELECT label, 0, id, version {_ATTACHED}"
)


class BlockTable:
    """Reads and writes single rows. What writes stands inside the caller's transaction."""

    def __init__(self, database: Database, indexing: Indexing) -> None:
        self._database = database
        self._indexing = indexing
        self.wrote = False

    def by_id(self, block_id: str) -> MemoryBlock | None:
        found = self._database.query(f"SELECT {rows.BLOCK} FROM block WHERE id = ?", block_id)
        return rows.block(found[0]) if found else None

    def at(self, agent_id: str, scope: Scope, scope_key: str, label: str) -> MemoryBlock | None:
        """The block of this label there; among an agent's blocks also an attached one."""
        found = self._database.query(
            f"SELECT {rows.BLOCK} FROM block"
            " WHERE agent_id = ? AND scope = ? AND scope_key = ? AND label = ?",
            agent_id, scope, scope_key, label,
        )  # fmt: skip
        if not found and scope == "agent":
            found = self._database.query(
                f"SELECT {rows.BLOCK} {_ATTACHED} AND label = ?", agent_id, label
            )
        return rows.block(found[0]) if found else None

    def seen_by(
        self, agent_id: str, *, project: str | None, conversation_id: str | None
    ) -> list[MemoryBlock]:
        """What is seen with these scopes, in a stable order.

        A label means one block: where several scopes have it, the narrowest.
        """
        # NULL equals nothing, so a scope that is not asked for finds no row.
        found = self._database.query(_SEEN, agent_id, project, conversation_id, agent_id)
        blocks = [rows.block(row) for row in found]
        narrowest = {block.label: block.id for block in blocks}
        return [block for block in blocks if narrowest[block.label] == block.id]

    def versions_seen_by(
        self, agent_id: str, *, project: str, conversation_id: str
    ) -> dict[str, int]:
        """Block id to version of the same blocks, without their texts."""
        found = self._database.query(_SEEN_VERSIONS, agent_id, project, conversation_id, agent_id)
        narrowest = {label: (id_, version) for label, _, id_, version in sorted(found)}
        return dict(narrowest.values())

    def revisions(
        self, condition: str, args: list[str | int], order: str = ""
    ) -> list[BlockRevision]:
        found = self._database.query(
            f"SELECT {rows.REVISION} {rows.FROM_REVISION} {condition} ORDER BY r.version {order}",
            *args,
        )
        return [rows.revision(row) for row in found]

    def writable(self, block_id: str, origin: Origin) -> MemoryBlock:
        """The block as it is now, for a writer who may change it.

        Raises:
            NotFound: there is no such block. ReadOnly: and the writer is not a person.
        """
        block = self.by_id(block_id)
        if block is None or block.deleted:
            raise NotFound(f"There is no memory block {block_id} any more.")
        if block.read_only and origin.actor != "person":
            raise ReadOnly(
                f"Memory block {block.label!r} is read-only. Only a person may edit it, with: "
                f"agent memory edit {block.label}"
            )
        return block

    def insert(self, made: MemoryBlock, origin: Origin) -> None:
        """Store a new block with its first revision.

        Raises:
            Conflict: there is one with this label in this scope; carries its value.
            LimitExceeded: its text is too long.
        """
        refuse_long(made, made.value)
        self.refuse_second(made, made.label)
        moment = to_text(made.updated_at)
        self._database.execute(
            f"INSERT INTO block ({rows.BLOCK}, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            made.id, made.agent_id, made.label, made.description, made.value, made.limit,
            int(made.read_only), made.scope, made.scope_key, 1, moment, moment,
        )  # fmt: skip
        if made.value or origin.actor != "system":
            first = BlockRevision(made.id, made.label, 1, "", made.value, origin, made.updated_at)
            self._record(made.agent_id, first)

    def step(self, block: MemoryBlock, after: str, origin: Origin) -> BlockRevision:
        """Store the next version with its revision."""
        moment = now()
        made = BlockRevision(
            block.id, block.label, block.version + 1, block.value, after, origin, moment
        )
        self._database.execute(
            "UPDATE block SET value = ?, version = ?, updated_at = ? WHERE id = ?",
            after, made.version, to_text(moment), block.id,
        )  # fmt: skip
        self._record(block.agent_id, made)
        return made

    def _record(self, agent_id: str, revision: BlockRevision) -> None:
        origin = revision.origin
        self.wrote = True
        self._database.execute(
            "INSERT INTO block_revision (block_id, version, before, after, actor, conversation_id,"
            " run_id, note, created_at, untrusted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            revision.block_id, revision.version, revision.before, revision.after, origin.actor,
            origin.conversation_id, origin.run_id, rows.clean(origin.note),
            to_text(revision.created_at), rows.clean(origin.untrusted),
        )  # fmt: skip
        self._indexing.add_revision(agent_id, revision)

    def move(self, block_id: str, scope: str, scope_key: str) -> None:
        """Write where the block is seen; see `rows.put_away`."""
        self._database.execute(
            "UPDATE block SET scope = ?, scope_key = ? WHERE id = ?", scope, scope_key, block_id
        )

    def attached_to(self, block_id: str) -> list[str]:
        """The ids of the agents that see a block of another, in the order of attaching."""
        found = self._database.query(
            "SELECT agent_id FROM block_attachment WHERE block_id = ?"
            " ORDER BY attached_at, agent_id",
            block_id,
        )
        return [row[0] for row in found]

    def refuse_second(self, block: MemoryBlock, label: str) -> None:
        """Keep a label unique for everybody who sees the block.

        Raises:
            Conflict: another block has the label; carries its value.
        """
        for agent_id in (block.agent_id, *self.attached_to(block.id)):
            there = self.at(agent_id, block.scope, block.scope_key, label)
            if there is not None and there.id != block.id:
                raise Conflict(
                    f"There is already a memory block {label!r}. Edit it instead.",
                    current=there.value,
                    version=there.version,
                )


def refuse_long(block: MemoryBlock, after: str) -> None:
    """Raises LimitExceeded for a text that the block cannot hold."""
    # A text that is too long already, because the limit was lowered, may still be shortened.
    if len(after) > max(block.limit, len(block.value) - 1 if block.value != after else 0):
        raise LimitExceeded(
            f"Memory block {block.label!r} would have {len(after):,} characters; its limit is "
            f"{block.limit:,}. Make room first: shorten, merge or remove what is no longer needed."
        )
