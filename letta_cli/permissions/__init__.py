"""Judges tool calls: allowed, refused, or a question for the person. Pure; no I/O but paths."""

from letta_cli.permissions.decide import decide
from letta_cli.permissions.rules import parse_rule, unmatched_rules
from letta_cli.permissions.tree import tree_change

__all__ = ["decide", "parse_rule", "tree_change", "unmatched_rules"]
