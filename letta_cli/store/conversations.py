"""Conversations: threads with a context window, found again by place, title and words."""

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from letta_cli.core.agent import Conversation, ConversationKind
from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import NotFound, StoreError
from letta_cli.core.ids import looks_like_id, new_id, parse_citation
from letta_cli.core.message import Message, Text, ToolCall, ToolReturn
from letta_cli.core.presence import EXPIRY_SECONDS
from letta_cli.core.run import Usage
from letta_cli.store import compactions, rows
from letta_cli.store.compactions import Compaction
from letta_cli.store.database import Database
from letta_cli.store.indexing import Indexing
from letta_cli.store.leases import Leases
from letta_cli.store.messages import Messages
from letta_cli.store.search import Search
from letta_cli.store.sharing import Sharing

_SELECT = f"SELECT {rows.CONVERSATION} {rows.FROM_CONVERSATION}"
_BEGUN = (
    "AND (EXISTS (SELECT 1 FROM message m WHERE m.conversation_id = c.id AND m.role = 'assistant')"
    " OR NOT EXISTS (SELECT 1 FROM run r WHERE r.conversation_id = c.id"
    " AND r.stop_reason = 'error'))"
)
_NEWEST = "ORDER BY c.updated_at DESC, c.id DESC"
_MOST_FOUND = 50
_SHORTEST_ID = 4
_MOST_NAMED = 10

# `Conversations.list` hides the builtin in the class body.
_Conversations = list[Conversation]
_Ids = list[str]


