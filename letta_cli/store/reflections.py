"""Reflections: what each one read and changed, and how far every conversation was read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from letta_cli.core.clock import from_text, now, to_text
from letta_cli.core.errors import Busy, NotFound, UsageError
from letta_cli.core.ids import new_id
from letta_cli.core.memory import BlockRevision, Passage
from letta_cli.core.reflection import Occasion, Reflection, ReflectionState, Slice
from letta_cli.store import rows
from letta_cli.store.database import Database, Row
from letta_cli.store.leases import Lease, Leases

_REFLECTION = (
    "id, agent_id, conversation_id, occasion, state, slices, tries, error, started_at, finished_at"
)
# A fork begins with messages that its origin has, which is read for itself while it is there.
_READ = "coalesce(k.seq, CASE WHEN o.id IS NULL THEN 0 ELSE c.forked_at END, 0)"
_FROM_CHATS = (
    "FROM conversation c LEFT JOIN reflection_cursor k ON k.conversation_id = c.id"
    " LEFT JOIN conversation o ON o.id = c.forked_from"
)

_SEEN_ONLY_BY = (
    "NOT EXISTS (SELECT 1 FROM run x WHERE x.conversation_id = c.id AND x.model NOT LIKE ?)"
)

# `Reflections.list` hides the builtin in the class body.
_Reflections = list[Reflection]
_Revisions = list[BlockRevision]
_Passages = list[Passage]


@dataclass(frozen=True, slots=True)
class Unread:
    """A conversation with messages that nothing has reflected on: `first` to `last`."""

    conversation_id: str
    title: str
    cwd: str
    project: str
    first: int
    last: int


class Reflections:
    """The repository of reflections. Raises what `Database` raises, and what methods name.

    Whoever calls `begin`, `resume`, `fail` or `finish` holds the lease of `alone`.
    """

    def __init__(self, database: Database, leases: Leases) -> None:
        self._database = database
        self._leases = leases

    def alone(self, agent_id: str) -> Lease:
        """The right to reflect for this agent; one process at a time has it.

        Raises:
            Busy: another one is at it; says who.
        """
        try:
            return self._leases.acquire(_lease(agent_id))
        except Busy as error:
            holder = error.holder
            who = "in another process"
            if holder is not None:
                since = f" since {holder.since[:19].replace('T', ' ')} UTC" if holder.since else ""
                who = f"in pid {holder.pid}{holder.where}{since}"
            raise Busy(
                f"The agent reflects already, {who}. See how it goes: agent reflect log",
                holder=holder,
            ) from error

    def is_introduced(self, agent_id: str) -> bool:
        """Whether a person was told that this agent reflects by itself."""
        found = self._database.query("SELECT 1 FROM setting WHERE name = ?", _introduced(agent_id))
        return bool(found)

    def set_introduced(self, agent_id: str) -> None:
        """A person was told."""
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
                _introduced(agent_id), to_text(now()),
            )  # fmt: skip

    def is_going_on(self, agent_id: str) -> bool:
        """Whether some process reflects for this agent now."""
        return self._leases.holder(_lease(agent_id)) is not None

    def unread(self, agent_id: str, *, provider: str = "") -> Sequence[Unread]:
        """The conversations with something unread, the newest first.

        A run that goes on now is left for later: how it ends is what is worth knowing.

        Args:
            provider: only conversations that no other provider has seen; all when empty.
        """
        found = self._database.query(
            f"SELECT c.id, c.title, c.cwd, c.project, {_READ}, c.head {_FROM_CHATS}"
            f" WHERE c.agent_id = ? AND c.kind = 'chat' AND c.head > {_READ} AND {_SEEN_ONLY_BY}"
            " ORDER BY c.updated_at DESC, c.id",
            agent_id, f"{provider}%",
        )  # fmt: skip
        begun = self._begun(agent_id)
        unread: list[Unread] = []
        for conversation_id, title, cwd, project, read, head in found:
            last = head
            if conversation_id in begun and self._leases.holder(conversation_id) is not None:
                last = begun[conversation_id] - 1
            if last > read:
                unread.append(Unread(conversation_id, title, cwd, project, read + 1, last))
        return unread

    def unread_runs(self, agent_id: str, *, provider: str = "") -> int:
        """How many runs have ended that nothing reflected on, since the newest reflection.

        Older ones that were left unread do not count: a long history gives one occasion, not many.
        See `unread` for `provider`.
        """
        return self._database.query(
            "SELECT count(*) FROM conversation c JOIN run r ON r.conversation_id = c.id"
            " LEFT JOIN reflection_cursor k ON k.conversation_id = c.id"
            " WHERE c.agent_id = ? AND c.kind = 'chat' AND r.state = 'closed'"
            f" AND (k.read_at IS NULL OR r.finished_at > k.read_at) AND {_SEEN_ONLY_BY}"
            " AND r.finished_at > coalesce((SELECT max(d.started_at) FROM reflection d"
            " WHERE d.agent_id = c.agent_id AND d.state <> 'failed'), '')",
            agent_id, f"{provider}%",
        )[0][0]  # fmt: skip

    def begin(
        self, agent_id: str, conversation_id: str, occasion: Occasion, slices: Sequence[Slice]
    ) -> Reflection:
        """Note that a reflection reads `slices`, in a conversation of its own."""
        made = Reflection(
            new_id("reflection"), agent_id, conversation_id, occasion, "open", tuple(slices), 1,
            "", now(), None,
        )  # fmt: skip
        self._insert(made)
        return made

    def refused(self, agent_id: str, occasion: Occasion, error: str) -> None:
        """Note that a reflection could not even begin, so that a person is told."""
        moment = now()
        made = Reflection(
            new_id("reflection"), agent_id, None, occasion, "failed", (), 1, error, moment, moment
        )
        self._insert(made)

    def resume(self, reflection_id: str) -> Reflection:
        """Take up one that was cut off or failed. Raises NotFound."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE reflection SET state = 'open', tries = tries + 1, error = '', told = 0,"
                " finished_at = NULL WHERE id = ?",
                reflection_id,
            )
            return self.get(reflection_id)

    def fail(self, reflection_id: str, error: str) -> None:
        """It did not come to its end: what it read is unread still, its edits stay."""
        self._end(reflection_id, "failed", error)

    def finish(self, reflection_id: str, note: str = "") -> Reflection:
        """It came to its end: with that, and only with that, what it read is read.

        Args:
            note: how it ended, where that was not by itself.
        """
        with self._database.transaction():
            reflection = self.get(reflection_id)
            for each in reflection.slices:
                self._database.execute(
                    "INSERT INTO reflection_cursor (conversation_id, seq, read_at)"
                    " SELECT id, ?, ? FROM conversation WHERE id = ?"
                    " ON CONFLICT (conversation_id) DO UPDATE SET seq = excluded.seq,"
                    " read_at = excluded.read_at WHERE excluded.seq > reflection_cursor.seq",
                    each.last, to_text(reflection.started_at), each.conversation_id,
                )  # fmt: skip
            self._end(reflection_id, "done", note)
        return self.get(reflection_id)

    def mark_undone(self, reflection_id: str) -> None:
        """A person took its edits back. What it read stays read."""
        self._end(reflection_id, "undone", "")

    def unfinished(self, agent_id: str) -> Reflection | None:
        """The newest one that began to read, when it did not come to its end."""
        newest = next((each for each in self.list(agent_id) if each.conversation_id), None)
        return newest if newest is not None and newest.state in ("open", "failed") else None

    def get(self, reflection_id: str) -> Reflection:
        """Raises NotFound."""
        found = self._database.query(
            f"SELECT {_REFLECTION} FROM reflection WHERE id = ?", reflection_id
        )
        if not found:
            raise NotFound(f"There is no reflection {reflection_id}. See: agent reflect log")
        return _reflection(found[0])

    def find(self, agent_id: str, which: str) -> Reflection:
        """The one with this id, this beginning of an id, or, for ``last``, the newest.

        Raises:
            NotFound: none. UsageError: several.
        """
        known = self.list(agent_id)
        if which == "last" and known:
            return known[0]
        prefix = which if which.startswith("reflection-") else f"reflection-{which}"
        found = [each for each in known if which and each.id.startswith(prefix)]
        if not found:
            raise NotFound(f"There is no reflection {which!r}. See: agent reflect log")
        if len(found) > 1:
            raise UsageError(f"{len(found)} reflections begin with {which!r}; write more of it.")
        return found[0]

    def list(self, agent_id: str, *, limit: int | None = None) -> _Reflections:
        """The newest first."""
        sql = (
            f"SELECT {_REFLECTION} FROM reflection WHERE agent_id = ?"
            " ORDER BY started_at DESC, id DESC"
        )
        args: list[object] = [agent_id]
        if limit is not None:
            sql += " LIMIT ?"
            args.append(limit)
        return [_reflection(row) for row in self._database.query(sql, *args)]

    def take_untold(self, agent_id: str) -> _Reflections:
        """Those that ended without a person having been told, oldest first; told from now on."""
        condition = "WHERE agent_id = ? AND told = 0 AND state IN ('done', 'failed')"
        if not self._database.query(f"SELECT 1 FROM reflection {condition} LIMIT 1", agent_id):
            return []
        with self._database.transaction():
            found = self._database.query(
                f"SELECT {_REFLECTION} FROM reflection {condition} ORDER BY started_at", agent_id
            )
            self._database.execute(f"UPDATE reflection SET told = 1 {condition}", agent_id)
        return [_reflection(row) for row in found]

    def told(self, reflection_id: str) -> None:
        """A person has seen how it ended."""
        with self._database.transaction():
            self._database.execute("UPDATE reflection SET told = 1 WHERE id = ?", reflection_id)

    def edits(self, reflection: Reflection) -> _Revisions:
        """The revisions of memory blocks that it made, oldest first."""
        found = self._database.query(
            f"SELECT {rows.REVISION} {rows.FROM_REVISION} WHERE r.conversation_id = ?"
            " AND r.actor = 'reflection' ORDER BY r.created_at, r.block_id, r.version",
            reflection.conversation_id,
        )
        return [rows.revision(row) for row in found]

    def passages(self, reflection: Reflection) -> _Passages:
        """The passages that it wrote and that are still there, oldest first."""
        found = self._database.query(
            f"SELECT {rows.PASSAGE} FROM passage p WHERE p.conversation_id = ?"
            " AND p.actor = 'reflection' ORDER BY p.number",
            reflection.conversation_id,
        )
        return [rows.passage(row, []) for row in found]

    def _begun(self, agent_id: str) -> dict[str, int]:
        """The first message of each run that is open, by conversation."""
        return dict(
            self._database.query(
                "SELECT r.conversation_id, min(m.seq) FROM run r"
                " JOIN conversation c ON c.id = r.conversation_id"
                " JOIN message m ON m.conversation_id = r.conversation_id AND m.run_id = r.id"
                " WHERE r.state = 'open' AND c.agent_id = ? GROUP BY r.conversation_id",
                agent_id,
            )
        )

    def _insert(self, made: Reflection) -> None:
        slices = [[each.conversation_id, each.first, each.last] for each in made.slices]
        with self._database.transaction():
            self._database.execute(
                f"INSERT INTO reflection ({_REFLECTION}, told)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                made.id, made.agent_id, made.conversation_id, made.occasion, made.state,
                rows.to_json(slices), made.tries, rows.clean(made.error), to_text(made.started_at),
                to_text(made.finished_at) if made.finished_at else None,
            )  # fmt: skip

    def _end(self, reflection_id: str, state: ReflectionState, error: str) -> None:
        with self._database.transaction():
            self._database.execute(
                "UPDATE reflection SET state = ?, error = ?, finished_at = ? WHERE id = ?",
                state, rows.clean(error), to_text(now()), reflection_id,
            )  # fmt: skip


def _introduced(agent_id: str) -> str:
    return f"reflection-introduced:{agent_id}"


def _lease(agent_id: str) -> str:
    return f"reflection-of-{agent_id}"


def _reflection(row: Row) -> Reflection:
    (
        id_, agent_id, conversation_id, occasion, state, slices, tries, error, started, finished,
    ) = row  # fmt: skip
    return Reflection(
        id_, agent_id, conversation_id, occasion, state,
        tuple(Slice(*each) for each in json.loads(slices)), tries, error, from_text(started),
        from_text(finished) if finished else None,
    )  # fmt: skip
