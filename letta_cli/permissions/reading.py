"""How programs that read take their words: patterns, folders in depth, wildcards."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import pairwise

from letta_cli.permissions.words import Word

_PATTERN_FIRST = frozenset({"grep", "egrep", "fgrep", "rg", "sed", "awk", "jq", "git"})


def patterns(name: str, words: Sequence[Word]) -> Sequence[Word]:
    """The words of a search that are patterns or programs, not files."""
    if name not in _PATTERN_FIRST or (name != "awk" and any(_GIVEN.match(w.raw) for w in words)):
        return ()
    operands = [word for word in words[1:] if not word.raw.startswith("-")]
    if name != "git":
        return operands[:1]
    sought = [after for word, after in pairwise(words) if word.raw in _SOUGHT]
    return [*sought, *(operands[1:2] if operands[0].value == "grep" else ())] if operands else ()


_GIVEN = re.compile(r"-[A-Za-z]*[ef]|--(f|reg|exp)")
"""Options that say what is searched for: then the first operand is a file, too."""
_SOUGHT = frozenset({"-S", "-G", "--grep", "--author", "--committer"})


def may_climb(word: Word, *, alone: bool) -> bool:
    """Whether ``..`` is among what a wildcard may stand for, as in older shells."""
    for value in word.likely:
        *folders, last = value.split("/")
        for part in [*folders, last] if alone or last not in (".*", ".?*") else folders:
            if set("*?[") & set(part) and part[:1] in ".[" and fnmatchcase("..", part):
                return True
    return False


def follows_links(name: str, words: Sequence[Word]) -> bool:
    """Whether it reads what the links lead to that it finds in folders."""
    flags = "".join(w.raw[1:] for w in words[1:] if w.raw[:1] == "-" and w.raw[:2] != "--")
    long = [word.raw[2:] for word in words[1:] if word.raw[:2] == "--" and len(word.raw) > 2]
    letter, option = _FOLLOWING.get(name, ("", ""))
    return bool(letter) and (letter in flags or any(option.startswith(each) for each in long))


_FOLLOWING = {
    **dict.fromkeys(["grep", "egrep", "fgrep"], ("R", "dereference-recursive")),
    "rg": ("L", "follow"), "diff": ("r", "recursive"),
}  # fmt: skip
"""The short and the long option by which they do; GNU takes its beginning too."""


def recurses(name: str, words: Sequence[Word]) -> bool:
    """Whether it reads all that is in the folders it is given, hidden files too."""
    flags = "".join(w.raw[1:] for w in words[1:] if w.raw[:1] == "-" and w.raw[:2] != "--")
    long = {word.raw for word in words[1:]}
    if name in ("grep", "egrep", "fgrep"):
        return bool(set("rR") & set(flags) or {"--recursive", "--dereference-recursive"} & long)
    return name == "rg" and bool("." in flags or "uu" in flags or "--hidden" in long)
