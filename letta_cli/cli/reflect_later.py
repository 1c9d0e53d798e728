"""Starts a reflection in a process of its own that nobody waits for; see `agent.occasions`."""

from collections.abc import Callable

from letta_cli.cli.background import start
from letta_cli.config import Config
from letta_cli.core.reflection import Occasion


def background_reflection(config: Config) -> Callable[[str, str, Occasion], None]:
    """What a session calls when there is an occasion: with the agent's id, a model, and why."""

    def begin(agent_id: str, model: str, occasion: Occasion) -> None:
        chosen = ("--agent", agent_id, "--model", model, "--occasion", occasion)
        background = ("reflect", "now", "--background", *chosen)
        start(*background, cwd=config.home, database=config.database_url)

    return begin
