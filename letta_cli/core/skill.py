"""A skill: a folder with a SKILL.md, known by name and description, read on demand."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

SkillSource = Literal["bundled", "user", "project"]


@dataclass(frozen=True, slots=True)
class Skill:
    """Attributes:
    path: the SKILL.md file; its folder is the skill's root.
    user_invocable: offered as ``/name``.
    model_invocable: listed in the catalogue.
    shadows: path of the skill of the same name that this one hides, if any.
    digest: of the folder's content when it was found; empty for the person's own skills.
    """

    name: str
    description: str
    path: Path
    source: SkillSource
    argument_hint: str = ""
    user_invocable: bool = True
    model_invocable: bool = True
    shadows: Path | None = None
    digest: str = ""


_SUGGESTED = re.compile(r'\AThe skill "([\w.-]+)" fits what was asked\.')


def suggestion(name: str) -> str:
    """What the model is told when a skill fits the person's words."""
    return (
        f'The skill "{name}" fits what was asked. Load it with the Skill tool first and follow it, '
        "unless you see that it is about something else."
    )


def suggested(notice: str) -> str:
    """The skill that a notice suggests; empty when it is about something else."""
    found = _SUGGESTED.match(notice)
    return found[1] if found else ""


DraftState = Literal["open", "accepted", "dropped"]


@dataclass(frozen=True, slots=True)
class SkillDraft:
    """A SKILL.md that the agent proposes and a person accepts or drops.

    Attributes:
        text: the whole file, with its head.
        conversation_id: the conversation that proposed it; it says from which turns.
        path: where it was accepted to, or empty.
        replaced: the text that the file had before it was accepted, or empty.
        untrusted: where text from outside came from that stood before whoever wrote it.
    """

    id: str
    agent_id: str
    name: str
    text: str
    conversation_id: str
    state: DraftState
    path: str
    replaced: str
    created_at: datetime
    untrusted: str = ""


SkillOutcome = Literal["worked", "failed", "unknown"]
"""How a run ended in which a skill was used; ``unknown`` when it was cut off or goes on still."""


@dataclass(frozen=True, slots=True)
class SkillScore:
    """How often a skill was used, once a run, and how those runs ended."""

    uses: int = 0
    worked: int = 0
    failed: int = 0
    last_used: datetime | None = None
