"""Finds skills (folders with a SKILL.md), lists them for the model, and reads one when asked."""

from letta_cli.skills.body import body_of, load_body
from letta_cli.skills.catalogue import catalogue
from letta_cli.skills.discovery import (
    bundled_root,
    discover,
    discover_with_warnings,
    skill_places,
)
from letta_cli.skills.draft import Draft, assemble, citations, read_draft
from letta_cli.skills.frontmatter import SkillRefused

__all__ = [
    "Draft",
    "SkillRefused",
    "assemble",
    "body_of",
    "bundled_root",
    "catalogue",
    "citations",
    "discover",
    "discover_with_warnings",
    "load_body",
    "read_draft",
    "skill_places",
]
