"""A skill: a folder with a SKILL.md, known by name and description, read on demand."""

from dataclasses import dataclass
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
