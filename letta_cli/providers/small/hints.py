"""One line after a result that says what comes next. Depends only on what stands before it."""

from collections.abc import Sequence

from letta_cli.providers.small.situation import Step


def hint_after(steps: Sequence[Step]) -> str:
    """The hint for the newest of `steps`; empty where there is nothing to say."""
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
            return "Next: follow these instructions now, step by step."
        case "Grep" if "No matches" in result.content:
            return "Next: try another pattern, or respond."
        case _:
            return ""
