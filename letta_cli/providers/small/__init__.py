"""The small profile: how models of a few billion parameters are made to do an agent's work."""

from letta_cli.providers.small.prompt import ALL_SMALL_TOOLS, SMALL_TOOLS
from letta_cli.providers.small.provider import ChatDoor, SmallModelProvider, small_profile

__all__ = ["ALL_SMALL_TOOLS", "SMALL_TOOLS", "ChatDoor", "SmallModelProvider", "small_profile"]
