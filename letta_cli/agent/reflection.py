"""Reflection: the agent reads what it has not looked back on yet, and edits its memory.

One process at a time for each agent. What it reads counts as read with the end of its run and not
before: one that was killed goes on where it was, with its edits before its eyes.
"""

import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

from letta_cli.agent.loop import run
from letta_cli.agent.occasions import provider_of
from letta_cli.agent.own_work import Bench, Job, own_turn
from letta_cli.agent.reading import READING_SHARE, choose, room, transcripts
from letta_cli.agent.reflection_prompt import CUT_OFF, SYSTEM, title_of
from letta_cli.core.errors import AgentError, StoreError, UsageError
from letta_cli.core.event import Event, Notice, RunFinished
from letta_cli.core.message import Text
from letta_cli.core.outside import joined
from letta_cli.core.reflection import Occasion, Reflection
from letta_cli.core.run import Run, StopReason, Usage
from letta_cli.tools import reflection_tools

MOST_TRIES = 3
"""How often one that was cut off or failed is taken up, before a new one reads the same again."""

BATCHES = {"person": 20}
"""How many portions one reflection reads when somebody asked for it; otherwise `BATCHES_ALONE`."""
BATCHES_ALONE = 3

_ENDED: dict[StopReason, str] = {
    "end_turn": "",
    "max_steps": "it used all its steps",
    "max_budget": "it reached its budget",
    "max_tokens": "an answer was cut off",
}
"""Ends after which what was read is read. A cap is one: reading on would meet it again."""


_TOO_LITTLE = (
    "Its budget of ${:g} is too little for one call of the model. "
    "Raise it: agent config set reflection.maxBudgetUsd USD"
)


@dataclass(slots=True)
class Wish:
    """What is asked of a reflection, and what has come of it.

    Attributes:
        instruction: a person's words on what to look at.
        done: the reflections that came to their end.
    """

    occasion: Occasion = "person"
    instruction: str = ""
    done: list[Reflection] = field(default_factory=list[Reflection])


async def reflect(bench: Bench, wish: Wish) -> AsyncGenerator[Event, None]:
    """Reflect on what is unread; the last event is `RunFinished`, if there was anything.

    Raises:
        Busy: another process reflects for this agent; says who.
        LeaseLost: the connection to the database broke, and another one does.
        UsageError: the model is too small for it.
    """
    if bench.info.small:
        raise UsageError(
            f"{bench.handle} is too small a model to look after the memory of all conversations. "
            "Name another one: agent config set reflection.model PROVIDER/MODEL"
        )
    spent, last = Usage(), None
    with bench.store.reflections.alone(bench.agent.id) as lease:
        for _ in range(BATCHES.get(wish.occasion, BATCHES_ALONE)):
            budget = bench.settings.max_budget_usd
            left = budget - (spent.cost_usd or 0.0)
            # What could not be read to its end is not begun.
            if left <= 0 or left < budget / READING_SHARE or bench.inbox.cancelled:
                break
            lease.keep()
            reflection = _next(bench, wish)
            if reflection is None:
                break
            if last is not None:
                yield Notice("info", last.text)
            last = None
            async for event in _one(bench, wish, reflection, left):
                if isinstance(event, RunFinished):
                    spent += event.usage
                    last = replace(event, usage=spent)
                else:
                    yield event
            ended = last is None or last.stop_reason in _ENDED
            if not ended or (last is not None and last.stop_reason == "max_budget"):
                break
    if last is not None:
        yield last


