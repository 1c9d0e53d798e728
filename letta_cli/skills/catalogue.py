"""The list of skills in the prompt: name and description, shortened evenly to fit."""

from collections.abc import Sequence

from letta_cli.core.skill import Skill

_LEAST = 24
"""Characters of a description below which it says nothing."""


def catalogue(skills: Sequence[Skill], max_chars: int) -> str:
    """One line for each skill that the model may load, in at most `max_chars` characters.

    All descriptions are cut at the same, widest length that fits; when even names alone are too
    many, the last ones are left out and counted. Empty when there is nothing to list.
    """
    listed = [skill for skill in skills if skill.model_invocable]
    if not listed:
        return ""
    longest = max(len(skill.description) for skill in listed)
    if (text := _lines(listed, longest)) and len(text) <= max_chars:
        return text
    low, high = 0, longest
    while low < high:
        middle = (low + high + 1) // 2
        if len(_lines(listed, middle)) <= max_chars:
            low = middle
        else:
            high = middle - 1
    if low >= _LEAST:
        return _lines(listed, low)
    return _names(listed, max_chars)


def _lines(skills: Sequence[Skill], width: int) -> str:
    return "\n".join(f"- {skill.name}: {_cut(skill.description, width)}" for skill in skills)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)].rstrip() + "…"


def _names(skills: Sequence[Skill], max_chars: int) -> str:
    names = [skill.name for skill in skills]
    for count in range(len(names), 0, -1):
        rest = f" … and {len(names) - count} more" if count < len(names) else ""
        text = "Skills: " + ", ".join(names[:count]) + rest
        if len(text) <= max_chars:
            return text
    return ""
