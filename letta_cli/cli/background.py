"""Work that nobody waits for, in processes of their own with the lowest priority."""

import contextlib
import subprocess
import sys
from pathlib import Path

from letta_cli.config import Config
from letta_cli.config.environment import inherited
from letta_cli.core.errors import AgentError
from letta_cli.store import Store


def start(*arguments: str, cwd: Path, database: str = "") -> None:
    """Run ``agent`` with these arguments, apart from this process and its terminal.

    Args:
        database: the address of the one to use; the configured one when empty. It may hold a
            password, which others could read among the arguments.

    Raises:
        OSError: no process can be started.
    """
    subprocess.Popen(
        [sys.executable, "-P", "-m", "letta_cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=cwd,
        env=inherited(AGENT_DATABASE_URL=database) if database else None,
        start_new_session=True,
    )


def index_later(config: Config, store: Store) -> None:
    """Bring the search index up to date where something is missing in it.

    That several may be started does no harm: one works, the others end at once.
    """
    with contextlib.suppress(AgentError, OSError):
        if store.search.waiting() or store.vectors.behind():
            start("db", "index", "--background", cwd=config.home, database=config.database_url)
