"""Starts a reflection in a process of its own that nobody waits for; see `agent.occasions`."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial

from letta_cli.config import Config
from letta_cli.config.environment import inherited
from letta_cli.core.reflection import Occasion

Begin = Callable[[str, str, Occasion], None]
"""Takes the agent's id, a model's handle, and why."""


def background_reflection(config: Config) -> Begin:
    """What a session calls when there is an occasion; returns at once."""
    return partial(_begin, config.database_url, str(config.home))


def _begin(url: str, folder: str, agent_id: str, model: str, occasion: Occasion) -> None:
    """Raises OSError when no process can be started.

    The database's address may hold a password: it goes by the environment, not on the command
    line, which others can read.
    """
    subprocess.Popen(
        [
            sys.executable, "-P", "-m", "letta_cli", "reflect", "now", "--background",
            "--occasion", occasion, "--agent", agent_id, "--model", model,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=inherited(AGENT_DATABASE_URL=url),
        start_new_session=True,
    )  # fmt: skip
