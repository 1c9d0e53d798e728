"""Remembers the wire form of messages, so that a step converts only the messages that are new.

Messages never change once stored, so their id is key enough. A message without an id is converted
each time.
"""

from collections.abc import Callable, Sequence
from typing import Any

from letta_cli.core.message import Message
from letta_cli.core.tool import ToolSpec
from letta_cli.providers.wording import as_sent, encodable

Wire = list[dict[str, Any]]

_MAX_MESSAGES = 20_000


class WireCache:
    """One for each provider: `convert_message` and `convert_tools` give its wire form."""

    def __init__(
        self,
        convert_message: Callable[[Message], Wire],
        convert_tools: Callable[[Sequence[ToolSpec]], Wire],
    ) -> None:
        self._convert_message = convert_message
        self._convert_tools = convert_tools
        self._messages: dict[str, Wire] = {}
        self._tools: tuple[tuple[ToolSpec, ...], Wire] = ((), [])

    def messages(self, messages: Sequence[Message]) -> Wire:
        """The wire form of all messages in order. The dicts are shared: never change them."""
        wire: Wire = []
        for message in messages:
            converted = self._messages.get(message.id) if message.id else None
            if converted is None:
                converted = encodable(self._convert_message(as_sent(message)))
                if message.id:
                    if len(self._messages) >= _MAX_MESSAGES:
                        self._messages.clear()
                    self._messages[message.id] = converted
            wire.extend(converted)
        return wire

    def tools(self, tools: tuple[ToolSpec, ...]) -> Wire:
        """The wire form of the tools. The dicts are shared: never change them."""
        known, wire = self._tools
        if tools != known:
            wire = self._convert_tools(tools)
            self._tools = (tools, wire)
        return wire