class Conversations:
    """The repository of conversations. Raises what `Database` raises, and what methods name."""

    def __init__(
        self,
        database: Database,
        messages: Messages,
        search: Search,
        indexing: Indexing,
        leases: Leases,
        sharing: Sharing,
    ) -> None:
        self._database = database
        self._messages = messages
        self._search = search
        self._indexing = indexing
        self._leases = leases
        self._sharing = sharing

    def create(
        self,
        agent_id: str,
        *,
        cwd: str,
        project: str,
        title: str = "",
        model: str = "",
        default: bool = False,
        created_at: datetime | None = None,
        conversation_id: str = "",
        kind: ConversationKind = "chat",
    ) -> Conversation:
        """A new, empty conversation.

        Args:
            cwd: the absolute directory it is opened in.
            project: the project key: the git root, or `cwd`.
            default: only for the one that each agent is made with.
            created_at: when it began, for what is brought in from elsewhere; else now.
            conversation_id: for one that takes the place of another; else a new id.

        Raises:
            NotFound: there is no such agent.
        """
        moment = created_at or now()
        made = Conversation(
            id=conversation_id or new_id("conv"), agent_id=agent_id, title=_line(title),
            cwd=rows.clean(cwd),
            project=rows.clean(project), model=model, system_prompt=None, memory_versions={},
            head=0, context_start=1, summary_seq=None, forked_from=None, is_default=default,
            archived=False, created_at=moment, updated_at=moment, kind=kind,
        )  # fmt: skip
        with self._database.transaction(only=made.id):
            if not self._database.query("SELECT id FROM agent WHERE id = ?", agent_id):
                raise NotFound(f"There is no agent {agent_id}.")
            self._insert(made)
        return made

    def get(self, conversation_id: str) -> Conversation:
        """Raises NotFound."""
        found = self._database.query(f"{_SELECT} WHERE c.id = ?", conversation_id)
        if not found:
            raise NotFound(_gone(conversation_id))
        return rows.conversation(found[0])

    def exists(self, conversation_id: str) -> bool:
        """Whether it has not been deleted."""
        sql = "SELECT 1 FROM conversation WHERE id = ?"
        return bool(self._database.query(sql, conversation_id))

    def default(self, agent_id: str) -> Conversation:
        """The conversation every agent has. Raises NotFound when there is no such agent."""
        found = self._database.query(
            f"{_SELECT} WHERE c.agent_id = ? AND c.is_default = 1", agent_id
        )
        if not found:
            raise NotFound(f"There is no agent {agent_id}.")
        return rows.conversation(found[0])

    def latest(self, agent_id: str, cwd: str) -> Conversation | None:
        """The newest one of exactly this directory with a message in it, not archived.

        One in which every run failed before an answer, as with a mistyped model, comes last.
        """
        for wanted in (_BEGUN, ""):
            found = self._database.query(
                f"{_SELECT} WHERE c.agent_id = ? AND c.cwd = ? AND c.archived = 0 AND c.head > 0"
                f" AND c.kind = 'chat' {wanted} {_NEWEST} LIMIT 1",
                agent_id, cwd,
            )  # fmt: skip
            if found:
                return rows.conversation(found[0])
        return None

    def rename(self, conversation_id: str, title: str) -> None:
        """Raises NotFound."""
        self._set(conversation_id, "title", _line(title))

    def archive(self, conversation_id: str, archived: bool) -> None:
        """Take it out of the lists, or put it back. Raises NotFound."""
        self._set(conversation_id, "archived", int(archived))

    def set_model(self, conversation_id: str, model: str) -> None:
        """Raises NotFound."""
        self._set(conversation_id, "model", model)

    def set_prompt(
        self,
        conversation_id: str,
        system_prompt: str,
        memory_versions: Mapping[str, int],
        *,
        trusted: str = "",
    ) -> None:
        """Keep the compiled prompt and the versions of the blocks in it. Raises NotFound.

        Args:
            trusted: a digest of what of its folder was trusted then.
        """
        with self._database.transaction(only=conversation_id):
            self._set(conversation_id, "memory_versions", rows.to_json(dict(memory_versions)))
            self._put_prompt(conversation_id, system_prompt, trusted)

    def delete(self, conversation_id: str) -> None:
        """Remove it with its messages, its journal, its index and its own memory blocks, for good.

        Raises:
            NotFound: there is no such conversation.
            Busy: a session is using it.
            StoreError: it is the agent's default conversation.
        """
        if self.get(conversation_id).is_default:
            raise StoreError(
                f"Conversation {conversation_id} is its agent's default one and cannot be "
                "deleted. It can be archived."
            )
        with self._leases.acquire(conversation_id), self._database.transaction():
            self._indexing.forget(conversation_id)
            self._database.execute(
                "DELETE FROM block WHERE scope = 'conversation' AND scope_key = ?", conversation_id
            )
            self._database.execute("DELETE FROM conversation WHERE id = ?", conversation_id)

    @contextmanager
    def held(self, agent_id: str) -> Generator[None]:
        """Hold the leases of all conversations of an agent, so that nobody works in one.

        Raises:
            Busy: a session is using one of them.
        """
        with ExitStack() as leases:
            for conversation_id in self._of(agent_id):
                leases.enter_context(self._leases.acquire(conversation_id))
            yield

    def forget_all(self, agent_id: str) -> None:
        """Take an agent's conversations out of the search, before the agent is removed."""
        for conversation_id in self._of(agent_id):
            self._indexing.forget(conversation_id)
            self._database.execute("DELETE FROM conversation WHERE id = ?", conversation_id)

    def fork(self, conversation_id: str, *, upto_seq: int | None = None) -> Conversation:
        """A new conversation that starts as a copy of this one.

        Prompt and window are kept, so that the provider's cache still fits, and so are the versions
        of memory that it was told of up to there: what came later, the copy is told again. Of the
        source's own memory blocks it gets copies. A tool call always takes its return along; one
        that has none yet gets a return that says so.

        Args:
            upto_seq: the last message to take over; all when None.

        Raises:
            NotFound: there is no such conversation.
        """
        with self._database.transaction():
            source = self.get(conversation_id)
            last = source.head if upto_seq is None else max(0, min(upto_seq, source.head))
            last, open_calls = self._whole_step(conversation_id, last)
            kept = source.summary_seq is not None and source.summary_seq <= last
            moment = now()
            made = Conversation(
                id=new_id("conv"), agent_id=source.agent_id, title=_fork_title(source.title),
                cwd=source.cwd, project=source.project, model=source.model,
                system_prompt=source.system_prompt, memory_versions=self._known_at(source, last),
                head=last, context_start=source.context_start if kept else 1,
                summary_seq=source.summary_seq if kept else None, forked_from=source.id,
                is_default=False, archived=False, created_at=moment, updated_at=moment,
            )  # fmt: skip
            self._insert(made)
            if source.system_prompt is not None:
                self._put_prompt(made.id, source.system_prompt, source.prompt_trust)
            seen = self._sharing.copy_own(source.id, made.id, dict(made.memory_versions))
            self._set(made.id, "memory_versions", rows.to_json(seen))
            self._messages.copy(conversation_id, made.id, last)
            if open_calls:
                self._messages.append(made.id, "tool", open_calls)
            return self.get(made.id)

    def compact(
        self,
        conversation_id: str,
        *,
        summary: str,
        context_start: int,
        system_prompt: str,
        memory_versions: Mapping[str, int],
        expected_head: int,
        trusted: str = "",
        usage: Usage | None = None,
        run_id: str | None = None,
    ) -> Message:
        """Let a summary stand for everything before `context_start`, with a fresh prompt.

        Nothing is removed: the whole thread stays readable and searchable.

        Args:
            usage: what the summary cost, if a model wrote it.
            run_id: the run in which it became necessary, if one did.

        Raises:
            NotFound: there is no such conversation.
            Conflict: its newest message is not `expected_head`.
        """
        with self._database.transaction(only=conversation_id):
            message = self._messages.append(
                conversation_id, "summary", (Text(summary),), expected_head=expected_head
            )
            self._database.execute(
                "UPDATE conversation SET summary_seq = ?, context_start = ?, memory_versions = ?"
                " WHERE id = ?",
                message.seq, context_start, rows.to_json(dict(memory_versions)), conversation_id,
            )  # fmt: skip
            self._put_prompt(conversation_id, system_prompt, trusted)
            if usage is not None:
                made = Compaction(message.seq, usage, message.created_at, run_id)
                compactions.add(self._database, conversation_id, made)
        return message

    def find(self, agent_id: str, words: str) -> list[Conversation]:
        """What a person may mean: an id, the start of one, a citation, a title, or words in it.

        The first of these that fits anything decides; newest first. Archived ones are found too.
        What has the form of an id is never taken for words: it stands in many conversations, and
        none of them is the one that was meant.
        """
        if (named := self.named(agent_id, words)) or looks_like_id(words):
            return named
        words = rows.clean(words).strip()
        return self._with_words(agent_id, words) if words else []

    def named(self, agent_id: str, which: str) -> _Conversations:
        """Those that `which` names: by id, the start of one, a citation, or the title."""
        words = rows.clean(which).strip()
        if not words:
            return []
        if (cited := parse_citation(words)) is not None:
            words = cited[0]
        conditions = [("c.id = ?", words)]
        if len(words) >= _SHORTEST_ID:
            # Shorter, a word such as "add" would soon be the beginning of some id.
            prefix = words if words.startswith("conv-") else f"conv-{words}"
            conditions.append(("c.id LIKE ? ESCAPE '!'", rows.like(prefix) + "%"))
        conditions.append(("lower(c.title) = ?", words.lower()))
        for condition, value in conditions:
            found = self._database.query(
                f"{_SELECT} WHERE c.agent_id = ? AND {condition} {_NEWEST}", agent_id, value
            )
            if found:
                return [rows.conversation(row) for row in found]
        return []

    def list(
        self,
        agent_id: str,
        *,
        cwd: str | None = None,
        project: str | None = None,
        archived: bool | None = False,
        kind: ConversationKind | None = "chat",
        limit: int | None = None,
    ) -> list[Conversation]:
        """Newest first, without their prompts. An empty one is left out unless it is open.

        Args:
            archived: None for both.
            kind: None for all kinds.
        """
        alive = to_text(now() - timedelta(seconds=EXPIRY_SECONDS))
        sql = (
            f"SELECT {rows.LISTED_CONVERSATION} FROM conversation c"
            " WHERE c.agent_id = ? AND (c.head > 0 OR EXISTS"
            " (SELECT 1 FROM session s WHERE s.conversation_id = c.id AND s.heartbeat_at > ?))"
        )
        args: list[object] = [agent_id, alive]
        wanted = (("cwd", cwd), ("project", project), ("archived", archived), ("kind", kind))
        for column, value in wanted:
            if value is not None:
                sql += f" AND c.{column} = ?"
                args.append(int(value) if isinstance(value, bool) else value)
        sql += f" {_NEWEST}"
        if limit is not None:
            sql += " LIMIT ?"
            args.append(limit)
        return [rows.conversation(row) for row in self._database.query(sql, *args)]

    def project_named(self, agent_id: str, given: str, directory: str) -> str:
        """The key of a project that conversations were held in, or the folder's name for several.

        Args:
            given: a path, from `directory` on, to the project or into it; else its folder's name.

        Raises:
            NotFound: no conversation is of it; names those there are.
        """
        sql = "SELECT DISTINCT project FROM conversation WHERE agent_id = ? AND project <> ''"
        known = [key for (key,) in self._database.query(sql, agent_id)]
        if given.startswith((".", "~", "/")):
            path = Path(directory, Path(given).expanduser()).resolve()
            around = [key for key in known if f"{path}/".startswith(f"{key.rstrip('/')}/")]
            if around:
                return max(around, key=len)
        elif any(key == given or key.endswith(f"/{given}") for key in known):
            return given
        names = ", ".join(sorted(known)[:_MOST_NAMED]) or "none yet"
        more = ", …" if len(known) > _MOST_NAMED else ""
        raise NotFound(f"No conversation is of the project {given!r}. Projects: {names}{more}.")

    def _of(self, agent_id: str) -> _Ids:
        found = self._database.query("SELECT id FROM conversation WHERE agent_id = ?", agent_id)
        return [row[0] for row in found]

    def _with_words(self, agent_id: str, words: str) -> _Conversations:
        condition, args = "c.agent_id = ? AND c.kind = 'chat'", [agent_id]
        for word in words.lower().split():
            condition += " AND lower(c.title) LIKE ? ESCAPE '!'"
            args.append(f"%{rows.like(word)}%")
        found = {
            row[0]: rows.conversation(row)
            for row in self._database.query(f"{_SELECT} WHERE {condition}", *args)
        }
        for hit in self._search.messages(agent_id, words, limit=_MOST_FOUND):
            if hit.conversation_id not in found:
                found[hit.conversation_id] = self.get(hit.conversation_id)
        newest_first = sorted(found.values(), key=lambda each: each.updated_at, reverse=True)
        return newest_first[:_MOST_FOUND]

    def _known_at(self, source: Conversation, last: int) -> dict[str, int]:
        """The block versions that a copy of `source` up to message `last` has been told of.

        News go into every request of the model, so what was older than the words or returns that
        its newest answer replies to is known. Too little is safe: it is told once more.
        """
        if last == source.head:
            return source.memory_versions
        answered = self._database.query(
            "SELECT max(created_at) FROM message WHERE conversation_id = ?"
            " AND role IN ('user', 'tool') AND seq < (SELECT max(seq) FROM message"
            " WHERE conversation_id = ? AND role = 'assistant' AND seq <= ?)",
            source.id, source.id, last,
        )[0][0]  # fmt: skip
        known = dict(
            self._database.query(
                "SELECT block_id, max(version) FROM block_revision WHERE created_at < ?"
                " GROUP BY block_id",
                answered or to_text(source.created_at),
            )
        )
        return {
            block_id: version if known.get(block_id, 0) >= abs(version) else known.get(block_id, 0)
            for block_id, version in source.memory_versions.items()
        }

    def _whole_step(self, conversation_id: str, last: int) -> tuple[int, tuple[ToolReturn, ...]]:
        """Where a copy may end that would end at `last`, and returns for calls still open."""
        newest = self._messages.read(conversation_id, start=last, end=last + 1)
        if not newest or not newest[0].tool_calls:
            return last, ()
        if len(newest) > 1 and newest[1].role == "tool":
            return last + 1, ()
        return last, tuple(_not_taken_over(call) for call in newest[0].tool_calls)

    def _insert(self, made: Conversation) -> None:
        self._database.execute(
            "INSERT INTO conversation (id, agent_id, title, cwd, project, model, memory_versions,"
            " head, context_start, summary_seq, forked_from, forked_at, is_default, archived,"
            " created_at, updated_at, kind)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            made.id, made.agent_id, made.title, made.cwd, made.project, made.model,
            rows.to_json(made.memory_versions), made.head, made.context_start, made.summary_seq,
            made.forked_from, made.head if made.forked_from else None, int(made.is_default),
            int(made.archived), to_text(made.created_at), to_text(made.updated_at),
            made.kind,
        )  # fmt: skip

    def _put_prompt(self, conversation_id: str, text: str, trusted: str) -> None:
        self._database.execute(
            "INSERT INTO prompt (conversation_id, text, trusted) VALUES (?, ?, ?)"
            " ON CONFLICT (conversation_id)"
            " DO UPDATE SET text = excluded.text, trusted = excluded.trusted",
            conversation_id, rows.clean(text), trusted,
        )  # fmt: skip

    def _set(self, conversation_id: str, column: str, value: object) -> None:
        with self._database.transaction(only=conversation_id):
            changed = self._database.query(
                f"UPDATE conversation SET {column} = ? WHERE id = ? RETURNING id",
                value, conversation_id,
            )  # fmt: skip
            if not changed:
                raise NotFound(_gone(conversation_id))


def _gone(conversation_id: str) -> str:
    return f"There is no conversation {conversation_id}. See: agent sessions list"


def _line(text: str) -> str:
    return " ".join(rows.clean(text).split())


def _fork_title(title: str) -> str:
    if not title or title.endswith("(fork)"):
        return title
    return f"{title} (fork)"


def _not_taken_over(call: ToolCall) -> ToolReturn:
    return ToolReturn(
        call.id,
        call.name,
        "cancelled",
        "This conversation was forked while the call was open. It was not run here.",
    )
