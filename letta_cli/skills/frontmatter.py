"""Reads the head of a SKILL.md: YAML between two lines of three dashes, leniently."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from letta_cli.core.errors import AgentError

MAX_BYTES = 512 * 1024

_HEAD = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_PAIR = re.compile(r"^([A-Za-z][\w-]*):[ \t]+(\S.*)$")


class SkillRefused(AgentError):
    """A skill cannot be used. ``str(error)`` names its file and says what is wrong."""

    code = "skill"


def read_skill_file(path: Path) -> tuple[Mapping[str, Any], str]:
    """The fields of the head, and the body after it.

    Raises:
        SkillRefused: unreadable, too large, no head, or a head that is no YAML.
    """
    try:
        if not path.is_file():
            raise SkillRefused(f"{path} is not a regular file.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SkillRefused(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > MAX_BYTES:
        raise SkillRefused(f"{path} is larger than {MAX_BYTES // 1024} KiB.")
    return parse_skill(data.decode("utf-8", "replace"), str(path))


def parse_skill(text: str, where: str) -> tuple[Mapping[str, Any], str]:
    """The fields of the head of a SKILL.md's text, and the body after it.

    Args:
        where: names the text in errors.

    Raises:
        SkillRefused: no head, or a head that is no YAML.
    """
    source = text.replace("\r\n", "\n")
    head = _HEAD.match(source)
    if head is None:
        raise SkillRefused(f"{where} does not begin with a head between two lines of ---.")
    return _fields(head[1], where), source[head.end() :].strip("\n")


def _fields(head: str, where: str) -> Mapping[str, Any]:
    import yaml

    try:
        parsed = yaml.safe_load(head)
    except yaml.YAMLError as first:
        # The common mistake: a description with a colon and no quotes around it.
        try:
            parsed = yaml.safe_load(_quoted(head))
        except yaml.YAMLError:
            problem = str(first).splitlines()[0]
            raise SkillRefused(f"The head of {where} is no valid YAML: {problem}.") from first
    if not isinstance(parsed, dict):
        raise SkillRefused(f"The head of {where} has no fields such as name and description.")
    return cast("Mapping[str, Any]", parsed)


def _quoted(head: str) -> str:
    lines: list[str] = []
    for line in head.splitlines():
        pair = _PAIR.match(line)
        if pair and pair[2][0] not in "\"'[{|>":
            value = pair[2].replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'{pair[1]}: "{value}"')
        else:
            lines.append(line)
    return "\n".join(lines)
