"""Finds skills (folders with a SKILL.md), lists them for the model, and reads one when asked."""

from letta_cli.skills.body import load_body
from letta_cli.skills.catalogue import catalogue
from letta_cli.skills.discovery import bundled_root, discover, discover_with_warnings
from letta_cli.skills.frontmatter import SkillRefused

__all__ = [
    "SkillRefused",
    "bundled_root",
    "catalogue",
    "discover",
    "discover_with_warnings",
    "load_body",
]
