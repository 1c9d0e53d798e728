"""Agents: who owns memory and conversations, and which one is in use."""

from letta_cli.core.agent import Agent
from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import Conflict, NotFound, StoreError, UsageError
from letta_cli.core.ids import new_id
from letta_cli.core.memory import Origin
from letta_cli.store import rows
from letta_cli.store.blocks import Blocks
from letta_cli.store.conversations import Conversations
from letta_cli.store.database import Database
from letta_cli.store.sharing import Sharing

FIRST_NAME = "agent"
"""What the agent is called that is made when there is none."""

_IN_USE = "agent_in_use"

FIRST_BLOCKS = (
    ("persona", "Who I am and how I work: my role, habits and style, kept over all conversations."),
    ("human", "What I know of the person I work with: name, preferences, ways of working."),
)


class Agents:
    """The repository of agents. Raises what `Database` raises, and what each method names."""

    def __init__(
        self, database: Database, conversations: Conversations, blocks: Blocks, sharing: Sharing
    ) -> None:
        self._database = database
        self._sharing = sharing
        self._conversations = conversations
        self._blocks = blocks

    def create(self, name: str, *, model: str = "", system: str = "") -> Agent:
        """A new agent with its default conversation and the empty blocks persona and human.

        Raises:
            Conflict: the name is taken.
            UsageError: the name is empty.
        """
        made = Agent(new_id("agent"), self._fit_name(name), model, rows.clean(system), now())
        with self._database.transaction():
            self._refuse_taken(made.name)
            self._database.execute(
                "INSERT INTO agent (id, name, model, system, created_at) VALUES (?, ?, ?, ?, ?)",
                made.id, made.name, made.model, made.system, to_text(made.created_at),
            )  # fmt: skip
            self._conversations.create(made.id, cwd="", project="", title="default", default=True)
            for label, description in FIRST_BLOCKS:
                self._blocks.create(
                    made.id, label, description=description, origin=Origin("system")
                )
        return made

    def get(self, agent_id: str) -> Agent:
        """Raises NotFound."""
        found = self._database.query(f"SELECT {rows.AGENT} FROM agent WHERE id = ?", agent_id)
        if not found:
            raise NotFound(f"There is no agent {agent_id}. {self._known()}")
        return rows.agent(found[0])

    def find(self, name_or_id: str) -> Agent:
        """The agent with this id or name, or whose name differs in case only.

        Raises:
            NotFound: says which agents there are.
        """
        everyone = self.list()
        for agent in everyone:
            if name_or_id in (agent.id, agent.name):
                return agent
        for agent in everyone:
            if agent.name.casefold() == name_or_id.casefold():
                return agent
        raise NotFound(f"There is no agent {name_or_id!r}. {self._known()}")

    def current(self) -> Agent:
        """The agent in use; the first one, or a new one called ``agent``, when none is chosen."""
        found = self._in_use()
        if found is not None:
            return found
        with self._database.transaction():
            # Asked again: another process may have been here first.
            found = self._in_use()
            if found is None:
                everyone = self.list()
                found = everyone[0] if everyone else self.create(FIRST_NAME)
                self.use(found.id)
            return found

    def use(self, agent_id: str) -> None:
        """Make this agent the one in use, for every terminal that starts from now on.

        Raises:
            NotFound: there is no such agent.
        """
        with self._database.transaction():
            self.get(agent_id)
            self._database.execute(
                "INSERT INTO setting (name, value) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                _IN_USE, agent_id,
            )  # fmt: skip

    def update(
        self,
        agent_id: str,
        *,
        name: str | None = None,
        model: str | None = None,
        system: str | None = None,
    ) -> Agent:
        """Change what is given.

        Raises:
            NotFound: there is no such agent.
            Conflict: the name is taken.
            UsageError: the name is empty.
        """
        with self._database.transaction():
            agent = self.get(agent_id)
            if name is not None and (name := self._fit_name(name)) != agent.name:
                self._refuse_taken(name)
            self._database.execute(
                "UPDATE agent SET name = ?, model = ?, system = ? WHERE id = ?",
                agent.name if name is None else name,
                agent.model if model is None else model,
                agent.system if system is None else rows.clean(system),
                agent_id,
            )
            return self.get(agent_id)

    def delete(self, agent_id: str) -> None:
        """Remove an agent with its conversations and its memory, for good.

        Blocks that are attached to other agents stay with those.

        Raises:
            NotFound: there is no such agent.
            Busy: a session is using one of its conversations.
            StoreError: it is the one in use.
        """
        agent = self.get(agent_id)
        with self._conversations.held(agent_id), self._database.transaction():
            if self.current().id == agent_id:
                raise StoreError(
                    f"{agent.name} is the agent in use and cannot be deleted. Use another one "
                    "first: agent agents use NAME"
                )
            self._conversations.forget_all(agent_id)
            self._sharing.hand_over(agent_id)
            self._database.execute("DELETE FROM agent WHERE id = ?", agent_id)

    def list(self) -> list[Agent]:
        """All agents, oldest first."""
        found = self._database.query(f"SELECT {rows.AGENT} FROM agent ORDER BY created_at, id")
        return [rows.agent(row) for row in found]

    def _in_use(self) -> Agent | None:
        found = self._database.query(
            f"SELECT {rows.AGENT} FROM agent WHERE id = (SELECT value FROM setting WHERE name = ?)",
            _IN_USE,
        )
        return rows.agent(found[0]) if found else None

    def _fit_name(self, name: str) -> str:
        name = " ".join(rows.clean(name).split())
        if not name:
            raise UsageError("An agent needs a name.")
        return name

    def _refuse_taken(self, name: str) -> None:
        if self._database.query("SELECT id FROM agent WHERE name = ?", name):
            raise Conflict(f"There is already an agent named {name!r}. Choose another name.")

    def _known(self) -> str:
        names = [agent.name for agent in self.list()]
        return f"Agents: {', '.join(names)}." if names else "There is no agent yet."
