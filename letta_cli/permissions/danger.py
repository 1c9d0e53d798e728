"""Commands that nobody wants to have run by mistake: they are asked about in every mode.

Looks through wrappers, nested shells and basenames. When in doubt it says dangerous: the price is
a question."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from letta_cli.permissions.paths import canonical, inside
from letta_cli.permissions.splitter import Command, NotUnderstood, Word, split

WRAPPERS = frozenset(
    {
        "sudo", "doas", "su", "env", "nohup", "nice", "timeout", "time", "stdbuf",
        "command", "builtin", "exec", "xargs", "setsid", "ionice", "chrt", "watch", "flock",
        "strace", "ltrace", "chroot", "unshare", "nsenter", "script", "parallel", "busybox",
        "toybox", "eatmydata", "caffeinate", "systemd-run", "ssh", "taskset", "proot",
        "fakeroot"
    }
)  # fmt: skip
SHELLS = frozenset(
    {
        "sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "csh", "tcsh"
    }
)  # fmt: skip
INTERPRETERS = SHELLS | frozenset(
    {
        "python", "python2", "python3", "pypy", "pypy3", "node", "nodejs", "deno", "bun",
        "perl", "ruby", "php", "lua", "luajit", "Rscript", "julia", "awk", "gawk", "mawk",
        "nawk", "tclsh", "osascript", "pwsh", "powershell", "eval", "source", ".", "npx",
        "bunx", "pipx", "uvx", "docker", "podman", "kubectl"
    }
)  # fmt: skip

MAX_WRAPPED = 64
"""Words of a wrapper that are tried as the beginning of what it runs."""

# Every repetition is bounded: a long text must not take long to judge.
_RAW = (
    (re.compile(r":\s{0,9}\(\s{0,9}\)\s{0,9}\{.{0,99}:\s{0,9}\|\s{0,9}:\s{0,9}&"),
     "starts processes without end"),
    (re.compile(r"\b(\w{1,40})\s{0,9}\(\s{0,9}\)\s{0,9}\{[^}]{0,99}\b\1\s{0,9}\|\s{0,9}\1\b"),
     "starts processes without end"),
    (re.compile(r"\b(curl|wget|fetch)\b[^|;&\n]{0,999}\|\s{0,9}(\S{0,99}/)?(sudo\s{1,9}\S{0,99})?"
                r"(ba|da|z|k|a)?sh\b"),
     "runs what it downloads"),
    (re.compile(r"\b(sh|bash|zsh|source|eval|python3?|\.)\s[^;&|\n]{0,99}(<\(|\$\(|`)\s{0,9}"
                r"(curl|wget)\b"),
     "runs what it downloads"),
    (re.compile(r">\s{0,9}/dev/(sd|hd|vd|nvme|mmcblk|disk|mem|kmem)"), "writes to a device"),
    (re.compile(r"\brm(?:\s{1,9}-[\w-]{1,30}){1,9}\s{1,9}[\"']?(/|~|\$HOME|\$\{HOME\})/?\*?[\"']?"
                r"(\s|$|;|&|\||\))"),
     "deletes everything"),
)  # fmt: skip
_DOWNLOADERS = frozenset({"curl", "wget", "fetch", "aria2c", "http", "https", "lwp-request"})
_MACHINE = frozenset({"shutdown", "reboot", "halt", "poweroff", "init", "telinit"})
_DISKS = frozenset(
    {
        "fdisk", "sfdisk", "parted", "wipefs", "blkdiscard", "mkswap", "cryptsetup",
        "shred", "mke2fs"
    }
)  # fmt: skip
_DESTROYERS = frozenset({"rm", "/bin/rm", "shred", "unlink", "chmod", "chown", "mv"})
_FILTERS = frozenset({"-name", "-iname", "-path", "-regex", "-empty", "-mtime", "-size", "-newer"})
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"), Path("/private/tmp"))
_DEVICE = re.compile(r"of=/dev/(?!null\Z|stdout\Z|stderr\Z|zero\Z)")


def raw_danger(command: str) -> str | None:
    """What is dangerous about a command that could not be taken apart, or None."""
    return next((why for pattern, why in _RAW if pattern.search(command)), None)


def danger(
    commands: Sequence[Command], roots: Sequence[Path], folders: Sequence[Path], home: Path
) -> str | None:
    """What is dangerous about these commands, or None.

    `folders` are all directories that a relative path may start from.
    """
    downloaded = False
    for command in commands:
        if program(command.words) in WRAPPERS and len(command.words) > MAX_WRAPPED:
            return "what its wrapper runs is hidden among very many words"
        for words in unwrapped(command.words):
            name = program(words)
            if command.piped and downloaded and name in INTERPRETERS:
                return "runs what it downloads"
            why = _one(name, words[1:], roots, folders, home)
            if why is not None:
                return f"{name} {why}"
        name = program(command.words)
        downloaded = name in _DOWNLOADERS or (downloaded and command.piped)
    return None


def unwrapped(words: Sequence[Word], depth: int = 0) -> Iterator[Sequence[Word]]:
    """The command itself, and every command that its wrappers may run."""
    if not words or depth > 4:
        return
    yield words
    name = program(words)
    if name in WRAPPERS:
        # Which of its words begin the command depends on each wrapper's options: try them all.
        for start in range(1, min(len(words), MAX_WRAPPED)):
            if not words[start].raw.startswith("-"):
                yield words[start:]
                yield from _shell_text(words[start:], depth)
    yield from _shell_text(words, depth)
    if name == "find":
        for start, word in enumerate(words):
            if word.value in ("-exec", "-execdir", "-ok", "-okdir"):
                yield from unwrapped(words[start + 1 :], depth + 1)


def program(words: Sequence[Word]) -> str:
    """The name of the program without its folder; empty when something expands in it."""
    return (words[0].value or "").rsplit("/", 1)[-1] if words else ""


def _shell_text(words: Sequence[Word], depth: int) -> Iterator[Sequence[Word]]:
    """Commands in the text given to ``bash -c`` or ``eval``."""
    name = program(words)
    if name == "eval":
        text = " ".join(_script(word) for word in words[1:])
    elif name in SHELLS:
        at = next((i for i, w in enumerate(words) if re.fullmatch(r"-\w*c\w*", w.value or "")), 0)
        text = _script(words[at + 1]) if at and at + 1 < len(words) else ""
    else:
        return
    try:
        inner = split(text)
    except NotUnderstood:
        return
    for command in inner:
        yield from unwrapped(command.words, depth + 1)


def _script(word: Word) -> str:
    """The text that a nested shell gets; as it is written where something expands in it."""
    return word.raw.strip("\"'") if word.value is None else word.value


def _one(
    name: str,
    arguments: Sequence[Word],
    roots: Sequence[Path],
    folders: Sequence[Path],
    home: Path,
) -> str | None:
    values = [word.value or word.raw for word in arguments]
    if name.startswith("mkfs") or name in _DISKS:
        return "destroys what is on a disk or in a file"
    if name in _MACHINE:
        return "stops the machine"
    if name == "dd" and any(_DEVICE.match(value) for value in values):
        return "writes to a device"
    if name in ("kill", "killall5") and "-1" in values[1:]:
        return "ends every process"
    if name in ("rm", "chmod", "chown", "chgrp") and _recursive(values):
        return _everything(name, arguments, roots, folders, home)
    if name == "mv":
        return _everything(name, arguments[:-1], (), folders, home)
    if name == "find" and ("-delete" in values or _DESTROYERS.intersection(values)):
        return _found_and_gone(arguments, values, roots, folders, home)
    if name in ("rsync", "git"):
        return _cleaning(name, values)
    return None


def _found_and_gone(
    arguments: Sequence[Word],
    values: Sequence[str],
    roots: Sequence[Path],
    folders: Sequence[Path],
    home: Path,
) -> str | None:
    """Why a find that deletes is too much; with a filter it may start at a root."""
    expression = next((i for i, v in enumerate(values) if v[:1] in ("-", "(", "!")), len(values))
    starts = arguments[:expression]
    if any(value in _FILTERS for value in values):
        places = [path for word in starts if (path := _target(word, home))]
        if all(inside(canonical(p, folder, home), roots) for p in places for folder in folders):
            return None
    return _everything("find", starts, roots, folders, home)


def _cleaning(name: str, values: list[str]) -> str | None:
    if name == "git" and values[:1] == ["clean"] and any("x" in v for v in values if v[:1] == "-"):
        return "clean -x deletes every file that git does not know"
    return None


def _recursive(values: Sequence[str]) -> bool:
    return any(
        value in ("--recursive", "--no-preserve-root")
        or (re.fullmatch(r"-[A-Za-z]+", value) and ("r" in value or "R" in value))
        for value in values
    )


def _everything(
    name: str,
    arguments: Sequence[Word],
    roots: Sequence[Path],
    folders: Sequence[Path],
    home: Path,
) -> str | None:
    """Why one of the targets is too much: a root, what holds one, or outside of all of them."""
    for word in arguments:
        if word.raw.startswith("-"):
            continue
        target = _target(word, home)
        if target is None:
            if name == "rm":
                return f"deletes {word.raw}, which is known only when it runs"
            continue
        for folder in folders:
            path = canonical(target, folder, home)
            # What holds the home directory or a root takes these with it.
            if any(inside(kept, (path,)) for kept in (home, *roots, folder)) or path == Path("/"):
                return f"is about everything in {path}"
            temporary = inside(path, _TEMPORARY) and not inside(path, (home,))
            if name != "mv" and roots and not temporary and not inside(path, roots):
                return f"is about {path}, outside of the working directory"
            if path in _TEMPORARY:
                return f"is about everything in {path}"
    return None


def _target(word: Word, home: Path) -> str | None:
    """Where a target lies as far as it is known; a trailing wildcard means the whole folder."""
    raw = word.raw.replace('"', "")
    for start in ("$HOME", "${HOME}"):
        if raw == start or raw.startswith(start + "/"):
            raw = str(home) + raw[len(start) :]
            if "$" in raw or "`" in raw:
                return None
            return re.sub(r"/\.?\*+\Z", "", raw) or "/"
    if word.raw in ("$PWD", '"$PWD"'):
        return "."
    if word.value is None:
        return None
    if word.glob:
        if re.fullmatch(r"(\./)?\.?\*+", word.value):
            return "."
        return re.sub(r"/\.?\*+\Z", "", word.value) or "/"
    return os.path.normpath(word.value) if word.value else word.value
