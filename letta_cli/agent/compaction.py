"""Compaction: a summary takes the place of the older part of the window. Nothing is deleted.

One transaction puts the summary, the new beginning of the window and a fresh prompt in place, so a
process that dies leaves the conversation as it was before or as it is after.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from letta_cli.agent import notes
from letta_cli.agent.budget import threshold_of
from letta_cli.agent.chronicle import chronicle
from letta_cli.agent.cut import choose_cut
from letta_cli.agent.memory_news import is_news
from letta_cli.agent.model_call import Reply, call_model
from letta_cli.agent.notes import Notes, Room
from letta_cli.agent.provenance import in_messages, told_in_summary
from letta_cli.agent.record import Record
from letta_cli.agent.request import context_tokens, estimated_tokens, fixed_tokens
from letta_cli.agent.transcript import render_transcript
from letta_cli.agent.turn import Turn
from letta_cli.core.clock import now
from letta_cli.core.errors import ContextOverflow, ProviderError
from letta_cli.core.event import Compacted, CompactionTrigger, Event, Notice, Retrying
from letta_cli.core.message import Message, Text, ToolReturn
from letta_cli.core.provider import Request
from letta_cli.core.run import Usage
from letta_cli.providers.tokens import estimate, estimate_message

KEPT_SHARE = 0.2
"""Share of the room behind prompt and tools that the newest messages may keep."""

MOST_SHARE = 0.5
"""Share up to which the newest step is kept whole, however large it is."""

SUMMARY_TOKENS = 2_000
"""Tokens that a model writes at most; fewer in a small window."""

LEAST_EVICTED = 200
"""Tokens below which a summary would be as long as what it stands for."""

NOTHING = "nothing was compacted"

_PAGE = 500


@dataclass(slots=True)
class _Answer:
    """What the model wrote, or why it could not."""

    text: str = ""
    usage: Usage = field(default_factory=Usage)
    failure: str = ""


async def compact(
    turn: Turn, trigger: CompactionTrigger, focus: str = "", run_id: str | None = None
) -> AsyncGenerator[Event, None]:
    """Summarise all but the newest messages and compile the prompt afresh.

    A window with nothing to evict is left alone: no `Compacted` is told, and who asked for it
    hears why. So it is when the person interrupts.

    Args:
        focus: what the person wants most room for.
        run_id: the run in which it became necessary.
    """
    before, estimated = context_tokens(turn), estimated_tokens(turn)
    window = turn.meter.window(turn.info)
    space = max(threshold_of(window) - fixed_tokens(turn), window // 8)
    messages = turn.thread.messages
    keep_from = _keep_from(turn, space, trigger)
    evicted = [each for each in messages if each.role != "summary" and each.seq < keep_from]
    if sum(map(estimate_message, evicted)) < LEAST_EVICTED:
        turn.meter.not_compacted(before)
        if trigger == "manual":
            yield Notice("outcome", f"{NOTHING}: there is little more than what must be kept")
        return
    room = _room(space)
    earlier = _earlier(messages)
    answer = _Answer()
    if not turn.info.small:
        async for event in _ask(turn, earlier, evicted, focus, room.words, answer):
            yield event
    if turn.inbox.cancelled:
        if trigger == "manual":
            yield Notice("outcome", f"{NOTHING}: you interrupted")
        return
    record = _record(turn, keep_from, evicted[0].seq)
    if turn.info.small:
        made = chronicle(earlier, evicted, record)
    elif answer.failure:
        transcript = render_transcript(evicted, max_tokens=room.words // 2)
        made = notes.extract(earlier, transcript, record, answer.failure)
    else:
        cited = range(evicted[0].seq, keep_from)
        made = notes.merge(earlier, answer.text, record, cited)
    gone = [each for each in messages if each.role == "summary" or each.seq < keep_from]
    summary = notes.write(
        made, record, room,
        conversation_id=turn.thread.conversation.id, last=evicted[-1].seq,
        results=_results(evicted) if evicted[-1] is messages[-1] else "",
        outside=told_in_summary(in_messages(gone)),
    )  # fmt: skip
    prompt, versions = turn.compile_prompt()
    turn.thread.compact(
        summary,
        context_start=keep_from,
        prompt=prompt,
        versions=_told(turn, versions, keep_from),
        trusted=turn.trusted,
        usage=answer.usage if answer.usage.context else None,
        run_id=run_id,
    )
    after = estimated_tokens(turn)
    turn.meter.compacted(estimated, after)
    yield Compacted(
        trigger,
        before,
        round(after * before / estimated),
        answer.usage,
        summary_seq=turn.thread.messages[0].seq,
        first_seq=evicted[0].seq,
        last_seq=evicted[-1].seq,
        failure=answer.failure,
    )


def _told(turn: Turn, compiled: Mapping[str, int], keep_from: int) -> dict[str, int]:
    """The block versions that the conversation may be said to know after a compaction.

    Those in the fresh prompt; but where a notice about memory stays in the window, what changed
    since it was told, such as while the summary was written, is told again. Otherwise an older
    text would stand behind the newer one in the prompt.
    """
    messages = turn.thread.messages
    stays = any(is_news(message) and message.seq >= keep_from for message in messages)
    if not stays:
        return dict(compiled)
    seen = turn.thread.conversation.memory_versions
    known = {block: min(version, seen.get(block, 0)) for block, version in compiled.items()}
    # What is gone from the prompt may be spoken of in that notice.
    return known | {block: at for block, at in seen.items() if block not in compiled and at > 0}


def _keep_from(turn: Turn, space: int, trigger: CompactionTrigger) -> int:
    messages = turn.thread.messages
    keep = int(space * KEPT_SHARE)
    if trigger == "manual":
        # Whoever asks for it in a window that is hardly full wants something to happen.
        keep = min(keep, sum(map(estimate_message, messages)) // 4)
    most = int(space * MOST_SHARE)
    return choose_cut(messages, keep=keep, most=most, whole_turn=turn.info.small)


def _room(space: int) -> Room:
    """Together with what is kept, a summary leaves about half of the space free."""
    return Room(
        words=min(SUMMARY_TOKENS, space // 8),
        ledger=min(4_000, space // 10),
        files=min(1_000, space // 30),
        request=min(4_000, space // 10),
        results=space // 6,
        skills=min(5_000, space // 10),
    )


def _earlier(messages: Sequence[Message]) -> Notes:
    if messages and messages[0].role == "summary":
        return notes.read_summary(messages[0].text)
    return Notes()


def _record(turn: Turn, keep_from: int, first: int) -> Record:
    """What happened before `keep_from`; what the person laid down only from `first` on.

    Read from the store page by page: it goes back to the first message of the conversation.
    """
    thread = turn.thread.conversation
    record = Record()
    for start in range(1, keep_from, _PAGE):
        end = min(start + _PAGE, keep_from) - 1
        record.take(turn.store.messages.read(thread.id, start=start, end=end), thread.cwd)
    record.laid_down = [entry for entry in record.laid_down if entry.seq >= first]
    for message in turn.thread.messages:
        if message.seq >= keep_from and message.role == "user":
            record.request = None  # It stands in the window, word for word.
    return record


def _results(evicted: Sequence[Message]) -> str:
    """What the newest step's tools returned: the model has not answered to it yet."""
    new = takewhile(lambda message: message.role != "assistant", reversed(evicted))
    returns = [part for each in new for part in each.parts if isinstance(part, ToolReturn)]
    return "\n".join(f"{part.name} → {part.status}: {part.content}" for part in returns)


