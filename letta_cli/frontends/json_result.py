"""``--output-format json``: exactly one JSON object on stdout, for success and failure alike."""

import json
from collections.abc import AsyncIterator
from typing import Any, TextIO

from letta_cli.core.errors import AgentError
from letta_cli.core.event import Event
from letta_cli.frontends.outcome import Outcome, SessionFacts, error_result

__all__ = ["SessionFacts", "error_result", "render", "write"]


async def render(events: AsyncIterator[Event], out: TextIO, facts: SessionFacts) -> int:
    """Read a run to its end, print the result object, and return the process's exit code."""
    outcome = Outcome(facts)
    try:
        async for event in events:
            outcome.see(event)
    except AgentError as error:
        outcome.fail(error)
    outcome.close()
    write(out, outcome.result())
    return outcome.exit_code


def write(out: TextIO, result: dict[str, Any]) -> None:
    """Print one object on one line, in ASCII: valid in every encoding and for every parser."""
    out.write(json.dumps(result) + "\n")
    out.flush()