def _next(bench: Bench, wish: Wish) -> Reflection | None:
    """The reflection to go on with, or a new one; None when everything was read."""
    store, agent = bench.store, bench.agent
    # What a person said to one provider goes to no other one unless they say so.
    alone = wish.occasion != "person" and not bench.settings.model
    provider = provider_of(bench.handle) if alone else ""
    cut_off = store.reflections.unfinished(agent.id)
    if cut_off is not None and cut_off.conversation_id is not None and provider:
        ran_on = store.runs.last_models(agent.id).get(cut_off.conversation_id, "")
        cut_off = cut_off if ran_on.startswith(provider) else None
    if cut_off is not None and cut_off.tries < MOST_TRIES:
        return store.reflections.resume(cut_off.id)
    if cut_off is not None and cut_off.state == "open":
        store.reflections.fail(cut_off.id, f"It was cut off {cut_off.tries} times.")
    tokens = room(bench.info, bench.settings.max_budget_usd)
    chosen = choose(store, store.reflections.unread(agent.id, provider=provider), tokens)
    if not chosen:
        return None
    first, _ = chosen[0]
    conversation = store.conversations.create(
        agent.id,
        cwd=first.cwd,
        project=first.project,
        title=title_of([each.title for each, _ in chosen]),
        kind="reflection",
    )
    slices = [read for _, read in chosen]
    return store.reflections.begin(agent.id, conversation.id, wish.occasion, slices)


async def _one(
    bench: Bench, wish: Wish, reflection: Reflection, left: float
) -> AsyncGenerator[Event, None]:
    """Run one reflection. It is written down as done or failed before its end is told."""
    store = bench.store
    conversation_id = reflection.conversation_id or ""
    ended, problem = False, "It was interrupted."
    try:
        with store.leases.acquire(conversation_id) as lease:
            store.runs.recover(conversation_id)
            whole = _ended_before(store.runs.list(conversation_id))
            if whole is not None:
                # Only the mark that it is over was missing.
                wish.done.append(store.reflections.finish(reflection.id, whole))
                ended = True
                return
            turn = own_turn(bench, conversation_id, _job(bench, reflection, left))
            turn.thread.held_by(lease)
            parts = _opening(bench, reflection, wish, begun=bool(turn.thread.messages))
            async with contextlib.aclosing(run(turn, parts)) as events:
                async for event in events:
                    if isinstance(event, RunFinished):
                        _close(bench, reflection, event, wish)
                        ended = True
                    yield event
    except AgentError as error:
        problem = str(error)
        raise
    finally:
        if not ended:
            with contextlib.suppress(StoreError):
                store.reflections.fail(reflection.id, problem)


def _job(bench: Bench, reflection: Reflection, left: float) -> Job:
    limits = replace(bench.limits, max_steps=bench.settings.max_steps, max_budget_usd=left)
    return Job(SYSTEM, reflection_tools(), limits, actor="reflection")


def _opening(bench: Bench, reflection: Reflection, wish: Wish, *, begun: bool) -> tuple[Text, ...]:
    asked = f"The person asks you to mind: {wish.instruction}" if wish.instruction else ""
    if begun:
        return (Text("\n\n".join(filter(None, (CUT_OFF, asked)))),)
    read = Text(transcripts(bench.store, reflection.slices), joined(_outside(bench, reflection)))
    return (read, Text(asked)) if asked else (read,)


def _close(bench: Bench, reflection: Reflection, event: RunFinished, wish: Wish) -> None:
    reflections = bench.store.reflections
    note = _ENDED.get(event.stop_reason)
    if event.stop_reason == "max_budget" and not event.steps:
        reflections.fail(reflection.id, _TOO_LITTLE.format(bench.settings.max_budget_usd))
    elif note is not None:
        wish.done.append(reflections.finish(reflection.id, note))
    else:
        interrupted = event.stop_reason == "cancelled"
        why = "It was interrupted." if interrupted else f"It ended with {event.stop_reason}."
        reflections.fail(reflection.id, event.error or why)


def _ended_before(runs: Sequence[Run]) -> str | None:
    """How the newest run came to its end, if it did."""
    stop = runs[-1].stop_reason if runs else None
    return None if stop is None else _ENDED.get(stop)


def _outside(bench: Bench, reflection: Reflection) -> tuple[str, ...]:
    """Where text from outside came from in what is read: a mark that a transcript must not lose."""
    read = bench.store.messages.outside
    found = [one for each in reflection.slices for one in read(each.conversation_id, each.last)]
    return tuple(dict.fromkeys(found))
