"""The text of a skill as the model gets it: arguments filled in, resources listed."""

import os
import re
import shlex
from collections.abc import Iterable
from html import escape
from itertools import islice
from pathlib import Path

from letta_cli.core.errors import NotFound
from letta_cli.core.skill import Skill
from letta_cli.skills.digest import digest_of
from letta_cli.skills.frontmatter import SkillRefused, read_skill_file

MAX_RESOURCES = 40
_LOOK_AT = 1_000
_PLACE = re.compile(
    r"\$ARGUMENTS\[(\d+)\]|(\$ARGUMENTS)\b|\$(\d)\b|\$\{(SKILL_DIR|CLAUDE_SKILL_DIR)\}"
)


_LABELLED = re.compile(r"^[^\n$]*:[ \t]*\$ARGUMENTS[ \t]*(?:\n|\Z)", re.MULTILINE)
"""A line such as ``Topic: $ARGUMENTS``, which says nothing when there are none."""


def load_body(skill: Skill, arguments: str = "") -> str:
    """The skill's instructions in a ``<skill_content>`` element, ready for the model.

    Raises:
        SkillRefused: the file is gone or no longer readable, or the folder is not any more what
            was trusted.
    """
    if skill.digest and digest_of(skill.path.parent)[0] != skill.digest:
        raise SkillRefused(
            f"The skill {skill.name} in {skill.path.parent} changed since it was trusted, so it "
            "is not used. The person can look at it and decide with: agent trust"
        )
    _, body = read_skill_file(skill.path)
    if not arguments.strip():
        body = _LABELLED.sub("", body)
    folder = skill.path.parent
    filled, used = _fill(body, arguments, folder)
    if arguments.strip() and not used:
        filled += f"\n\nArguments: {arguments.strip()}"
    resources = _resources(folder)
    listed = f"\n\nFiles of this skill: {', '.join(resources)}" if resources else ""
    opening = f'<skill_content name="{skill.name}" dir="{escape(str(folder))}">'
    return f"{opening}\n{filled.strip()}{listed}\n</skill_content>"


def body_of(skills: Iterable[Skill], name: str, arguments: str) -> str:
    """`load_body` of the skill of this name.

    Raises:
        NotFound: there is none.
        SkillRefused: as `load_body`.
    """
    known = {skill.name: skill for skill in skills}
    if name not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise NotFound(f"There is no skill {name!r}. Skills here: {listed}.")
    return load_body(known[name], arguments)


def _fill(body: str, arguments: str, folder: Path) -> tuple[str, bool]:
    """The body with its places filled, and whether it had a place for arguments."""
    words = _words(arguments)
    used = False

    def fill(place: "re.Match[str]") -> str:
        nonlocal used
        if place[4]:
            return str(folder)
        used = True
        if place[2]:
            return arguments.strip()
        index = int(place[1] or place[3])
        return words[index] if index < len(words) else ""

    # One pass: what an argument contains is never filled again.
    return _PLACE.sub(fill, body), used


def _words(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError:
        return arguments.split()


def _resources(folder: Path) -> list[str]:
    found: list[str] = []
    for base, folders, files in islice(os.walk(folder), _LOOK_AT):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            relative = str((Path(base) / name).relative_to(folder))
            if relative != "SKILL.md" and not name.startswith("."):
                found.append(relative)
                if len(found) >= MAX_RESOURCES:
                    return [*found, "…"]
    return found
