"""Compaction: a summary takes the place of the older part of the window. Nothing is deleted."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from letta_cli.agent.budget import window_of
from letta_cli.agent.model_call import Reply, call_model
from letta_cli.agent.request import context_tokens
from letta_cli.agent.transcript import render_transcript
from letta_cli.agent.turn import Turn
from letta_cli.core.clock import now
from letta_cli.core.errors import ContextOverflow, ProviderError
from letta_cli.core.event import Compacted, Event, Retrying
from letta_cli.core.message import Message, Text
from letta_cli.core.provider import Request
from letta_cli.core.run import Usage
from letta_cli.providers.tokens import estimate_message

KEPT_SHARE = 0.2
"""Share of the window that the newest messages may keep."""

SUMMARY_TOKENS = 2_000

SYSTEM = """\
You write the notes that will replace the older part of a conversation between a person and a \
coding agent. The agent goes on from your notes alone, so keep what it needs and nothing else."""

TASK = """\
{transcript}

Write the notes under these headings, leaving out empty ones: Goals; Decisions and why; \
Files read and changed (with paths); Commands and their outcomes; Facts learned (names, values \
and errors word for word); Skills in use; Open work and the next step. Be short and exact.{focus}"""


@dataclass(slots=True)
class Summary:
    """What stands for the evicted messages, and what it cost to write."""

    text: str = ""
    usage: Usage = field(default_factory=Usage)


async def compact(turn: Turn, trigger: str, focus: str = "") -> AsyncGenerator[Event, None]:
    """Summarise all but the newest messages and compile the prompt afresh.

    A window with nothing to evict is left alone and no `Compacted` is told.
    """
    messages = turn.thread.messages
    keep_from = _keep_from(messages, int(window_of(turn.info) * KEPT_SHARE))
    # An older summary was written after some of the messages it stands before: it always goes in.
    evicted = [
        message for message in messages if message.role == "summary" or message.seq < keep_from
    ]
    if not any(message.role != "summary" for message in evicted):
        return
    before = context_tokens(turn)
    summary = Summary()
    async for event in _summarise(turn, evicted, focus, summary):
        yield event
    if turn.inbox.cancelled:
        return
    prompt, versions = turn.compile_prompt()
    turn.thread.compact(summary.text, context_start=keep_from, prompt=prompt, versions=versions)
    turn.meter.reset()
    yield Compacted(trigger, before, context_tokens(turn), summary.usage)


def _keep_from(messages: Sequence[Message], budget: int) -> int:
    """Seq of the first message to keep: the oldest good place within `budget` tokens.

    Good places are a person's message or, within one long turn, a model's message: a tool
    return never stands without its call. The newest one is kept whatever it takes, since it
    is what has to be answered.
    """
    spent = 0
    start = None
    for message in reversed(messages):
        if message.role == "summary":
            break
        spent += estimate_message(message)
        if spent > budget and start is not None:
            break
        if message.role in ("user", "assistant"):
            start = message.seq
    return start or (messages[-1].seq + 1 if messages else 1)


async def _summarise(
    turn: Turn, evicted: Sequence[Message], focus: str, summary: Summary
) -> AsyncGenerator[Event, None]:
    """Ask the model; with a shorter transcript when it overflows, without it when it fails."""
    budget = int(window_of(turn.info) * 0.6)
    for _ in range(3):
        transcript = render_transcript(evicted, max_tokens=budget)
        wish = f"\nGive most room to: {focus}" if focus else ""
        text = TASK.format(transcript=transcript, focus=wish)
        request = _request(turn, text)
        reply = Reply()
        try:
            async for event in call_model(turn, request, None, reply):
                if isinstance(event, Retrying):
                    yield event
        except ContextOverflow:
            budget //= 3
            continue
        except ProviderError:
            break
        if turn.inbox.cancelled:
            return
        if reply.completed is not None and reply.partial.strip():
            summary.text = reply.partial.strip()
            summary.usage = reply.completed.usage
            return
        break
    summary.text = render_transcript(evicted, max_tokens=SUMMARY_TOKENS)


def _request(turn: Turn, text: str) -> Request:
    conversation_id = turn.thread.conversation.id
    # Without an id: providers remember messages by theirs, and each summary asks with another text.
    message = Message("", conversation_id, 1, "user", (Text(text),), now())
    return Request(
        model=turn.model_name,
        system=SYSTEM,
        tools=(),
        messages=(message,),
        conversation_id=conversation_id,
        max_output=SUMMARY_TOKENS,
    )