async def _ask(
    turn: Turn,
    earlier: Notes,
    evicted: Sequence[Message],
    focus: str,
    words: int,
    answer: _Answer,
) -> AsyncGenerator[Event, None]:
    """Ask the model for notes; with a shorter transcript when it says that it is too long."""
    window = turn.meter.window(turn.info)
    fixed = estimate(notes.SYSTEM + notes.task(earlier, "", focus)) + words
    budget = max(200, min(int(window * 0.7), int(window * 0.9) - fixed))
    for _ in range(3):
        text = notes.task(earlier, render_transcript(evicted, max_tokens=budget), focus)
        reply = Reply()
        try:
            async for event in call_model(turn, _request(turn, text, words), None, reply):
                if isinstance(event, Retrying):
                    yield event
        except ContextOverflow as error:
            budget //= 3
            answer.failure = str(error)
            continue
        except ProviderError as error:
            answer.failure = str(error)
            return
        if turn.inbox.cancelled:
            return
        if reply.completed is not None:
            answer.usage = reply.completed.usage
        answer.text = reply.partial.strip()
        answer.failure = "" if answer.text else "It wrote nothing."
        return


def _request(turn: Turn, text: str, words: int) -> Request:
    conversation_id = turn.thread.conversation.id
    # Without an id: providers remember messages by theirs, and each summary asks with another text.
    message = Message("", conversation_id, 1, "user", (Text(text),), now())
    return Request(
        model=turn.model_name,
        system=notes.SYSTEM,
        tools=(),
        messages=(message,),
        conversation_id=conversation_id,
        max_output=max(words, 200),
    )
