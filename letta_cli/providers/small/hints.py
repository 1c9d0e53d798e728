"""One line after a result that says what comes next. Depends only on what stands before it."""

import ast
import json
import tomllib
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
            return "The command failed. Next: change the file that causes it, not the test."
        case "Bash":
            return "The command succeeded."
        case "Edit" | "Write" if failed:
            return "Nothing was changed. Next: try another way."
        case "Edit" | "Write":
            return "Next: the rest of the task, or respond when nothing is left."
        case "memory_insert" if not failed:
            return "Stored. Next: respond."
        case "Skill" if not failed:
            return "Next: follow these instructions now, step by step."
        case "Grep" if "No matches" in result.content:
            return "Next: try another pattern, or respond."
        case _:
            return ""


def broken_syntax(path: str, text: str) -> str:
    """Why `text` cannot be what the file's name says it is; empty when nothing is wrong."""
    try:
        if path.endswith(".py"):
            ast.parse(text)
        elif path.endswith(".json"):
            json.loads(text)
        elif path.endswith(".toml"):
            tomllib.loads(text)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except ValueError as error:
        return str(error)
    return ""


