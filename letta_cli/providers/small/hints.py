"""One line after a result that says what comes next. Depends only on what stands before it."""

from collections.abc import Sequence

from letta_cli.providers.small.situation import Step
from letta_cli.providers.small.wish import Wish


def hint_after(steps: Sequence[Step], wish: Wish) -> str:
    """The hint for the newest of `steps`, made for `wish`; empty where nothing is to be said."""
    step = steps[-1]
    result = step.result
    if result is None:
        return ""
    if result.status == "denied":
        return "Not allowed. Do not try it again; respond to the person."
    if result.status in ("cancelled", "unknown"):
        return "It is not known what happened. Respond to the person."
    failed = result.status == "error"
    match step.call.name:
        case "Bash" if failed:
            return "The command failed. Next: change the code that is the cause."
        case "Bash":
            return "The command succeeded."
        case "Edit" | "Write" if failed:
            return "Nothing was changed. Next: try another way."
        case "Edit" | "Write":
            return "If the task is done, respond and say what you changed."
        case "memory_insert" if not failed:
            return "Stored. Next: respond."
        case "Skill" if not failed:
            return f"Next: do what these instructions say. {_task(wish)}"
        case "Grep" if "No matches" in result.content:
            return "If you know the answer, respond."
        case "Grep" | "Read" if not failed and not wish.change:
            return "If this answers the question, respond."
        case "Grep" | "Read" if not failed:
            return _task(wish)
        case _:
            return ""


TASK_CHARS = 400


def _task(wish: Wish) -> str:
    """The task once more: what a small model read last, it heeds most."""
    words = " ".join(wish.text.split())
    return f"The task: {words[:TASK_CHARS]}"
