"""Which files a command names: those it writes to, and all that it may touch."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from letta_cli.permissions.command import Command
from letta_cli.permissions.programs import escapes
from letta_cli.permissions.words import Word
from letta_cli.permissions.wrappers import program

_LAST = frozenset({"cp", "ln", "install", "rsync", "scp"})
"""Only the last operand is written to, if no option names another."""

_ALL = frozenset(
    {
        "mv", "tee", "rm", "touch", "mkdir", "rmdir", "chmod", "chown", "chgrp", "truncate",
        "unlink", "shred", "mkfifo", "mknod", "setfacl", "chattr", "unzip", "patch", "gunzip",
        "gzip", "bzip2", "xz", "zstd", "dos2unix", "sponge", "sed", "ex", "vim", "vi", "nano", "ed",
        "perl", "ruby", "tar", "curl", "wget", "crontab", "visudo", "split", "csplit", "link",
        "symlink", "rename", "ssh-keygen", "openssl", "gpg", "sqlite3", "zip", "7z"
    }
)  # fmt: skip
WRITERS = _LAST | _ALL | {"dd"}

_ENTERS = frozenset({"git", "make", "gmake", "ninja", "go"})
"""Programs that work in another folder with ``-C``."""

_VALUE: Mapping[str, tuple[str, ...]] = {
    "chmod": ("",), "chown": ("",), "chgrp": ("",),
}  # fmt: skip
"""Programs whose first operand is no file."""

_ATTACHED = re.compile(r"-[A-Za-z]{2,}([./~].*)", re.DOTALL)
"""A path behind short options that stand together: ``-rf../names``."""
_INNER_PATH = re.compile(r"[^\s'\"`$(){}\[\];|&<>=,]{2,}")


def writes_to(words: Sequence[Word]) -> Iterator[Word]:
    """The words of a command that name what it creates, changes or deletes."""
    name = program(words)
    if name == "dd":
        for word in words[1:]:
            if word.likely[0].startswith("of="):
                yield _changed(word, word.likely[0][3:])
        return
    for escape in escapes(words):
        if escape.kind == "write" and escape.target and not escape.target.startswith("-"):
            yield Word(escape.target, escape.target)
    if name in _ENTERS:
        for word, following in pairwise(words):
            if word.value == "-C":
                yield following
    if name not in _LAST | _ALL:
        return
    operands = [word for word in words[1:] if not word.raw.startswith("-")]
    if name in _VALUE and not any(w.raw.startswith("--reference") for w in words):
        operands = operands[1:]
    elif name in _LAST and not any(w.raw.startswith(("-t", "--t")) for w in words):
        operands = operands[-1:]
    yield from operands
    for word in words[1:]:
        value = word.likely[0]
        if value.startswith("-") and (found := value.partition("=")[2]):
            yield _changed(word, found)


def _changed(word: Word, value: str) -> Word:
    certain = None if word.value is None else value
    return Word(word.raw, certain, word.glob, guesses=(value,))


def named(words: Sequence[Word]) -> Iterator[str]:
    """Every text in the words that may be a path: whole words, values of options."""
    for word in words:
        for value in word.likely:
            yield from candidates(value)


def candidates(value: str) -> Iterator[str]:
    """What may be a path in one word."""
    if not value or len(value) > 4_096 or "\0" in value:
        return
    yield value
    if "=" in value:
        yield value.partition("=")[2].lstrip("@<")
    if value.startswith(("-", "@")):
        rest = value.lstrip("-@")
        yield rest
        if len(rest) > 1:
            yield rest[1:]
        if attached := _ATTACHED.match(value):
            yield attached[1]
    if ":" in value and not value.startswith("-"):
        yield from value.split(":")[1:]


def inside_text(value: str) -> Iterator[str]:
    """What may be a path within a program text, such as that of ``python -c``."""
    if len(value) < 10_000 and any(mark in value for mark in " '\"(;"):
        yield from (match[0] for match in _INNER_PATH.finditer(value))


def everything(command: Command) -> Iterator[str]:
    """Every text of a command that may be a path."""
    yield from named(command.words)
    if command.stdin and program(command.words) == "xargs":
        yield from command.stdin.split()[:100]
    for redirect in command.redirects:
        yield from candidates(redirect.target.likely[0])


def whole_folder(value: str) -> str:
    """A path with trailing wildcards taken for the folder that they are in."""
    return re.sub(r"(?:(?<=/)|\A)\.?\*+\Z", "", value) or ("/" if value.startswith("/") else ".")
