"""Which commands only look: a table of programs, and of their options that do more than look.

A program that is not here is asked about. So is an option that is known to write or to run
something, also when it is abbreviated or joined with others."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from letta_cli.permissions.splitter import Command, Word

SAFE_ASSIGNMENTS = frozenset(
    {
        "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "TZ", "NO_COLOR",
        "FORCE_COLOR", "CLICOLOR", "COLUMNS", "TERM", "CI", "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED"
    }
)  # fmt: skip
"""Variables that may stand before a command that is allowed."""


@dataclass(frozen=True, slots=True)
class Look:
    """What keeps a program from being read-only.

    Attributes:
        letters: short options that write or run.
        words: long options that do, without dashes in front.
        most: the most operands; a further one would be written to.
        expands: arguments may expand, for no argument does harm.
    """

    letters: str = ""
    words: tuple[str, ...] = ()
    most: int | None = None
    expands: bool = False


_PLAIN = Look()
_FREE = Look(expands=True)

LOOKERS: Mapping[str, Look] = {
    **dict.fromkeys(
        [
        "cat", "head", "tail", "wc", "stat", "du", "df", "ls", "basename", "dirname",
        "realpath", "readlink", "which", "type", "whoami", "id", "uname", "uptime", "nproc",
        "free", "diff", "cmp", "comm", "cut", "tr", "grep", "egrep", "fgrep", "nl", "tac",
        "rev", "fold", "column", "paste", "join", "expand", "cksum", "md5sum", "sha1sum",
        "sha256sum", "sha512sum", "b2sum", "od", "hexdump", "strings", "jq", "groups",
        "tty", "locale", "getconf", "arch", "lscpu", "lsblk", "tsort", "numfmt", "cd",
        "pushd", "popd", "dirs"
    ],
        _PLAIN,
    ),
    **dict.fromkeys(["echo", "printf", "true", "false", ":", "pwd", "sleep", "seq"], _FREE),
    # test -v evaluates a subscript, and what is written in it.
    "test": Look("vR"),
    "[": Look("vR"),
    "file": Look("C", ("compile",)),
    "date": Look("s", ("set",)),
    "tree": Look("oR"),
    "sort": Look("oT", ("output", "compress-program", "temporary-directory")),
    "uniq": Look(most=1),
    "xxd": Look("r", ("revert",), most=1),
    "rg": Look("z", ("pre", "search-zip", "hostname-bin")),
    "find": Look(words=("exec", "execdir", "ok", "okdir", "delete", "fprint", "fprint0",
                        "fprintf", "fls", "files0-from")),
    "fd": Look("xX", ("exec", "exec-batch")),
    "sed": Look("ifs", ("in-place", "file", "separate")),
}  # fmt: skip

_VERSIONED = frozenset(
    {
        "python", "python3", "node", "npm", "pip", "pip3", "uv", "go", "cargo", "rustc",
        "java", "ruby", "gcc", "clang", "make", "cmake", "git", "docker", "kubectl",
        "terraform", "bash", "rg", "jq", "tsc", "deno", "bun", "ruff", "gh"
    }
)  # fmt: skip

_GIT_LOOK = frozenset(
    {
        "status", "log", "diff", "show", "blame", "annotate", "shortlog", "describe",
        "rev-parse", "rev-list", "ls-files", "ls-tree", "merge-base", "name-rev",
        "for-each-ref", "count-objects", "check-ignore", "diff-tree", "diff-index",
        "diff-files", "whatchanged", "cat-file", "grep", "show-ref", "show-branch",
        "cherry", "version"
    }
)  # fmt: skip
_GIT_DANGEROUS = ("output", "ext-diff", "textconv", "filters", "open-files-in-pager", "exec",
                  "upload-pack", "receive-pack", "no-index")  # fmt: skip
_GIT_LISTING = re.compile(
    r"-(a|r|v|vv|l|av|avv|ra)\Z|--(list|all|remotes|verbose|show-current|merged|no-merged|contains|"
    r"no-contains|points-at|sort=.*|format=.*|column|no-column|color.*|no-color|porcelain)\Z"
)
_GIT_SUB: Mapping[str, frozenset[str]] = {
    "stash": frozenset({"list", "show"}),
    "worktree": frozenset({"list"}),
    "reflog": frozenset({"", "show"}),
    "config": frozenset({"--get", "--get-all", "--get-regexp", "--list", "-l", "list", "get"}),
    "submodule": frozenset({"", "status"}),
    "notes": frozenset({"list", "show"}),
    "bisect": frozenset({"log"}),
}
_SED_SCRIPT = re.compile(
    r"(?:(?:\d+|\$|/[^/\\]*/)(?:,(?:\d+|\$|/[^/\\]*/))?)?\s*(?:[pdq=]|s(?P<d>[/|#,])(?:(?!(?P=d)).)*(?P=d)"
    r"(?:(?!(?P=d)).)*(?P=d)[gpiI\d]*)\s*\Z"
)


def reads_only(command: Command) -> bool:
    """Whether the command, whatever its redirections, only looks."""
    if any(not safe_assignment(word) for word in command.assignments):
        return False
    words = without_timing(command.words)
    if not words:
        return not command.assignments
    name = words[0].value
    if name is None or words[0].glob:
        return False
    arguments = words[1:]
    if len(arguments) == 1 and arguments[0].value in ("--version", "-V") and name in _VERSIONED:
        return True
    if name == "git":
        return _git_looks(arguments)
    if name == "command":
        return len(arguments) == 2 and arguments[0].value in ("-v", "-V")
    look = LOOKERS.get(name)
    if look is None:
        return False
    if look.expands:
        # printf -v writes a variable that a later command may use.
        return not (name == "printf" and arguments and arguments[0].raw.startswith("-"))
    plain = not (look.letters or look.words or look.most)
    values = _certain(arguments, free=plain, dashes=name not in ("find", "test", "["))
    return values is not None and _harmless(name, values, look)


def safe_assignment(word: Word) -> bool:
    """Whether a ``NAME=value`` before a command cannot change what the command does."""
    name, _, _ = word.raw.partition("=")
    return name in SAFE_ASSIGNMENTS and word.value is not None


def without_timing(words: Sequence[Word]) -> list[Word]:
    """The words after ``time``, ``nohup``, ``nice`` or ``timeout N``: these change nothing else."""
    rest = list(words)
    while rest:
        match [word.value for word in rest[:3]]:
            case ["time" | "nohup", str(following), *_] if not following.startswith("-"):
                rest = rest[1:]
            case ["timeout", str(limit), *_] if re.fullmatch(r"\d+(\.\d+)?[smhd]?", limit):
                rest = rest[2:]
            case ["nice", "-n", str(level)] if re.fullmatch(r"-?\d+", level):
                rest = rest[3:]
            case ["nice", str(following), *_] if not following.startswith("-"):
                rest = rest[1:]
            case _:
                return rest
    return rest


def _certain(
    arguments: Sequence[Word], *, free: bool = False, dashes: bool = True
) -> list[str] | None:
    """The values of the arguments, or None when one could turn into a dangerous option.

    Args:
        free: there are no dangerous options.
        dashes: after ``--`` nothing is an option.
    """
    values: list[str] = []
    for word in arguments:
        # A file named -delete would become an option where the name begins with a wildcard.
        if word.value is None or (not free and word.glob and word.raw[0] in "*?["):
            return None
        free = free or (dashes and word.value == "--")
        values.append(word.value)
    return values


def _harmless(name: str, values: list[str], look: Look) -> bool:
    if name == "find":
        return not any(value.lstrip("-") in look.words for value in values if value[:1] == "-")
    if any(dangerous_option(value, look.letters, look.words) for value in values):
        return False
    operands = [value for value in values if not value.startswith("-") or value == "-"]
    if look.most is not None and len(operands) > look.most:
        return False
    if name == "date":
        return all(operand.startswith("+") for operand in operands)
    return name != "sed" or _sed_prints(values)


def dangerous_option(value: str, letters: str, words: Sequence[str]) -> bool:
    """Whether an argument is one of these options: joined with others, abbreviated, or with a
    value."""
    if value.startswith("--") and len(value) > 2:
        given = value[2:].partition("=")[0]
        return any(word.startswith(given) for word in words)
    return value.startswith("-") and any(letter in value[1:] for letter in letters)


def _sed_prints(values: list[str]) -> bool:
    """Whether every sed script is of the few forms that neither write nor run."""
    scripts: list[str] = []
    operands: list[str] = []
    iterator = iter(values)
    for value in iterator:
        if value in ("-e", "--expression", "-ne", "-nE", "-En") and value.endswith(
            ("e", "expression")
        ):
            scripts.append(next(iterator, ""))
        elif value.startswith("-") and value not in ("-n", "-E", "-r", "-nE", "-nr", "-En", "-u"):
            return False
        elif not value.startswith("-"):
            operands.append(value)
    if not scripts:
        scripts = operands[:1]
    parts = [part for script in scripts for part in script.split(";")]
    return bool(parts) and all(_SED_SCRIPT.match(part.strip()) for part in parts)


def _git_looks(arguments: Sequence[Word]) -> bool:
    values = _certain(arguments)
    if values is None:
        return False
    while values and values[0] in ("--no-pager", "-P", "--no-optional-locks"):
        values = values[1:]
    if not values:
        return False
    verb, rest = values[0], values[1:]
    if any(dangerous_option(value, "", _GIT_DANGEROUS) for value in rest):
        return False
    if verb in _GIT_LOOK:
        return verb != "grep" or not any(value.startswith("-O") for value in rest)
    if verb in ("branch", "tag"):
        listing = "--list" in rest or "-l" in rest
        return all(
            _GIT_LISTING.match(value) or (listing and not value.startswith("-")) for value in rest
        )
    if verb == "remote":
        return rest in ([], ["-v"], ["--verbose"]) or rest[0] == "get-url"
    allowed = _GIT_SUB.get(verb, frozenset())
    return (rest[0] if rest else "") in allowed
