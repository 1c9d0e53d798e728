"""One line after a result that says what comes next. Depends only on what stands before it."""

import re
from collections.abc import Mapping, Sequence

from letta_cli.providers.small.situation import Step, instructions_in, is_reverse
from letta_cli.providers.small.syntax import undefined
from letta_cli.providers.small.wish import Wish


def hint_after(steps: Sequence[Step], wish: Wish, files: Mapping[str, str]) -> str:
    """The hint for the newest of `steps`; empty where nothing is to be said.

    Args:
        wish: what the steps are made for.
        files: the texts of files as they are known after the newest step.
    """
    step = steps[-1]
    result = step.result
    if any(is_reverse(step, earlier) for earlier in steps[:-1]):
        return "The last change did not help and was taken back. The cause is another line."
    if result is None:
        return ""
    if result.status == "denied":
        return "Not allowed. Do not try it again; respond to the person."
    if result.status in ("cancelled", "unknown"):
        return "It is not known what happened. Respond to the person."
    failed = result.status == "error"
    match step.call.name:
        case "Bash" if failed:
            return (
                f"The command failed. Next: change the code that is the cause.{_undefined(files)}"
            )
        case "Bash":
            return "The command succeeded."
        case "Edit" | "Write" if failed:
            return "Nothing was changed. Next: try another way."
        case "Edit" | "Write":
            return "If the task is done, respond and say what you changed."
        case "memory_insert" if not failed:
            return "Stored. Next: respond."
        case "Skill" if not failed:
            return f"Next: do what these instructions say. {_rule(steps)}{_task(wish)}"
        case "Grep" if "No matches" in result.content:
            return "If you know the answer, respond."
        case "Grep" | "Read" if not failed and not wish.change:
            return "If this answers the question, respond."
        case "Grep" | "Read" if not failed:
            form = _form(steps)
            return f"{_task(wish)}{form}" if form else f"{_rule(steps)}{_task(wish)}"
        case _:
            return ""


def _form(steps: Sequence[Step]) -> str:
    """The form that a loaded skill shows, as it stands in its code blocks."""
    for step in reversed(steps):
        if step.call.name == "Skill" and step.ok and step.result is not None:
            shown = _BLOCK.findall(step.result.content)
            lines = [line.strip() for fenced, indented in shown for line in (fenced, indented)]
            kept = " / ".join(line for line in lines if line)[:FORM_CHARS]
            return f" Write it in the form that the skill shows: {kept}" if kept else ""
    return ""


def _rule(steps: Sequence[Step]) -> str:
    """The steps that a loaded skill lists, once more, where they are few."""
    found = _STEPS.search(instructions_in(steps))
    text = " ".join(_CITED.sub("", found[1]).split()) if found else ""
    return f"Keep to this: {text} Likewise now. " if 0 < len(text) <= RULE_CHARS else ""


_STEPS = re.compile(r"^## Steps\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_CITED = re.compile(r"\(conv-[0-9a-f-]+:\d+\)")


# A fenced block, or a line indented as Markdown indents code.
_BLOCK = re.compile(r"^```\w*\n((?:.|\n)*?)^```|^(?: {4}|\t)(.*)$", re.MULTILINE)


def _undefined(files: Mapping[str, str]) -> str:
    """Names that no import or definition gives a meaning: seen at once by a program."""
    for path, text in files.items():
        if names := undefined(path, text):
            return f" In {path}, {', '.join(sorted(names))} is neither imported nor defined."
    return ""


TASK_CHARS = 400
FORM_CHARS = 200
RULE_CHARS = 700


def _task(wish: Wish) -> str:
    """The task once more: what a small model read last, it heeds most."""
    words = " ".join(wish.text.split())
    return f"The task: {words[:TASK_CHARS]}"
