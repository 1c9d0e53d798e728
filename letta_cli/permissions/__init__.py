"""Judges tool calls: allowed, refused, or a question for the person. Pure; no I/O but paths.

`decide` judges a call of any tool. `decide_shell` and `decide_path` judge a command and a path with
nothing but their arguments, so that everybody can try them with cases of their own::

    from letta_cli.permissions import decide_path, decide_shell

    decide_shell("git log --output=x", {"allow": ["Bash(git log:*)"]}, "/src/repo").verdict  # ask
    decide_path("../notes.md", "edit", {"deny": ["Edit(../**)"]}, ["/src/repo"]).verdict  # deny

The `Decision` says ``allow``, ``ask`` or ``deny``, why, and by which rule.
"""

from letta_cli.permissions.check import call_of, check_examples, dead_rules
from letta_cli.permissions.decide import decide, decide_path, decide_shell, unreadable
from letta_cli.permissions.held import HeldBack, held_back
from letta_cli.permissions.rules import anchored, parse_rule
from letta_cli.permissions.tree import tree_change

__all__ = [
    "HeldBack",
    "anchored",
    "call_of",
    "check_examples",
    "dead_rules",
    "decide",
    "decide_path",
    "decide_shell",
    "held_back",
    "parse_rule",
    "tree_change",
    "unreadable",
]
