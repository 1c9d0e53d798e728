"""What the listing commands start from: the configuration, the store and the agent."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from letta_cli.cli.daily import mirror_later
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.output import warn_ignored
from letta_cli.config import Config, load_config
from letta_cli.core.agent import Agent
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
