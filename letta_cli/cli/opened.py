"""What the listing commands start from: the configuration, the store and the agent."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from letta_cli.cli.daily import mirror_later
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.output import clip, warn_ignored
from letta_cli.config import Config, load_config
from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.ids import parse_citation
from letta_cli.store import Store, open_store


@dataclass(frozen=True, slots=True)
class Opened:
    """Attributes:
    directory: where the person stands, canonical, as conversations keep it.
    """

    config: Config
    store: Store
    agent: Agent
    directory: str

    def shorten(self, path: str) -> str:
        """`path` with the person's home as ``~``."""
        home = str(self.config.user_home)
        return "~" + path[len(home) :] if path == home or path.startswith(home + "/") else path


@contextmanager
def opened(
    *,
    agent: str | None = None,
    database: str | None = None,
    directory: str | None = None,
    mirrored: bool = True,
) -> Generator[Opened]:
    """Open the store without anything that only talking to a model needs.

    When memory was changed, its mirror follows, unless not `mirrored`.

    Not through `app`, which would import every tool and frontend's ground for a list of titles.
    """
    config = load_config(
        cwd=working_directory(directory),
        flags={"database": database},
        secrets=False,
        on_broken=warn_ignored,
    )
    store = open_store(config.database_url)
    try:
        chosen = store.agents.find(agent) if agent else store.agents.current()
        yield Opened(config, store, chosen, str(config.cwd.resolve()))
    finally:
        if mirrored:
            mirror_later(config, store)
        store.close()


def find(here: Opened, which: str) -> Conversation:
    """The one conversation that `which` names; see `find_conversation`."""
    return find_conversation(here.store, here.agent.id, which)


def find_named(here: Opened, which: str) -> Conversation:
    """The one that `which` names by id or title, for what cannot be taken back.

    Raises:
        NotFound: none; tells in which ones the words were said. UsageError: several; lists them.
    """
    if which == "default" or here.store.conversations.named(here.agent.id, which):
        return find(here, which)
    said = here.store.conversations.find(here.agent.id, which)[:10]
    if not said:
        return find(here, which)
    listed = "\n".join(f"  {each.id}  {clip(each.title, 60)}" for each in said)
    raise NotFound(f"No conversation has the id or title {which!r}. It is said in:\n{listed}")


def find_conversation(store: Store, agent_id: str, which: str) -> Conversation:
    """The one conversation of an agent that `which` names.

    Raises:
        NotFound: none. UsageError: several; lists them.
    """
    if which == "default":
        return store.conversations.default(agent_id)
    found = store.conversations.find(agent_id, which)
    exact = [each for each in found if which in (each.id, each.title)]
    start = cited[0] if (cited := parse_citation(which)) else which
    named = exact or [each for each in found if each.id.startswith(start)] or found
    if not named:
        raise NotFound(f"No conversation matches {which!r}. See all with: agent sessions list")
    if len(named) > 1:
        listed = "\n".join(f"  {each.id}  {clip(each.title, 60)}" for each in named[:10])
        raise UsageError(f"{len(named)} conversations match {which!r}; name one:\n{listed}")
    return named[0]
