"""Work that nobody waits for, in processes of their own with the lowest priority."""

import contextlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from letta_cli.config import Config
from letta_cli.core.errors import AgentError
from letta_cli.store import Store


def start(*arguments: str, cwd: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run ``agent`` with these arguments, apart from this process and its terminal.

    Args:
        environment: this process's own when None. Others can read the arguments, not this.

    Raises:
        OSError: no process can be started.
    """
    subprocess.Popen(
        [sys.executable, "-P", "-m", "letta_cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=cwd,
        env=environment,
        start_new_session=True,
    )


def index_later(config: Config, store: Store) -> None:
    """Bring the search index up to date where something is missing in it.

    That several may be started does no harm: one works, the others end at once.
    """
    with contextlib.suppress(AgentError, OSError):
        if store.search.waiting() or store.vectors.behind():
            # An address in the settings may hold a password; the other process reads it there.
            flagged = config.origins.get("database", "").startswith("flag")
            named = ("--db", config.database_url) if flagged else ()
            start("db", "index", "--background", *named, cwd=config.home)
