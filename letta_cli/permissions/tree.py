"""Which commands change the files under everybody who works in the same working tree. Pure."""

import re
from collections.abc import Sequence

from letta_cli.permissions.syntax import parse
from letta_cli.permissions.words import NotUnderstood, Word
from letta_cli.permissions.wrappers import program, unwrapped_command

_MOVERS = frozenset(
    {"checkout", "switch", "stash", "rebase", "merge", "clean", "pull", "restore", "reset"}
)
_TAKES_VALUE = frozenset({"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path"})
_NO_HOME = "/"
_ROUGH = re.compile(
    r"\bgit\b[^;&|\n]{0,200}?\s(checkout|switch|stash|rebase|merge|clean|pull|restore"
    r"|reset\b[^;&|\n]{0,200}--(?:hard|merge|keep))(?![\w-])"
)


def tree_change(command: str) -> str | None:
    """The git command in `command` that changes the tree or its branch, such as ``git switch``.

    In doubt it finds one: the price is a question.
    """
    if "git" not in command:
        return None
    try:
        commands = parse(command, _NO_HOME).commands
    except NotUnderstood:
        found = _ROUGH.search(command)
        return f"git {found[1].split()[0]}" if found else None
    for simple in commands:
        for words in unwrapped_command(simple, _NO_HOME):
            if program(words) == "git" and (verb := _moves(words[1:])):
                return f"git {verb}"
    return None


def _moves(arguments: Sequence[Word]) -> str | None:
    values = [word.value or word.raw for word in arguments]
    while values and values[0].startswith("-"):
        values = values[2:] if values[0] in _TAKES_VALUE else values[1:]
    if not values or values[0] not in _MOVERS:
        return None
    verb, rest = values[0], values[1:]
    harmless = (
        (verb == "stash" and rest[:1] in (["list"], ["show"]))
        or (verb == "clean" and any(value in ("-n", "--dry-run") for value in rest))
        or (verb == "reset" and not {"--hard", "--merge", "--keep"}.intersection(rest))
    )
    return None if harmless else verb
