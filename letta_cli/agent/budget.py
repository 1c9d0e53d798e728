"""How full the context window is, and when it has to be compacted."""

from collections.abc import Callable, Sequence

from letta_cli.core.message import Message
from letta_cli.core.provider import ModelInfo
from letta_cli.providers.tokens import estimate_message

UNKNOWN_WINDOW = 128_000
"""Tokens assumed where no one says how large a model's window is."""

SMALLEST_USEFUL_WINDOW = 8_000


def window_of(info: ModelInfo) -> int:
    return info.context_window or UNKNOWN_WINDOW


def compaction_threshold(info: ModelInfo) -> int:
    """Tokens beyond which the next request is preceded by a compaction.

    A sixth of the window stays free for the answer, but never more than 24,000 tokens.
    """
    window = window_of(info)
    return window - min(24_000, window // 6)


class ContextMeter:
    """Tokens in the window: the provider's own count for what it has seen, an estimate beyond."""

    def __init__(self, known: int = 0, seq: int = 0) -> None:
        self._known = known
        self._seq = seq

    def measured(self, tokens: int, seq: int) -> None:
        """The provider counted `tokens` up to and with message `seq`."""
        self._known = tokens
        self._seq = seq

    def tokens(self, fixed: Callable[[], int], messages: Sequence[Message]) -> int:
        """Tokens of the next request.

        Args:
            fixed: estimates prompt and tools; asked only when nothing was measured.
        """
        if not self._known:
            return fixed() + sum(map(estimate_message, messages))
        tail = 0
        for message in reversed(messages):
            if message.seq <= self._seq:
                break
            tail += estimate_message(message)
        return self._known + tail

    def reset(self) -> None:
        """Forget the measurement: the window was compacted or the model changed."""
        self._known = 0
        self._seq = 0
