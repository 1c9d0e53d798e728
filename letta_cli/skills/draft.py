"""Reads the draft of a SKILL.md that a model wrote, and says what is wrong with it.

What needs no store is checked here: head, sections, size, and nothing that looks like a secret.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from letta_cli.skills.discovery import is_name
from letta_cli.skills.frontmatter import SkillRefused, parse_skill

MAX_CHARACTERS = 20_000
MAX_DESCRIPTION = 500
SECTIONS = ("When to use", "Steps", "Pitfalls")

_CITATION = re.compile(r"\b(conv-[0-9a-f-]{8,}):(\d+)\b")
_FENCED = re.compile(r"\A\s*```[a-z]*\n(.*?)\n```\s*\Z", re.DOTALL)
_HEADING = re.compile(r"^#+[ \t]*(.+?)[ \t:]*$", re.MULTILINE)
_FIELD = re.compile(r"^(name|description):[ \t]*(.*)$")
_SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"\b(?:sk|pk|rk)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9_-]{16,}"),
    re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AKIA|ASIA|AIza)[A-Za-z0-9_-]{12,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+"),
    re.compile(r"://[^\s/:@]+:[^\s/@$<{]{3,}@"),
    re.compile(
        r"(?i)\b\w*(?:password|passwd|secret|api[_-]?key|token)\w*[\"']?\s*[:=]\s*[\"']?"
        r"(?=[^\s\"']*\d)[A-Za-z0-9+/_.-]{12,}"
    ),
)
"""Shapes of keys, tokens and passwords. A false alarm costs a rewording; a miss costs a secret."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole SKILL.md.

    Attributes:
        text: head and body, ending with a newline.
    """

    name: str
    description: str
    text: str


def assemble(answer: str, *, name: str = "") -> str:
    """A model's answer as the text of a SKILL.md: without a fence round it, with the head's lines.

    Args:
        name: takes the place of the name that the model gave.
    """
    fenced = _FENCED.match(answer)
    text = (fenced[1] if fenced else answer).strip()
    if text.startswith("---"):
        head, _, body = text.removeprefix("---").lstrip("\n").partition("\n---")
    else:
        start = next((m.start() for m in re.finditer(r"^#", text, re.MULTILINE)), len(text))
        head, body = text[:start], text[start:]
    found = filter(None, map(_FIELD.match, head.splitlines()))
    fields: dict[str, str] = {line[1]: line[2] for line in found}
    if name:
        fields["name"] = name
    lines = [f"{key}: {_quoted(value)}" for key, value in sorted(fields.items(), reverse=True)]
    return "\n".join(["---", *lines, "---", "", body.strip(), ""])


def read_draft(text: str) -> Draft:
    """The draft in `text`.

    Raises:
        SkillRefused: what is wrong with it, so that its writer can mend it.
    """
    if len(text) > MAX_CHARACTERS:
        raise SkillRefused(f"It has {len(text):,} characters; {MAX_CHARACTERS:,} are the most.")
    fields, body = parse_skill(text, "The draft")
    name = str(fields.get("name") or "")
    if not is_name(name):
        raise SkillRefused(f"name: {name!r} should be lower-case words joined by dashes.")
    description = " ".join(str(fields.get("description") or "").split())
    if not description or len(description) > MAX_DESCRIPTION:
        raise SkillRefused(
            f"description: one line of at most {MAX_DESCRIPTION} characters is needed; "
            "it says what the skill is for and when to use it."
        )
    missing = _missing(body)
    if missing:
        raise SkillRefused(f"There is nothing under: {', '.join(missing)}.")
    for pattern in _SECRETS:
        if found := pattern.search(text):
            raise SkillRefused(
                f"{found[0][:6]}… in line {text[: found.start()].count(chr(10)) + 1} looks like a "
                "secret. Name where it is kept instead."
            )
    return Draft(name, description, text)


def citations(text: str) -> Sequence[tuple[str, int]]:
    """The messages that a text names as ``conv-…:7``, each once: conversation and number."""
    return list(dict.fromkeys((id_, int(seq)) for id_, seq in _CITATION.findall(text)))


def _missing(body: str) -> list[str]:
    """The sections that have no text."""
    pieces = _HEADING.split(body)
    texts = {
        heading.strip().lower(): text
        for heading, text in zip(pieces[1::2], pieces[2::2], strict=True)
    }
    return [each for each in SECTIONS if not texts.get(each.lower(), "").strip()]


def _quoted(value: str) -> str:
    """A value that YAML reads as this text."""
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    if re.fullmatch(r"[\w][\w ,.()/-]*", value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
