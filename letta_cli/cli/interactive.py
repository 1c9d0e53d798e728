"""Opens the conversation that `agent chat` asks for and hands it to the terminal's frontend."""

import asyncio
import contextlib
import dataclasses
import sys

from letta_cli.app import open_store_of
from letta_cli.cli.background import index_later
from letta_cli.cli.daily import back_up_later, mirror_later, tidy_later
from letta_cli.cli.event_loop import run_async
from letta_cli.cli.invocation import Invocation
from letta_cli.cli.opening import open_invocation
from letta_cli.cli.output import age, clip, say
from letta_cli.cli.table import TRUST, WORKTREE, target
from letta_cli.config import Config
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.exit_codes import OK
from letta_cli.frontends.interactive import run_interactive

CHOICES = 15


def run_in_terminal(invocation: Invocation) -> int:
    """Talk until the person leaves; returns the exit code.

    Raises:
        UsageError: there is no terminal to talk in.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "agent chat needs a terminal. In a script write: agent run PROMPT, "
            "or agent chat -p PROMPT."
        )
    invocation.check()
    if invocation.worktree is not None:
        with target(WORKTREE)(invocation, interactive=True) as moved:
            return _open(moved)
    return _open(invocation)


def _open(invocation: Invocation) -> int:
    config = invocation.config()
    invocation = dataclasses.replace(invocation, directory=None)  # Now that we are there.
    if not target(TRUST)(config):
        return OK
    config = invocation.config()
    if invocation.resume == "":
        chosen = _pick(config, invocation.agent)
        invocation = dataclasses.replace(invocation, resume=None, conversation=chosen)
    return run_async(_talk(config, invocation))


async def _talk(config: Config, invocation: Invocation) -> int:
    session, config = await open_invocation(invocation, config, interactive=True)
    try:
        return await run_interactive(
            session, config=config, first_prompt=" ".join(invocation.prompt or ()) or None
        )
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(session.aclose(), 2.0)
        back_up_later(config.database_url, session.store)
        index_later(config, session.store)
        mirror_later(config, session.store)
        tidy_later(config)


def _pick(config: Config, agent_name: str | None) -> str:
    """Let the person choose among the agent's newest conversations; returns the id."""
    store = open_store_of(config)
    try:
        agent = store.agents.find(agent_name) if agent_name else store.agents.current()
        found = store.conversations.list(agent.id, limit=CHOICES)
        here = str(config.cwd)
        found.sort(key=lambda conversation: conversation.cwd != here)
    finally:
        store.close()
    if not found:
        raise NotFound("There is no conversation yet to resume. Start one with: agent chat")
    for number, conversation in enumerate(found, start=1):
        place = "" if conversation.cwd == here else f"  {conversation.cwd}"
        title = clip(conversation.title or "(no title)", 60)
        say(f"{number:3}) {title}  {age(conversation.updated_at)}{place}")
    answer = input("Which one? ").strip()
    if not answer.isdigit() or not 1 <= int(answer) <= len(found):
        raise UsageError(f"{answer!r} is none of 1 to {len(found)}.")
    return found[int(answer) - 1].id
