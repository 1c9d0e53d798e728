"""Plain text for scripts: the model's last text on stdout, all else on stderr."""

import re
from collections.abc import AsyncIterator
from math import ceil
from typing import TextIO

from letta_cli.core.errors import AgentError
from letta_cli.core.event import Compacted, Event, Notice, Retrying, ToolCallReady, ToolReturned
from letta_cli.frontends.outcome import Outcome, SessionFacts
from letta_cli.frontends.sanitize import sanitize, sanitize_line, write_text

_TOLD_KINDS = {"warning", "recovered", "radar", "outcome"}


async def render(events: AsyncIterator[Event], out: TextIO, err: TextIO) -> int:
    """Read a run to its end, print what it came to, and return the process's exit code.

    Only the last text goes to stdout, once, at the end. On a terminal, control sequences in it
    are taken out; into a file or pipe it goes as it is.
    """
    outcome = Outcome(SessionFacts(conversation_id="", agent_id="", model=""))
    titles: dict[str, str] = {}

    def tell(text: str) -> None:
        write_text(err, f"agent: {sanitize(text)}\n")
        err.flush()

    try:
        async for event in events:
            outcome.see(event)
            match event:
                case ToolCallReady():
                    titles[event.call.id] = event.title
                case ToolReturned() if event.result.status == "denied":
                    title = titles.get(event.result.call_id, event.result.name)
                    tell(f"denied: {sanitize_line(title)}: {_reason(event.result.content)}")
                case Retrying():
                    wait = f"trying again in {ceil(event.wait_seconds)} s"
                    tries = f"try {event.attempt} of {event.max_attempts}"
                    tell(f"{event.message.rstrip('.')}; {wait} ({tries})")
                case Compacted() if event.failure:
                    tell(f"the model could not summarise, an extract is used: {event.failure}")
                case Notice() if event.kind in _TOLD_KINDS:
                    tell(event.text)
                case _:
                    pass
    except AgentError as error:
        outcome.fail(error)
    outcome.close()
    if outcome.text:
        text = sanitize(outcome.text) if out.isatty() else outcome.text
        write_text(out, text if text.endswith("\n") else text + "\n")
        out.flush()
    if outcome.is_error and outcome.error:
        write_text(err, f"error: {sanitize(outcome.error)}\n")
        err.flush()
    return outcome.exit_code


def _reason(content: str) -> str:
    """The first sentence of a refusal; what follows is advice to the model."""
    first = re.split(r"(?<=[.!?])\s", content.strip(), maxsplit=1)[0]
    return first.removeprefix("Refused: ")
