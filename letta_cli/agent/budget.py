"""How full the context window is, and when it has to be compacted."""

from collections.abc import Callable, Sequence

from letta_cli.core.message import Message
from letta_cli.core.provider import ModelInfo
from letta_cli.providers.tokens import estimate_message

UNKNOWN_WINDOW = 128_000
"""Tokens assumed where no one says how large a model's window is."""

SMALLEST_USEFUL_WINDOW = 8_000


USELESS_COMPACTIONS = 2
"""Compactions in a row that free less than a tenth before compacting is given up."""

USEFUL_SHARE = 0.9
"""A compaction is useful if at most this share of the window's content is left."""


def window_of(info: ModelInfo) -> int:
    return info.context_window or UNKNOWN_WINDOW


def threshold_of(window: int) -> int:
    """Tokens beyond which the next request is preceded by a compaction.

    A sixth of the window stays free for the answer, but never more than 24,000 tokens.
    """
    return window - min(24_000, window // 6)


def warnings_about(info: ModelInfo, *, budget: bool) -> list[str]:
    """What a person should know of a model's limits.

    Args:
        budget: whether a run is to end when it has cost so much.
    """
    found: list[str] = []
    window = info.context_window
    if window is not None and window < SMALLEST_USEFUL_WINDOW:
        found.append(
            f"{info.handle} has a context window of {window:,} tokens; an agent needs at least "
            f"{SMALLEST_USEFUL_WINDOW:,}. Expect it to forget and to fail, or raise the window "
            "where the model is served."
        )
    if budget and info.prices is None:
        found.append(
            f"The prices of {info.handle} are not known, so a budget may not end its runs. "
            "Limit the number of model calls instead."
        )
    return found


class ContextMeter:
    """Tokens in the window: the provider's own count for what it has seen, an estimate beyond.

    Attributes:
        ceiling: what the provider refused as too long, less a margin; None before that.
    """

    def __init__(self, known: int = 0, seq: int = 0) -> None:
        self._known = known
        self._seq = seq
        self._useless = 0
        self._useless_at = 0
        self.ceiling: int | None = None

    @property
    def is_measured(self) -> bool:
        """Whether the provider has counted anything since the last compaction."""
        return self._known > 0

    @property
    def counted(self) -> int:
        """Tokens that the provider has counted; 0 when nothing was since the last compaction."""
        return self._known

    def measured(self, tokens: int, seq: int) -> None:
        """The provider counted `tokens` up to and with message `seq`."""
        self._known = tokens
        self._seq = seq

    def overflowed(self, tokens: int) -> None:
        """The provider refused a request estimated at `tokens`; its window is smaller than that."""
        self.reset()
        self.ceiling = min(tokens * 3 // 4, self.ceiling or tokens)

    def window(self, info: ModelInfo) -> int:
        """Tokens that a request may take: as far as the model says, and as it was seen to take."""
        return min(window_of(info), self.ceiling or window_of(info))

    def compacted(self, before: int, after: int) -> None:
        """The window is another one now."""
        self.reset()
        self._useless = 0 if after < before * USEFUL_SHARE else self._useless + 1
        self._useless_at = after

    def not_compacted(self, tokens: int) -> None:
        """There was nothing to compact: what was measured still holds."""
        self._useless += 1
        self._useless_at = tokens

    def stuck(self, tokens: int) -> bool:
        """Whether compacting was given up, and still is with `tokens` in the window."""
        return self._useless >= USELESS_COMPACTIONS and tokens <= self._useless_at * 1.1

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
        """Forget the measurement."""
        self._known = 0
        self._seq = 0
