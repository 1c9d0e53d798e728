"""How programs that read take their words: patterns, folders in depth, wildcards."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from letta_cli.permissions.programs import certain, looks
from letta_cli.permissions.words import Word
from letta_cli.permissions.wrappers import program

_PATTERN_FIRST = frozenset({"grep", "egrep", "fgrep", "rg", "sed", "awk", "jq", "git"})
READERS = frozenset({"grep", "wc", "cat", "head", "tail", "ls", "stat", "du", "md5sum",
                      "sha256sum", "file"})  # fmt: skip
"""Programs that may be given file names which were found."""


def pattern(name: str, words: Sequence[Word]) -> Word | None:
    """The word of a search that is a pattern or program, not a file."""
    if name not in _PATTERN_FIRST:
        return None
    operands = (word for word in words[1:] if not word.raw.startswith("-"))
    first = next(operands, None)
    return next(operands, None) if name == "git" else first


def may_climb(word: Word, *, alone: bool) -> bool:
    """Whether ``..`` is among what a wildcard may stand for, as in older shells."""
    for value in word.likely:
        *folders, last = value.split("/")
        for part in [*folders, last] if alone or last not in (".*", ".?*") else folders:
            if set("*?[") & set(part) and part[:1] in ".[" and fnmatchcase("..", part):
                return True
    return False


def recurses(name: str, words: Sequence[Word]) -> bool:
    """Whether it reads all that is in the folders it is given, hidden files too."""
    flags = "".join(w.raw[1:] for w in words[1:] if w.raw[:1] == "-" and w.raw[:2] != "--")
    long = {word.raw for word in words[1:]}
    if name in ("grep", "egrep", "fgrep"):
        return bool(set("rR") & set(flags) or {"--recursive", "--dereference-recursive"} & long)
    return name == "rg" and bool("." in flags or "uu" in flags or "--hidden" in long)


def runs_looker(words: Sequence[Word]) -> bool:
    """Whether a find gives regular files to a command that only looks, whatever their names."""
    values = certain(words)
    if values is None or not {"-exec"}.intersection(values) or "-L" in values:
        return False
    if "f" not in values or values[values.index("f") - 1] != "-type":
        return False
    at = values.index("-exec")
    end = next((i for i, v in enumerate(values[at:], at) if v in (";", "+")), 0)
    if not end or end != len(values) - 1:
        return False
    inner = words[at + 1 : end]
    if not inner or program(inner) not in READERS or "-f" in [word.value for word in inner]:
        return False
    return looks(inner) and looks(words[:at])
