"""Runs `agent reflect`: in front of a person, or in the background for a session."""

from math import ceil
from typing import Any, cast

from letta_cli.agent.own_work import Bench
from letta_cli.agent.reflection import Wish, reflect
from letta_cli.agent.reflection_news import SHORT_ID, changed_text
from letta_cli.app import open_bench, open_store_of
from letta_cli.cli.daily import mirror_later
from letta_cli.cli.event_loop import on_interrupt, run_async
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.output import clip, say, say_json, warn
from letta_cli.cli.reflect_view import cost_text, facts, lines_of, read_text
from letta_cli.cli.table import CHOICE, target
from letta_cli.config import Config, load_config
from letta_cli.core.counting import plural
from letta_cli.core.errors import AgentError, Busy
from letta_cli.core.event import (
    Event,
    MemoryChanged,
    Retrying,
    RunFinished,
    ToolCallReady,
    ToolReturned,
)
from letta_cli.core.exit_codes import OK
from letta_cli.core.reflection import Occasion
from letta_cli.frontends.sanitize import sanitize_line

NOTHING = "Nothing to reflect on: all conversations were read."


def run_reflection(
    *,
    words: str,
    flags: dict[str, Any],
    as_json: bool,
    agent: str | None,
    directory: str | None,
    background: bool,
    occasion: str,
) -> int:
    """Reflect; returns the exit code.

    Raises:
        AgentError: there could be no reflection. In the background it is written down instead.
    """
    config = load_config(cwd=working_directory(directory), flags=flags)
    wish = Wish(cast("Occasion", occasion), words)
    if background:
        return run_async(_quietly(config, agent, wish))
    return run_async(_in_front(config, agent, wish, as_json))


async def _in_front(config: Config, agent: str | None, wish: Wish, as_json: bool) -> int:
    if not _anything(config, agent):
        # No model is needed to say so.
        if as_json:
            say_json([])
        else:
            say(NOTHING)
        return OK
    config = await target(CHOICE)(config, agent, can_ask=False)
    bench = await open_bench(config, agent)
    on_interrupt(bench.inbox.cancel)
    finished: RunFinished | None = None
    async for event in reflect(bench, wish):
        if isinstance(event, RunFinished):
            finished = event
        elif not as_json:
            _tell(event)
    store = bench.store
    mirror_later(config, store)
    for each in wish.done:
        store.reflections.told(each.id)
    if as_json:
        say_json([facts(store, each) for each in wish.done])
    else:
        _sum_up(bench, wish)
    if finished is None:
        return OK
    failed = store.reflections.unfinished(bench.agent.id)
    if failed is not None:
        store.reflections.told(failed.id)
        warn(f"reflection failed: {failed.error} Nothing is lost; agent reflect goes on with it.")
        return finished.exit_code or 1
    return OK


def _anything(config: Config, agent_name: str | None) -> bool:
    store = open_store_of(config)
    try:
        agent = store.agents.find(agent_name) if agent_name else store.agents.current()
        reflections = store.reflections
        return bool(reflections.unread(agent.id) or reflections.unfinished(agent.id))
    finally:
        store.close()


def _tell(event: Event) -> None:
    match event:
        case Retrying():
            warn(f"{event.message.rstrip('.')}; trying again in {ceil(event.wait_seconds)} s")
        case MemoryChanged():
            pass
        case ToolCallReady():
            warn(sanitize_line(event.title))
        case ToolReturned() if event.result.status != "ok":
            warn(f"  that failed: {clip(event.result.content, 200)}")
        case _:
            pass


def _sum_up(bench: Bench, wish: Wish) -> None:
    store = bench.store
    for each in wish.done:
        for line in lines_of(store, each):
            say(line)
        cost = cost_text(store, each)
        ended = f"; {each.error}" if each.error else ""
        say(
            f"Read {read_text(each)}, changed {changed_text(store, each)}"
            f"{cost and f', {cost}'}{ended}."
        )
        if changed_text(store, each) != "nothing":
            say(f"Take it back with: agent reflect undo {each.id[:SHORT_ID]}")
    left = store.reflections.unread(bench.agent.id)
    if wish.done and left:
        messages = sum(each.last - each.first + 1 for each in left)
        of_them = f"{plural(messages, 'message')} of {plural(len(left), 'conversation')}"
        say(f"Still unread: {of_them}. Go on: agent reflect")


async def _quietly(config: Config, agent: str | None, wish: Wish) -> int:
    """Reflect without a terminal. What goes wrong stands in the store, for the next start."""
    try:
        bench = await open_bench(config, agent)
    except AgentError as error:
        store = open_store_of(config)
        chosen = store.agents.find(agent) if agent else store.agents.current()
        store.reflections.refused(chosen.id, wish.occasion, str(error))
        return error.exit_code
    try:
        async for _ in reflect(bench, wish):
            pass
        mirror_later(config, bench.store)
    except Busy:
        # Another process does what is to be done.
        return OK
    except AgentError as error:
        if bench.store.reflections.unfinished(bench.agent.id) is None:
            bench.store.reflections.refused(bench.agent.id, wish.occasion, str(error))
        return error.exit_code
    return OK
