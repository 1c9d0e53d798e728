"""What a reflection reads: as much of what is unread as fits, of one project at a time.

One project, because the block `project` means another text in each. The newest conversations come
first; within a conversation nothing is ever skipped.
"""

from collections.abc import Sequence

from letta_cli.agent.budget import window_of
from letta_cli.agent.reflection_prompt import framed
from letta_cli.agent.transcript import render_transcript
from letta_cli.core.errors import NotFound
from letta_cli.core.message import Message
from letta_cli.core.provider import ModelInfo
from letta_cli.core.reflection import Slice
from letta_cli.providers.tokens import estimate
from letta_cli.store import Store
from letta_cli.store.reflections import Unread

MOST_TOKENS = 30_000
LEAST_TOKENS = 4_000
MESSAGE_TOKENS = 3_000
"""The most that one message may take; what is too much is cut out of its middle."""

MOST_MESSAGES = 2_000
"""So many are looked at in one conversation; what comes after them is for the next time."""

READING_SHARE = 3
"""Reading may take one part in so many of what a reflection may cost: answering takes the rest."""


def room(info: ModelInfo, max_budget_usd: float | None) -> int:
    """Tokens of transcripts that one reflection reads with this model and budget."""
    tokens = min(MOST_TOKENS, window_of(info) // 2)
    if max_budget_usd is not None and info.prices is not None and info.prices.input > 0:
        price = max(info.prices.input, info.prices.cache_write) / 1_000_000
        tokens = min(tokens, int(max_budget_usd / READING_SHARE / price))
    return max(LEAST_TOKENS, tokens)


def choose(store: Store, unread: Sequence[Unread], tokens: int) -> list[tuple[Unread, Slice]]:
    """What to read now: of the first one's project, until `tokens` are used up."""
    chosen: list[tuple[Unread, Slice]] = []
    for each in unread:
        if each.project != unread[0].project:
            continue
        end = min(each.last, each.first + MOST_MESSAGES - 1)
        messages = store.messages.read(each.conversation_id, start=each.first, end=end)
        last, used = _fitting(messages, tokens, must=not chosen)
        if not last:
            break
        tokens -= used
        chosen.append((each, Slice(each.conversation_id, each.first, last)))
        if last < each.last:
            break
    return chosen


def transcripts(store: Store, slices: Sequence[Slice]) -> str:
    """The text of `slices`. A conversation that was deleted meanwhile is left out."""
    texts: list[str] = []
    for each in slices:
        try:
            conversation = store.conversations.get(each.conversation_id)
        except NotFound:
            continue
        messages = store.messages.read(each.conversation_id, start=each.first, end=each.last)
        text = "\n".join(map(_rendered, messages))
        texts.append(framed(text, each, title=conversation.title, cwd=conversation.cwd))
    return "\n\n".join(texts)


def _rendered(message: Message) -> str:
    return render_transcript([message], max_tokens=MESSAGE_TOKENS)


def _fitting(messages: Sequence[Message], tokens: int, *, must: bool) -> tuple[int, int]:
    """The last message that fits, best one before a person's words, and the tokens up to it.

    Args:
        must: take at least one, however long it is.
    """
    used, best = 0, (0, 0)
    for position, message in enumerate(messages):
        cost = estimate(_rendered(message))
        if used + cost > tokens and not (must and position == 0):
            # In the middle of a long run, where no better place was passed.
            return best if best[0] else (messages[position - 1].seq, used) if position else best
        used += cost
        following = messages[position + 1] if position + 1 < len(messages) else None
        if following is None or following.role == "user":
            best = (message.seq, used)
    return best
