"""What a command may run that cannot be seen in it: a program whose name is known only when it
runs, and one that a program we do not know may start.

Too little to refuse it, too much to let it pass while there are rules that forbid commands."""

from collections.abc import Sequence

from letta_cli.permissions.command import Command
from letta_cli.permissions.programs import options_of
from letta_cli.permissions.rules import covers_command
from letta_cli.permissions.targets import WRITERS
from letta_cli.permissions.words import Word
from letta_cli.permissions.wrappers import RUNNERS, SHELLS, WRAPPERS, program, unwrapped_command

_MOST = 64
"""Words of a program that are tried as the beginning of what it starts."""


def runs_unseen(command: Command, home: str, specifier: str) -> bool:
    """Whether the command may run what a rule with this specifier is about, though it does not
    say so."""
    return any(
        _nameless(words) or _starts(words, specifier) for words in unwrapped_command(command, home)
    )


def _nameless(words: Sequence[Word]) -> bool:
    return (words[0].value is None and not words[0].choices) or words[0].value == "{}"


def _starts(words: Sequence[Word], specifier: str) -> bool:
    name = program(words)
    if name in WRITERS | RUNNERS | SHELLS or name in WRAPPERS or options_of(name) is not None:
        return False
    values = [word.likely[0] for word in words[1:_MOST]]
    tails = [[value.rsplit("/", 1)[-1], *values[at + 1 :]] for at, value in enumerate(values)]
    return any(covers_command(specifier, text) for text in (*values, *map(" ".join, tails)))
