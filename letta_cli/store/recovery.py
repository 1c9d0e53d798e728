"""What is said of work that a dead process left open. Pure: rows in, parts and sentences out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from letta_cli.core.message import ToolReturn, part_from_dict
from letta_cli.core.run import CallState


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call whose return is not in the thread yet, as the journal has it."""

    call_id: str
    name: str
    state: CallState
    pgid: int | None
    result: str | None


def settle(call: OpenCall) -> ToolReturn:
    """The one return of a call that nobody will finish.

    A result that was kept counts. What was running is unknown and is never run again by itself;
    what had not begun was not run.
    """
    if call.result is not None:
        data: dict[str, Any] = json.loads(call.result)
        kept = part_from_dict(data)
        assert isinstance(kept, ToolReturn)
        return kept
    if call.state == "running":
        group = f" Its process group was {call.pgid}." if call.pgid is not None else ""
        return ToolReturn(
            call.call_id,
            call.name,
            "unknown",
            "The program stopped while this was running. Whether it took effect is not known."
            f"{group} Look at the present state before you repeat it.",
        )
    return ToolReturn(
        call.call_id,
        call.name,
        "cancelled",
        "This was not run: the program stopped before it began. Call it again if it is needed.",
    )


def describe(
    returns: Sequence[ToolReturn], states: Sequence[CallState], *, kept_text: bool, answered: bool
) -> tuple[str, str]:
    """What happened to an unfinished run: a text for the model, a line for the person."""
    facts: list[str] = []
    if kept_text:
        facts.append("the answer was cut off, what had arrived is kept")
    elif not returns and not answered:
        facts.append("the model had not answered yet")
    elif not returns:
        facts.append("the work had not been completed")
    named = list(zip(returns, states, strict=True))
    for wanted, sentence in (
        ("done", "had finished, and the result is kept"),
        ("running", "was running, and its outcome is unknown; it was not run again"),
        ("pending", "was not run"),
    ):
        names = [each.name for each, state in named if _kind(state) == wanted]
        if names:
            facts.append(f"{', '.join(names)} {sentence}")
    story = "; ".join(facts)
    notice = (
        "The program stopped in the middle of the previous run, which is over now: "
        f"{story}. Do not assume that anything after this point of it was done."
    )
    return notice, f"The last run was cut short and has been settled: {story}."


def _kind(state: CallState) -> CallState:
    return "pending" if state == "approved" else state
