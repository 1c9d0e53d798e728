"""What stands before the messages of a conversation, counted before it was ever sent."""

from collections.abc import Callable
from contextlib import suppress

from letta_cli.agent.parts import Model
from letta_cli.core.agent import Conversation
from letta_cli.core.errors import StoreError
from letta_cli.providers.tokens import estimate, estimate_tools

Compile = Callable[[Conversation, bool], tuple[str, dict[str, int]]]


class Foreseen:
    """Estimates prompt and tools. A prompt is compiled with the first message; until then it is
    compiled here as well, once for each conversation and size of model, for its length alone."""

    def __init__(self, compile_prompt: Compile) -> None:
        self._compile = compile_prompt
        self._known: dict[tuple[str, bool], int] = {}

    def tokens(self, conversation: Conversation, model: Model | None) -> int:
        """Tokens of prompt and tools; of a stored prompt alone until the model is loaded."""
        if model is None:
            return estimate(conversation.system_prompt or "")
        tools = estimate_tools(tool.spec for tool in model.tools.values())
        if conversation.system_prompt is not None:
            return estimate(conversation.system_prompt) + tools
        return self._of_prompt(conversation, model.info.small) + tools

    def _of_prompt(self, conversation: Conversation, small: bool) -> int:
        key = (conversation.id, small)
        if key not in self._known:
            # A database that is away for a moment must not end what only shows a figure.
            with suppress(StoreError):
                self._known[key] = estimate(self._compile(conversation, small)[0])
        return self._known.get(key, 0)
