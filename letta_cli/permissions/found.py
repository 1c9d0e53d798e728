"""Names of files that one command finds and another one reads: ``find | xargs``, ``find -exec``.

What is read then does not stand in the command. So every step between must leave the names whole,
and what was found must be files, not links, which may lead anywhere."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from letta_cli.permissions.command import Command
from letta_cli.permissions.programs import certain, looks
from letta_cli.permissions.words import Word
from letta_cli.permissions.wrappers import program

_READERS = frozenset({"grep", "wc", "cat", "head", "tail", "ls", "stat", "du", "md5sum",
                      "sha256sum", "file"})  # fmt: skip
"""Programs that may be given file names which were found."""

_OR = frozenset({"-o", "-or"})
_PRINTS = frozenset({"-print", "-print0", "-exec"})
_NEVER = frozenset({"-L", "-follow", "-xtype", "-printf", "-ls", "-files0-from", ",", "-execdir"})


@dataclass(frozen=True, slots=True)
class _Grammar:
    """What a program may be told so that it still prints whole names of files.

    Attributes:
        options: options that stand alone.
        valued: options that take the next word.
        operands: the most words that are no options, such as a pattern; None: any number.
        nul: how it is told to end names by NUL.
    """

    options: str
    valued: frozenset[str] = frozenset()
    operands: int | None = 0
    nul: str = r"-\w*z\w*\Z"


_FILTERS: Mapping[str, _Grammar] = {
    "grep": _Grammar(r"-[viEFwxPz]+\Z", operands=1),
    "sort": _Grammar(r"-[urnzfV]+\Z"),
    "uniq": _Grammar(r"-z\Z"),
    "head": _Grammar(r"-\d+\Z|-z\Z|-n\d+\Z", frozenset({"-n"})),
    "tail": _Grammar(r"-\d+\Z|-z\Z|-n\d+\Z", frozenset({"-n"})),
}
_SOURCES: Mapping[str, _Grammar] = {
    "grep": _Grammar(
        r"-[rlinwEFvPIsZ]+\Z|--(files-with-matches|recursive|null|ignore-case)\Z"
        r"|--(include|exclude|exclude-dir)=",
        frozenset({"-e"}), None, r"-\w*Z\w*\Z|--null\Z",
    ),
    "rg": _Grammar(
        r"-[lnisSwFvPUx0u.]+\Z|--(files|files-with-matches|null|hidden|no-ignore|fixed-strings"
        r"|ignore-case|word-regexp)\Z|--(type|type-not|glob|iglob|sort)=",
        frozenset({"-e", "-g", "-t", "-T"}), None, r"-\w*0\w*\Z|--null\Z",
    ),
}  # fmt: skip
_LISTS = re.compile(r"-\w*l\w*\Z|--files(-with-matches)?\Z")


def finds_files(values: Sequence[str]) -> bool:
    """Whether a ``find`` with these arguments finds regular files alone, in every branch."""
    if _NEVER.intersection(values):
        return False
    branches: list[list[str]] = [[]]
    depth = 0
    for at, value in enumerate(values):
        depth += (value == "(") - (value == ")")
        if depth:
            continue
        if value in _OR:
            branches.append([])
        elif value == "-type" and list(values[at + 1 : at + 2]) == ["f"]:
            negated = at and values[at - 1] in ("!", "-not")
            branches[-1].append("" if negated else "file")
        elif value in _PRINTS or value == "-prune":
            branches[-1].append(value)
    prints = any(_PRINTS.intersection(branch) for branch in branches)
    return all(_prints_files(branch, explicit=prints) for branch in branches)


def _prints_files(branch: Sequence[str], *, explicit: bool) -> bool:
    """Whether what a branch prints or hands on was tested before; `explicit`: some branch says
    what is printed, so that the others print nothing."""
    acts = next((at for at, each in enumerate(branch) if each in _PRINTS), None)
    if acts is None:
        return "file" in branch or (explicit and "-prune" in branch)
    return "file" in branch[:acts]


def runs_looker(words: Sequence[Word]) -> bool:
    """Whether a find gives regular files to a command that only looks, whatever their names."""
    values = certain(words)
    if values is None or "-exec" not in values or not finds_files(values[1:]):
        return False
    at = values.index("-exec")
    end = next((i for i, v in enumerate(values[at:], at) if v in (";", "+")), 0)
    if not end or end != len(values) - 1:
        return False
    inner = words[at + 1 : end]
    if any("{}" in value and value != "{}" for value in values[at:end]):
        return False  # What stands beside the name would make another path of it.
    return _reads_names(inner) and looks(words[:at])


def reads_found(
    command: Command, words: Sequence[Word], splits: Callable[[Sequence[Word]], bool]
) -> bool:
    """Whether ``xargs`` gives whole names of files that were found to what only reads.

    Args:
        words: those of the xargs, without what stands before it.
        splits: whether among the files that these words may find is a name which xargs takes for
            several when names end at blanks.
    """
    at, by_nul = 1, False
    while at < len(words) and words[at].value in ("-0", "-r", "-t", "--null"):
        by_nul = by_nul or words[at].value in ("-0", "--null")
        at += 1
    sources = command.upstream
    if not sources or not _reads_names(words[at:]):
        return False
    if any(_fed_otherwise(each) for each in (*sources, command)):
        return False
    if not _finds(sources[0].words, by_nul=by_nul):
        return False
    if not all(_keeps_whole(source.words, by_nul=by_nul) for source in sources[1:]):
        return False
    return by_nul or not splits(sources[0].words[1:])


def _reads_names(words: Sequence[Word]) -> bool:
    return program(words) in _READERS and looks(words) and "-f" not in [w.value for w in words]


def _fed_otherwise(command: Command) -> bool:
    """Whether it reads something else than what comes through the pipe."""
    return command.stdin is not None or any(r.kind == "read" for r in command.redirects)


def _finds(words: Sequence[Word], *, by_nul: bool) -> bool:
    values = certain(words)
    if values is None or not looks(words):
        return False
    if values[0] == "find":
        return finds_files(values[1:]) and ("-print0" in values) == by_nul
    grammar = _SOURCES.get(values[0])
    if grammar is None or not any(_LISTS.match(value) for value in values[1:]):
        return False
    return _follows(grammar, values[1:], by_nul=by_nul)


def _keeps_whole(words: Sequence[Word], *, by_nul: bool) -> bool:
    values = certain(words)
    grammar = _FILTERS.get(values[0]) if values else None
    return grammar is not None and _follows(grammar, (values or [])[1:], by_nul=by_nul)


def _follows(grammar: _Grammar, values: Sequence[str], *, by_nul: bool) -> bool:
    operands = 0
    nul = False
    iterator = iter(values)
    for value in iterator:
        if value in grammar.valued:
            next(iterator, None)
        elif value.startswith("-"):
            if not re.match(grammar.options, value):
                return False
            nul = nul or bool(re.match(grammar.nul, value))
        else:
            operands += 1
    return nul == by_nul and (grammar.operands is None or operands <= grammar.operands)
