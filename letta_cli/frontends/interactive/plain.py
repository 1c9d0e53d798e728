"""The chat for terminals that can only print: no colours, no cursor movement, line by line."""

import asyncio
from collections.abc import AsyncIterator
from typing import TextIO

from letta_cli.core.errors import AgentError
from letta_cli.core.event import (
    ApprovalRequested,
    AssistantMessage,
    CaughtUp,
    Event,
    Notice,
    Retrying,
    RunFinished,
    ToolCallReady,
    ToolReturned,
)
from letta_cli.core.permission import Answer
from letta_cli.frontends.interactive.commands import find_skill
from letta_cli.frontends.interactive.door import ChatSession
from letta_cli.frontends.interactive.presence import open_elsewhere
from letta_cli.frontends.interactive.stop_signals import stopping_on_signals
from letta_cli.frontends.outcome import explain
from letta_cli.frontends.sanitize import sanitize, sanitize_line, write_text

_LEAVING = {"/exit", "/quit", "/q"}
_RESULT_LINES = 5


async def run_plain(
    session: ChatSession, source: TextIO, out: TextIO, first_prompt: str | None = None
) -> int:
    """Talk until the input ends or the person types ``/exit``."""
    talk = _Plain(session, source, out)
    talk.say(f"agent, {session.model}. /new opens a fresh conversation, /exit leaves.")
    for note in session.notes:
        talk.say(note)
    for note in (*session.recover(), *open_elsewhere(session)):
        talk.say(note)
    line = first_prompt
    while True:
        if line is None:
            line = await talk.ask("\n> ")
        if line is None or line.strip() in _LEAVING:
            break
        try:
            await talk.take(line.strip())
        except AgentError as error:
            talk.say(f"error: {error}")
        line = None
    if session.conversation.head:
        talk.say(f"to go on here later: agent chat -r {session.conversation.id}")
    return 0


class _Plain:
    def __init__(self, session: ChatSession, source: TextIO, out: TextIO) -> None:
        self._session = session
        self._source = source
        self._out = out
        self._titles: dict[str, str] = {}

    def say(self, text: str, end: str = "\n", *, whole: bool = False) -> None:
        write_text(self._out, sanitize(text, whole=whole) + end)
        self._out.flush()

    async def ask(self, prompt: str) -> str | None:
        self.say(prompt, end="")
        # Waited for in the event loop, not in a thread: a thread in readline outlives Ctrl-C.
        readable = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._source.fileno(), readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._source.fileno())
        line = self._source.readline()
        return line.rstrip("\n") if line else None

    async def take(self, line: str) -> None:
        session = self._session
        if not line:
            return
        name, _, argument = line[1:].partition(" ")
        if line == "/new":
            await session.new()
            self.say("a fresh conversation")
        elif line.startswith("!"):
            await self._play(session.shell(line[1:].strip()))
        elif line.startswith("/") and (skill := find_skill(session, name)) is not None:
            await self._play(session.invoke_skill(skill, argument))
        else:
            await self._play(session.send(line))

    async def _play(self, events: AsyncIterator[Event]) -> None:
        """Show a run; Ctrl-C interrupts it and keeps what was done."""
        with stopping_on_signals(lambda _code: self._session.cancel()):
            await self._show(events)

    async def _show(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            match event:
                case AssistantMessage() if event.text.strip():
                    self.say("\n" + event.text.strip())
                case CaughtUp():
                    self._caught_up(event)
                case ToolCallReady():
                    self._titles[event.call.id] = event.title
                case ApprovalRequested():
                    await self._approve(event)
                case ToolReturned():
                    self._returned(event)
                case Notice() | Retrying():
                    text = event.text if isinstance(event, Notice) else event.message
                    self.say(f"  ({sanitize_line(text)})")
                case RunFinished() if event.stop_reason != "end_turn":
                    self.say(event.error or explain(event, nothing_done=False))
                case _:
                    pass

    def _caught_up(self, event: CaughtUp) -> None:
        self.say("\nMeanwhile, in another terminal on this conversation:")
        for message in event.messages:
            if message.role == "user":
                self.say(f"> {message.words.strip()}")
            elif message.role == "assistant" and message.text.strip():
                self.say(message.text.strip())

    def _returned(self, event: ToolReturned) -> None:
        title = self._titles.get(event.result.call_id, event.result.name)
        self.say(f"\n* {sanitize_line(title)}: {event.result.status}")
        lines = sanitize(event.result.content).strip().split("\n")
        for line in lines[:_RESULT_LINES]:
            self.say(f"  | {line}")
        if len(lines) > _RESULT_LINES:
            self.say(f"  | ... +{len(lines) - _RESULT_LINES} lines")

    async def _approve(self, event: ApprovalRequested) -> None:
        preview = event.preview or {}
        self.say(f"\nApproval: {sanitize_line(event.title)}\n  {event.decision.reason}")
        shown = preview.get("diff") or preview.get("text")
        if isinstance(shown, str):
            self.say(shown, whole=True)
        said = await self.ask("Allow it? y for yes, n for no, or say why not: ")
        word = (said or "").strip()
        if word.lower() in {"y", "yes", "1"}:
            self._session.answer(event.request_id, Answer(allow=True))
        else:
            reason = "" if word.lower() in {"", "n", "no"} else word
            self._session.answer(event.request_id, Answer(allow=False, message=reason))
