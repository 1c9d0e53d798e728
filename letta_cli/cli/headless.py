"""Answers one prompt without a person: `agent run` and `agent chat -p`."""

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from letta_cli import __version__
from letta_cli.cli.background import index_later
from letta_cli.cli.daily import back_up_later, mirror_later, tidy_later
from letta_cli.cli.event_loop import run_async
from letta_cli.cli.invocation import Invocation
from letta_cli.cli.opening import open_invocation
from letta_cli.cli.output import warn
from letta_cli.cli.prompt import BadPrompt, read_prompt
from letta_cli.cli.signals import ending_signals
from letta_cli.cli.table import WORKTREE, target
from letta_cli.config import Config
from letta_cli.core.errors import AgentError, UsageError
from letta_cli.core.event import AssistantMessage, Event, RunFinished
from letta_cli.core.exit_codes import INTERRUPTED
from letta_cli.core.run import Usage
from letta_cli.frontends import json_result, stream_json, text
from letta_cli.frontends.json_result import SessionFacts
from letta_cli.session import Session

_INIT = "init"
_COMMAND = re.compile(r"/([a-z0-9][a-z0-9-]*)(?:\s+(.*))?", re.DOTALL)


def run_headless(invocation: Invocation) -> int:
    """Answer the prompt; returns the exit code.

    Raises:
        AgentError: there could be no run; `main` tells it, as a result object where asked to.
    """
    invocation.check()
    if invocation.resume == "":
        raise UsageError("-r needs words here, because nobody can be asked: -r ID, -r WORDS.")
    prompt = read_prompt(invocation.prompt or [])
    with _answer_file(invocation.output_last_message) as answer:
        if invocation.worktree is None:
            return run_async(_run(invocation.config(), invocation, prompt, answer))
        with target(WORKTREE)(invocation, interactive=False) as moved:
            return run_async(_run(moved.config(), moved, prompt, answer))


async def _run(config: Config, invocation: Invocation, prompt: str, answer: TextIO | None) -> int:
    for line in config.warnings:
        warn(line)
    session, _ = await open_invocation(invocation, config, interactive=False)
    try:
        for line in session.warnings:
            if line not in config.warnings:
                warn(line)
        signals = _Signals(session)
        last = _LastMessage(_events(session, prompt))
        code = await _render(invocation, signals.marked(last.events()), session)
        if answer is not None:
            with contextlib.suppress(OSError):  # A device or a pipe has no length.
                answer.truncate(0)
            answer.write(last.text + "\n")
        return code
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(session.aclose(), 2.0)
        back_up_later(config.database_url, session.store)
        index_later(config, session.store)
        mirror_later(config, session.store)
        tidy_later(config)


def _events(session: Session, prompt: str) -> AsyncIterator[Event]:
    """The run that answers `prompt`; ``/name arguments`` invokes that skill, ``/init`` learns
    the project.

    Raises:
        BadPrompt: it reads like a command, and there is no such skill.
    """
    command = _COMMAND.fullmatch(prompt)
    if command is None or Path(f"/{command[1]}").exists():
        return session.send(prompt)
    if command[1] == _INIT:
        return session.initialise(command[2] or "")
    names = [skill.name for skill in session.skills if skill.user_invocable]
    if command[1] not in names:
        raise BadPrompt(
            f"There is no skill /{command[1]}. Skills here: {', '.join(names) or 'none'}. "
            f"Of the commands of agent chat only /{_INIT} works here."
        )
    return session.invoke_skill(command[1], command[2] or "")


async def _render(invocation: Invocation, events: AsyncIterator[Event], session: Session) -> int:
    match invocation.output_format:
        case "json":
            return await json_result.render(events, sys.stdout, await facts_of(session))
        case "stream-json":
            return await stream_json.render(
                events,
                sys.stdout,
                await facts_of(session),
                include_partial_messages=invocation.include_partial_messages,
            )
        case _:
            return await text.render(events, sys.stdout, sys.stderr)


async def facts_of(session: Session) -> SessionFacts:
    """What the JSON outputs say about the session, once its model is loaded."""
    return SessionFacts(
        conversation_id=session.conversation.id,
        agent_id=session.agent.id,
        agent_name=session.agent.name,
        model=session.model,
        cwd=str(session.workspace.cwd),
        permission_mode=session.mode,
        tools=await session.tool_names(),
        skills=tuple(skill.name for skill in session.skills),
        slash_commands=(
            _INIT,
            *(skill.name for skill in session.skills if skill.user_invocable),
        ),
        version=__version__,
        warnings=session.warnings,
    )


class _LastMessage:
    """Passes events on and keeps the last text of the model."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self.text = ""

    async def events(self) -> AsyncIterator[Event]:
        async for event in self._events:
            if isinstance(event, AssistantMessage | RunFinished) and event.text:
                self.text = event.text
            yield event


class _Signals:
    """Turns the first Ctrl-C, SIGTERM or SIGHUP into a cancelled run that keeps the work so far."""

    def __init__(self, session: Session) -> None:
        self.code = 0
        loop = asyncio.get_running_loop()

        def stop(number: int, code: int) -> None:
            self.code = code
            # The second one ends the process at once.
            loop.remove_signal_handler(number)
            session.cancel()

        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(signal.SIGINT, stop, signal.SIGINT, INTERRUPTED)
            for number, code in ending_signals().items():
                loop.add_signal_handler(number, stop, number, code)

    async def marked(self, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
        """`events`; the last one names the exit code that the process will have."""
        try:
            async for event in events:
                if isinstance(event, RunFinished) and self.code:
                    event = replace(event, exit_code=self.code)
                yield event
        except AgentError as error:
            if not self.code:
                raise
            yield RunFinished(
                stop_reason="cancelled",
                text="",
                usage=Usage(),
                steps=0,
                error=str(error),
                error_code=error.code,
                exit_code=self.code,
            )


def _answer_file(name: str | None) -> AbstractContextManager[TextIO | None]:
    """The file of ``--output-last-message``, opened before the run: afterwards is too late to
    say that it cannot be written. What stands in it stays until there is an answer.

    Raises:
        UsageError: it cannot be written.
    """
    if name is None:
        return contextlib.nullcontext()
    try:
        return Path(name).open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{name}: the answer cannot be written: {error.strerror}.") from error
