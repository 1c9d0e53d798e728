"""Whether a run in which a skill was used came to a good end."""

from collections.abc import Sequence

from letta_cli.core.message import Message, ToolReturn
from letta_cli.core.run import StopReason
from letta_cli.core.skill import SkillOutcome

_COMMANDS = frozenset({"Bash", "run_code"})


def judge(messages: Sequence[Message], run_id: str, stop: StopReason) -> SkillOutcome:
    """It worked when it ended by itself and the last command that it ran did not fail.

    What the person interrupted says nothing of the skill.
    """
    if stop == "cancelled":
        return "unknown"
    if stop != "end_turn":
        return "failed"
    for message in reversed(messages):
        if message.run_id != run_id:
            continue
        for part in reversed(message.parts):
            if isinstance(part, ToolReturn) and part.name in _COMMANDS:
                return "worked" if part.status == "ok" else "failed"
    return "worked"
