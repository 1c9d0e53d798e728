"""Where a window is cut: what is summarised before it, and what is kept word for word after."""

from collections.abc import Sequence

from letta_cli.core.message import Message
from letta_cli.providers.tokens import estimate_message

TURN_SHARE = 0.25
"""A cut before a person's message is taken if it keeps this share of what any cut would keep."""


def choose_cut(
    messages: Sequence[Message], *, keep: int, most: int, whole_turn: bool = False
) -> int:
    """Seq of the first message to keep.

    A cut is made before a person's message, so that whole turns stay together, or, where that
    would keep too little, before a model's message: a tool return never stands without its call.

    Args:
        messages: the window, oldest first; the summary that it may begin with is not cut at.
        keep: tokens that the newest messages should take at most.
        most: tokens up to which the newest step is kept whole all the same. Beyond it nothing is
            kept: the result is the number after the newest message.
        whole_turn: keep the newest turn whole up to `most`, for models that are guided by it.
    """
    spent = 0
    places: list[tuple[Message, int]] = []
    turns: list[tuple[Message, int]] = []
    for message in reversed(messages):
        if message.role == "summary":
            break
        spent += estimate_message(message)
        if places and spent > (most if whole_turn and not turns else keep):
            break
        if message.role in ("user", "assistant"):
            places.append((message, spent))
        if message.role == "user":
            turns.append((message, spent))
    after_all = messages[-1].seq + 1 if messages else 1
    if not places or places[0][1] > most:
        return after_all
    oldest, kept = places[-1]
    if turns and (whole_turn or turns[-1][1] >= kept * TURN_SHARE):
        return turns[-1][0].seq
    return oldest.seq
