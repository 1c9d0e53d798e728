"""Takes back a change that did not help: what failed before it fails after it just the same.

Left to itself a small model heaps one guess on the other. So each guess is tried on the text as it
was, and after a few of them the person is told what still fails.
"""

import re

from letta_cli.core.ids import new_id
from letta_cli.core.message import ToolCall
from letta_cli.providers.small.situation import Situation, Step, is_reverse

GUESSES = 4
"""Changes that did not help after which the model does not try another."""

_COUNT = re.compile(r"\b(\d+) (?:failed|errors?)\b")
_ERROR = re.compile(r"^(?:E\s+)?(\w*(?:Error|Exception)\b.*)$", re.MULTILINE)


def undo_useless_change(situation: Situation) -> ToolCall | None:
    """The edit that takes the last change back when the last command shows that it was no use."""
    steps = situation.steps
    if len(steps) < 3 or not _failed(steps[-1]):
        return None
    last = steps[-1]
    between = [step for step in situation.changes if step.call.name == "Edit"]
    if not between or situation.since_change() != (last,):
        return None
    change = between[-1]
    before = [step for step in steps[: steps.index(change)] if _failed(step)]
    if not before or before[-1].call != _same_command(before[-1], last):
        return None
    if _is_better(_output(before[-1]), _output(last)):
        return None
    arguments = change.call.arguments
    if arguments.get("replace_all") or not arguments.get("new_string"):
        return None
    return ToolCall(
        new_id("call"),
        "Edit",
        {
            "file_path": arguments["file_path"],
            "old_string": arguments["new_string"],
            "new_string": arguments["old_string"],
        },
    )


def outcome_in_words(situation: Situation) -> str:
    """What to tell the person when all guesses are used up; empty while they are not."""
    undone = [
        step
        for number, step in enumerate(situation.steps)
        if any(is_reverse(step, earlier) for earlier in situation.steps[:number])
    ]
    if len(undone) < GUESSES:
        return ""
    failed = [step for step in situation.steps if _failed(step)]
    if not failed:
        return ""
    command = failed[-1].call.arguments.get("command", "")
    lines = [line for line in _output(failed[0]).splitlines() if line.strip()]
    told = _ERROR.findall(_output(failed[0])) or [line for line in lines if "Exit code" not in line]
    return (
        f"I did not find the cause. `{command}` still fails: {told[-1].strip() if told else '?'}. "
        f"I tried {len(undone)} changes; none helped, and I took them back."
    )


def _failed(step: Step) -> bool:
    return step.call.name == "Bash" and step.result is not None and step.result.status == "error"


def _same_command(one: Step, other: Step) -> ToolCall | None:
    """The call of `one` when `other` ran the same command."""
    same = one.call.arguments.get("command") == other.call.arguments.get("command")
    return one.call if same else None


def _output(step: Step) -> str:
    return step.result.content if step.result is not None else ""


def _is_better(before: str, after: str) -> bool:
    """Fewer failures, or another error than before."""
    counts = [sum(int(number) for number in _COUNT.findall(text)) for text in (before, after)]
    if all(counts):
        return counts[1] < counts[0]
    return _ERROR.findall(before)[-1:] != _ERROR.findall(after)[-1:]
