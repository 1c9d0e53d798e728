"""Memory blocks: shared texts, edited on what they are now, with every revision kept."""

from collections.abc import Callable
from dataclasses import replace

from letta_cli.core.agent import Conversation
from letta_cli.core.clock import now
from letta_cli.core.errors import Conflict, NotFound, UsageError
from letta_cli.core.ids import new_id
from letta_cli.core.memory import DEFAULT_LIMIT, RENAMED, BlockRevision, MemoryBlock, Origin, Scope
from letta_cli.store import rows
from letta_cli.store.block_table import ORDER, BlockTable, refuse_long
from letta_cli.store.database import Database

PROJECT_LABEL = "project"
PROJECT_DESCRIPTION = (
    "What I know of this project: how it is built and tested, its conventions, decisions and traps."
)

_Edit = Callable[[MemoryBlock], str]

# `Blocks.list` hides the builtin in the class body.
_Blocks = list[MemoryBlock]
_Revisions = list[BlockRevision]
_Keys = list[tuple[str, int, str]]


class Blocks:
    """The repository of memory blocks. Raises what `Database` raises, and what methods name.

    Each edit runs in one transaction on the text as it is at that moment, so that edits of several
    sessions never overwrite one another. Every edit may raise:
        NotFound: there is no such block.
        LimitExceeded: the text would be longer than the block's limit.
        ReadOnly: the block is read-only and the writer is not a person.
    """

    def __init__(self, database: Database, table: BlockTable) -> None:
        self._database = database
        self._table = table

    @property
    def wrote(self) -> bool:
        """Whether memory was changed through this store since it was opened."""
        return self._table.wrote

    def create(
        self,
        agent_id: str,
        label: str,
        *,
        description: str = "",
        value: str = "",
        limit: int = DEFAULT_LIMIT,
        scope: Scope = "agent",
        scope_key: str = "",
        read_only: bool = False,
        origin: Origin,
    ) -> MemoryBlock:
        """A new block at version 1, which is its first revision.

        Empty blocks that the program makes for itself have none, and are told to nobody.

        Args:
            limit: characters it may hold.
            scope_key: the project key or conversation id that `scope` asks for.

        Raises:
            Conflict: there is one with this label in this scope; carries its value.
            LimitExceeded: `value` is too long.
            UsageError: the label is empty.
        """
        label, value = rows.clean(label).strip(), rows.clean(value)
        if not label:
            raise UsageError("A memory block needs a label.")
        moment = now()
        made = MemoryBlock(
            new_id("block"), agent_id, label, rows.clean(description), value, limit, read_only,
            scope, rows.clean(scope_key), 1, moment,
        )  # fmt: skip
        with self._database.transaction():
            self._table.insert(made, origin)
        return made

    def ensure_project(self, agent_id: str, project: str) -> MemoryBlock:
        """The block ``project`` of this project; made when first asked for, once."""
        there = self._table.at(agent_id, "project", project, PROJECT_LABEL)
        if there is not None:
            return there
        with self._database.transaction():
            there = self._table.at(agent_id, "project", project, PROJECT_LABEL)
            return there or self.create(
                agent_id,
                PROJECT_LABEL,
                description=PROJECT_DESCRIPTION,
                scope="project",
                scope_key=project,
                origin=Origin("system"),
            )

    def visible(self, conversation: Conversation) -> list[MemoryBlock]:
        """What a conversation sees: its agent's blocks, its project's, its own; stable order."""
        return self._table.seen_by(
            conversation.agent_id, project=conversation.project, conversation_id=conversation.id
        )

    def changed(self, conversation: Conversation) -> list[MemoryBlock]:
        """The visible blocks whose version is another than the conversation has seen.

        Those that it has seen and sees no more are among them, as deleted or detached. What the
        conversation was told of that it keeps as the negative version.

        Cheap when nothing changed: one look into one index.
        """
        versions = self._table.versions_seen_by(
            conversation.agent_id, project=conversation.project, conversation_id=conversation.id
        )
        seen = conversation.memory_versions
        if versions == {key: version for key, version in seen.items() if version > 0}:
            return []
        gone = [key for key, version in seen.items() if version > 0 and key not in versions]
        return [
            *(block for block in self.visible(conversation) if seen.get(block.id) != block.version),
            *(
                replace(block, detached=not block.deleted)
                for block in map(self._table.by_id, gone)
                if block is not None
            ),
        ]

    def find(
        self,
        agent_id: str,
        label: str,
        *,
        project: str | None = None,
        conversation_id: str | None = None,
    ) -> MemoryBlock:
        """The block with this label; the narrowest scope wins.

        Args:
            project, conversation_id: also look into these scopes.

        Raises:
            NotFound: lists the labels there are.
        """
        blocks = self._table.seen_by(agent_id, project=project, conversation_id=conversation_id)
        for block in reversed(blocks):
            if block.label == label.strip():
                return block
        labels = ", ".join(dict.fromkeys(block.label for block in blocks)) or "none"
        raise NotFound(f"There is no memory block {label!r} here. Blocks: {labels}.")

    def insert(self, block_id: str, text: str, *, line: int = -1, origin: Origin) -> BlockRevision:
        """Add whole lines to the text.

        Args:
            line: after how many lines; 0 is the beginning, -1 the end.

        Raises:
            Conflict: there is no such line, or `text` is empty; carries the current value.
        """
        text = rows.clean(text).strip("\n")

        def edit(block: MemoryBlock) -> str:
            lines = block.value.split("\n") if block.value else []
            if not text.strip():
                raise _conflict(block, "There is nothing to insert.")
            if not -1 <= line <= len(lines):
                raise _conflict(
                    block, f"Memory block {block.label!r} has {len(lines)} lines, not {line}."
                )
            at = len(lines) if line == -1 else line
            return "\n".join((*lines[:at], text, *lines[at:]))

        return self._edit(block_id, edit, origin)

    def replace(self, block_id: str, old: str, new: str, *, origin: Origin) -> BlockRevision:
        """Replace the one place where `old` stands.

        Raises:
            Conflict: `old` does not stand there, or more than once; carries the current value.
        """
        old, new = rows.clean(old), rows.clean(new)

        def edit(block: MemoryBlock) -> str:
            count = block.value.count(old) if old else 0
            if count == 1:
                return block.value.replace(old, new)
            if count == 0:
                problem = "does not contain the text to replace; it may have been edited meanwhile"
            else:
                problem = f"contains the text to replace {count} times; give more of its context"
            raise _conflict(block, f"Memory block {block.label!r} {problem}.")

        return self._edit(block_id, edit, origin)

    def rethink(
        self, block_id: str, value: str, *, version: int | None = None, origin: Origin
    ) -> BlockRevision:
        """Write the whole text anew.

        Args:
            version: the version that the new text was made from.

        Raises:
            Conflict: `version` is not the current one; carries the current value.
        """

        def edit(block: MemoryBlock) -> str:
            if version is not None and version != block.version:
                raise _conflict(
                    block,
                    f"Memory block {block.label!r} was edited meanwhile: it is at version "
                    f"{block.version}, not {version}. Take the current text into account.",
                )
            return rows.clean(value)

        return self._edit(block_id, edit, origin)

    def undo(self, block_id: str, *, origin: Origin) -> BlockRevision:
        """Take the newest edit back, as an edit of its own; so a second undo redoes it.

        Raises:
            NotFound: the block was never edited.
        """

        def edit(block: MemoryBlock) -> str:
            # A new name is no edit of the text.
            newest = self._table.revisions(
                "WHERE r.block_id = ? AND r.before <> r.after", [block_id], "DESC LIMIT 1"
            )
            if not newest:
                raise NotFound(f"Memory block {block.label!r} was never edited.")
            return newest[0].before

        return self._edit(block_id, edit, origin)

    def rename(self, block_id: str, label: str, *, origin: Origin) -> BlockRevision:
        """Give a block another label; a revision without a change of text says so.

        Raises:
            Conflict: there is one with this label in this scope; carries its value.
            UsageError: the label is empty.
        """
        label = rows.clean(label).strip()
        if not label:
            raise UsageError("A memory block needs a label.")
        with self._database.transaction():
            block = self._table.writable(block_id, origin)
            if label == block.label:
                return BlockRevision(
                    block_id, label, block.version, block.value, block.value, origin,
                    block.updated_at,
                )  # fmt: skip
            self._table.refuse_second(block, label)
            note = f'{RENAMED} "{block.label}"'
            made = self._table.step(block, block.value, replace(origin, note=note))
            self._database.execute("UPDATE block SET label = ? WHERE id = ?", label, block_id)
        return replace(made, label=label)

    def delete(self, block_id: str, *, origin: Origin) -> BlockRevision:
        """Take a block out of all conversations. Its history is kept, see `restore`."""
        with self._database.transaction():
            block = self._table.writable(block_id, origin)
            made = self._table.step(block, "", replace(origin, note="deleted"))
            self._table.move(block_id, rows.DELETED, rows.away_key(block))
        return made

    def deleted(self, agent_id: str) -> _Blocks:
        """The agent's deleted blocks, the newest deletion first."""
        found = self._database.query(
            f"SELECT {rows.BLOCK} FROM block WHERE agent_id = ? AND scope = ?"
            " ORDER BY updated_at DESC, id",
            agent_id, rows.DELETED,
        )  # fmt: skip
        return [rows.block(row) for row in found]

    def restore(self, block_id: str, *, origin: Origin) -> BlockRevision:
        """Bring a deleted block back where it was, with the text it had.

        Raises:
            NotFound: no such block was deleted.
            Conflict: there is a new one with its label; carries its value.
        """
        with self._database.transaction():
            block = self._table.by_id(block_id)
            if block is None or not block.deleted:
                raise NotFound(f"There is no deleted memory block {block_id}.")
            self._table.refuse_second(block, block.label)
            newest = self._table.revisions("WHERE r.block_id = ?", [block_id], "DESC LIMIT 1")
            made = self._table.step(block, newest[0].before, replace(origin, note="brought back"))
            self._table.move(block_id, block.scope, block.scope_key)
        return made

    def describe(self, block_id: str, description: str) -> None:
        """Say anew what a block is about. Its text and version stay."""
        self._set(block_id, "description", rows.clean(description))

    def set_read_only(self, block_id: str, read_only: bool) -> None:
        """Whether only a person may change it."""
        self._set(block_id, "read_only", int(read_only))

    def set_limit(self, block_id: str, limit: int) -> None:
        """How many characters it may hold. A text that is longer already stays as it is.

        Raises:
            UsageError: the limit is not positive.
        """
        if limit < 1:
            raise UsageError("The limit of a memory block is at least 1 character.")
        self._set(block_id, "char_limit", limit)

    def revisions(self, agent_id: str, *, label: str | None = None, limit: int = 50) -> _Revisions:
        """The agent's edits, newest first, of all blocks or those with this label."""
        condition, args = "WHERE b.agent_id = ?", [agent_id]
        if label is not None:
            condition += " AND b.label = ?"
            args.append(label)
        found = self._database.query(
            f"SELECT {rows.REVISION} {rows.FROM_REVISION} {condition}"
            " ORDER BY r.created_at DESC, r.version DESC LIMIT ?",
            *args, limit,
        )  # fmt: skip
        return [rows.revision(row) for row in found]

    def since(self, block_id: str, version: int) -> _Revisions:
        """The revisions newer than `version`, oldest first."""
        return self._table.revisions(
            "WHERE r.block_id = ? AND r.version > ?", [block_id, version], ""
        )

    def list(self, agent_id: str) -> list[MemoryBlock]:
        """All blocks of the agent, those of other projects and conversations, and attached ones."""
        found = self._database.query(
            f"SELECT {rows.BLOCK} FROM block WHERE agent_id = ? AND scope NOT IN (?, ?)"
            " OR scope <> ? AND id IN (SELECT block_id FROM block_attachment WHERE agent_id = ?)"
            f" {ORDER}",
            agent_id, rows.DELETED, rows.DETACHED, rows.DELETED, agent_id,
        )  # fmt: skip
        return [rows.block(row) for row in found]

    def get(self, block_id: str) -> MemoryBlock | None:
        """The block of this id, a deleted one too; None when there is none."""
        return self._table.by_id(block_id)

    def everything(self) -> _Blocks:
        """The blocks of all agents, in one look; the deleted and detached ones too."""
        found = self._database.query(f"SELECT {rows.BLOCK} FROM block ORDER BY created_at, id")
        return [rows.block(row) for row in found]

    def revision_keys(self) -> _Keys:
        """Block id, version and date as text of every revision there is, oldest first."""
        return self._database.query(
            "SELECT block_id, version, created_at FROM block_revision"
            " ORDER BY created_at, block_id, version"
        )

    def _edit(self, block_id: str, edit: _Edit, origin: Origin) -> BlockRevision:
        with self._database.transaction(only=block_id):
            block = self._table.writable(block_id, origin)
            after = edit(block)
            if after == block.value:
                return BlockRevision(
                    block_id, block.label, block.version, after, after, origin, block.updated_at
                )
            refuse_long(block, after)
            return self._table.step(block, after, origin)

    def _set(self, block_id: str, column: str, value: str | int) -> None:
        self._table.wrote = True
        with self._database.transaction(only=block_id):
            if not self._database.query(
                f"UPDATE block SET {column} = ? WHERE id = ? AND scope <> ? RETURNING id",
                value, block_id, rows.DELETED,
            ):  # fmt: skip
                raise NotFound(f"There is no memory block {block_id} any more.")


def _conflict(block: MemoryBlock, message: str) -> Conflict:
    return Conflict(message, current=block.value, version=block.version)
