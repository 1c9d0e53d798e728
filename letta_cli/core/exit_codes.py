"""What the process says when it ends. The README lists them; scripts rely on them."""

from letta_cli.core.run import StopReason

OK = 0
FAILED = 1
USAGE = 2
BAD_INPUT = 42
"""The prompt is empty or cannot be read."""
MAX_STEPS = 53
MAX_BUDGET = 54
DENIED = 55
"""A tool call was refused because nobody could be asked, or by a rule."""
TRY_LATER = 75
"""Rate limit, overload, network, or a conversation that is in use (EX_TEMPFAIL)."""
HUNG_UP = 129
INTERRUPTED = 130
TERMINATED = 143

_OF_STOP_REASON: dict[StopReason, int] = {
    "end_turn": OK,
    "max_steps": MAX_STEPS,
    "max_budget": MAX_BUDGET,
    "max_tokens": FAILED,
    "cancelled": INTERRUPTED,
    "requires_approval": DENIED,
    "refusal": FAILED,
    "error": FAILED,
}


def of_run(stop_reason: StopReason, *, denied: bool, nothing_done: bool) -> int:
    """The exit code of a run that ended without an `AgentError`.

    Args:
        denied: at least one call was refused without a person's word.
        nothing_done: neither text nor a tool call came of it; never a success.
    """
    code = _OF_STOP_REASON[stop_reason]
    if code != OK:
        return code
    if denied:
        return DENIED
    return FAILED if nothing_done else OK
