"""Commands that nobody wants to have run by mistake: they are asked about in every mode.

Looks through wrappers, nested shells and basenames. When in doubt it says dangerous: the price is
a question."""

import os
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from letta_cli.core.personal import LOOKING, PERSONAL
from letta_cli.permissions.command import Command
from letta_cli.permissions.git import verb
from letta_cli.permissions.paths import canonical, inside
from letta_cli.permissions.targets import writes_to
from letta_cli.permissions.words import Word
from letta_cli.permissions.wrappers import (
    MAX_WRAPPED,
    SHELLS,
    WRAPPERS,
    program,
    unwrapped_command,
)

INTERPRETERS = SHELLS | frozenset(
    {
        "python", "python2", "python3", "pypy", "pypy3", "node", "nodejs", "deno", "bun", "tsx",
        "ts-node", "perl", "ruby", "irb", "php", "lua", "luajit", "Rscript", "julia", "awk", "gawk",
        "mawk", "nawk", "tclsh", "expect", "osascript", "pwsh", "powershell", "eval", "source", ".",
        "npx", "bunx", "pnpx", "pipx", "uvx", "docker", "podman", "kubectl", "java", "groovy",
        "scala", "elixir", "erl", "guile", "sqlite3", "psql", "mysql", "mongosh", "gdb", "vim",
        "vi",
        "ex", "ed", "emacs", "nvim", "less", "man", "ipython"
    }
)  # fmt: skip
"""Programs to which no rule is proposed: their arguments are programs."""

# Every repetition is bounded: a long text must not take long to judge.
_RAW = (
    (re.compile(r":\s{0,9}\(\s{0,9}\)\s{0,9}\{.{0,99}:\s{0,9}\|\s{0,9}:\s{0,9}&"),
     "starts processes without end"),
    (re.compile(r"\b(\w{1,40})\s{0,9}\(\s{0,9}\)\s{0,9}\{[^}]{0,99}\b\1\s{0,9}\|\s{0,9}\1\b"),
     "starts processes without end"),
    (re.compile(r"\b(curl|wget|fetch)\b[^|;&\n]{0,999}\|\s{0,9}(\S{0,99}/)?(sudo\s{1,9}\S{0,99})?"
                r"(ba|da|z|k|a)?sh\b"),
     "runs what it downloads"),
    (re.compile(r"(?:\b(?:sh|bash|zsh|source|eval|python3?)|(?:^|[\s;&|])\.)\s[^;&|\n]{0,99}(<\(|\$\(|`)\s{0,9}"
                r"(curl|wget)\b"),
     "runs what it downloads"),
    (re.compile(r">\s{0,9}/dev/(sd|hd|vd|nvme|mmcblk|disk|mem|kmem)"), "writes to a device"),
    (re.compile(r"\brm(?:\s{1,9}-[\w-]{1,30}){1,9}\s{1,9}[\"']?(/|~|\$HOME|\$\{HOME\})/?\*?[\"']?"
                r"(\s|$|;|&|\||\))"),
     "deletes everything"),
)  # fmt: skip
_DECODERS = frozenset({"base64", "base32", "xxd", "openssl", "gpg", "uudecode", "rev", "tr"})
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
    fetched: set[str] = set()
    for command in commands:
        if any(re.match(r"AGENT_(INSIDE|TRUST)\+?=", each.raw) for each in command.assignments):
            return "hides from agent who runs it"
        fetched |= _fetched(command)
        if _runs_one(command, fetched):
            return "runs what it downloads"
        if _deletes_input(command):
            return "deletes what it reads the names of"
        if program(command.words) in WRAPPERS and len(command.words) > MAX_WRAPPED:
            return "what its wrapper runs is hidden among very many words"
        sources = {program(source.words) for source in command.upstream}
        for words in unwrapped_command(command, str(home)):
            name = program(words)
            if name in INTERPRETERS and _reads_input(words):
                if sources & _DOWNLOADERS:
                    return "runs what it downloads"
                if sources & _DECODERS and name in SHELLS:
                    return "runs what it decodes, which is not shown"
            if why := _rules_itself(words):
                return why
            why = _one(name, words[1:], roots, folders, home)
            if why is not None:
                return f"{name} {why}"
    return None


def _fetched(command: Command) -> set[str]:
    """Files that a download is written to."""
    if program(command.words) not in _DOWNLOADERS:
        return set()
    targets = [redirect.target.likely[0] for redirect in command.redirects]
    return {*targets, *(word.likely[0] for word in writes_to(command.words))}


def _runs_one(command: Command, fetched: set[str]) -> bool:
    values = [word.likely[0] for word in command.words]
    runs = program(command.words) in INTERPRETERS
    return bool(fetched) and (
        bool(fetched.intersection(values[:1]))
        or f"./{next(iter(fetched))}" in values[:1]
        or (runs and bool(fetched.intersection(values[1:])))
    )


def _deletes_input(command: Command) -> bool:
    """Whether xargs gives ``rm -r`` names that no search in the workspace found."""
    words = command.words
    values = [word.likely[0] for word in words]
    if program(words) != "xargs" or "rm" not in values or not _recursive(values):
        return False
    sources = [program(source.words) for source in command.upstream[:1]]
    return not {"find", "fd", "git", "rg", "grep"}.intersection(sources)


def _reads_input(words: Sequence[Word]) -> bool:
    """Whether an interpreter may take its program from its input: no file or text is named."""
    values = [word.value or word.raw for word in words[1:]]
    operands = [value for value in values if value == "-" or not value.startswith("-")]
    return not any(operand not in ("-", "/dev/stdin") for operand in operands[:1]) or any(
        value in ("-s", "-") for value in values
    )


_WITHOUT_RULES = frozenset(
    {"--yolo", "--dangerously-skip-permissions", "--trust", "--allowedTools", "bypassPermissions"}
)
_NEAR = 8
"""So many words after the program the command may stand."""


def _rules_itself(words: Sequence[Word]) -> str | None:
    """Whether this program is run to decide what its own conversations may do."""
    values = [word.likely[0] for word in words]
    name = program(words)
    if name in ("env", "unset", "export", "declare", "typeset", "local", "readonly") and any(
        re.match(r"(-u|--unset=)?AGENT_(INSIDE|TRUST)\b", value) for value in values[1:]
    ):
        return "hides from agent who runs it"
    if re.fullmatch(r"python[\d.]*|pypy3?|py", name):
        module = next((i for i, v in enumerate(values[:6]) if v in ("letta_cli", "-mletta_cli")), 0)
        values = values[module:] if module else []
    elif name != "agent":
        return None
    given = {part for value in values[1:] for part in value.split("=", 1)}
    # An option before the command may have a value, so the command is not always the first word.
    deciding = any(
        value in PERSONAL and following not in LOOKING
        for value, following in pairwise([*values[1:_NEAR], ""])
    )
    return "decides what the agent itself may do" if deciding or _WITHOUT_RULES & given else None


def _one(
    name: str,
    arguments: Sequence[Word],
    roots: Sequence[Path],
    folders: Sequence[Path],
    home: Path,
) -> str | None:
    values = [word.likely[0] for word in arguments]
    if name in _LASTING and _lasts(name, values):
        return "changes what runs later, outside of this session"
    if any(tuple(values[: len(words)]) == words for words in _WIPES.get(name, ())):
        return f"{' '.join(values[:2])} deletes what cannot be made again"
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


_LASTING = frozenset(
    {
        "crontab", "systemctl", "launchctl", "useradd", "usermod", "adduser", "passwd", "visudo",
        "chpasswd", "ssh-copy-id", "insmod", "modprobe", "setcap", "update-rc.d", "chkconfig", "at",
        "batch", "git", "npm", "pip", "pip3", "chsh", "groupadd", "update-alternatives"
    }
)  # fmt: skip
_LASTING_GIT = re.compile(
    r"(core\.(hookspath|fsmonitor|editor|pager|sshcommand|askpass|gitproxy|attributesfile|worktree)"
    r"|alias\.|filter\.|pager\.|credential\.|url\.|include|sequence\.|gpg\.|protocol\.|interactive\."
    r"|uploadpack|receive\.|diff\..*(command|textconv|external)|diff\.external|merge\..*driver"
    r"|.*\.(cmd|command|path|program)\Z|init\.templatedir|remote\..*(proxy|uploadpack|receivepack|vcs))",
    re.IGNORECASE,
)
_WIPES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "terraform": (("destroy",),), "tofu": (("destroy",),), "dropdb": ((),), "dropuser": ((),),
    "kubectl": (("delete", "namespace"), ("delete", "ns"), ("delete", "--all"), ("drain",)),
    "docker": (("system", "prune"), ("volume", "prune"), ("volume", "rm")),
    "gh": (("repo", "delete"),), "heroku": (("apps:destroy",),), "zpool": (("destroy",),),
    "lvremove": ((),), "vgremove": ((),), "diskutil": (("eraseDisk",), ("eraseVolume",)),
    "aws": (("s3", "rb"), ("s3", "rm"), ("rds", "delete-db-instance")),
    "gcloud": (("projects", "delete"),), "redis-cli": (("FLUSHALL",), ("flushall",)),
}  # fmt: skip


def _lasts(name: str, values: Sequence[str]) -> bool:
    """Whether it leaves something behind that runs code or gives rights later."""
    match name:
        case "crontab":
            return "-l" not in values
        case "systemctl":
            return bool({"enable", "link", "edit", "mask", "set-default"}.intersection(values))
        case "launchctl":
            return bool({"load", "bootstrap", "enable", "submit"}.intersection(values))
        case "npm" | "pip" | "pip3":
            return list(values[:2]) == ["config", "set"]
        case "git":
            _, command, rest = verb(values)
            keys = [value for value in rest if not value.startswith("-")]
            asks = {"--get", "--get-all", "--get-regexp", "--list", "-l", "list", "get"}
            if command != "config" or asks.intersection(rest[:3]):
                return False
            wide = {"--global", "--system", "-e", "--edit", "-f", "--file"}.intersection(rest)
            return bool(wide) or any(_LASTING_GIT.match(key) for key in keys)
        case _:
            return True


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
        places = [path for word in starts if (path := _target(word))]
        if all(inside(canonical(p, folder, home), roots) for p in places for folder in folders):
            return None
    return _everything("find", starts, roots, folders, home)


def _cleaning(name: str, values: list[str]) -> str | None:
    _, command, rest = verb(values) if name == "git" else ([], "", values)
    if command == "clean" and any("x" in value.lower() for value in rest if value[:1] == "-"):
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
        target = _target(word)
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


def _target(word: Word) -> str | None:
    """Where a target lies as far as it is known; a trailing wildcard means the whole folder."""
    if word.value is not None:
        value = word.value
    elif word.raw.strip('"') in ("$PWD", "${PWD}"):
        return "."
    elif any(word.guesses) or word.choices:
        value = next((each for each in word.likely if each), "")
        if "$" in word.raw and not word.choices and value.startswith("/"):
            # What stands before the slash is not known: it may be nothing.
            return None
    else:
        return None
    if word.glob:
        if re.fullmatch(r"(\./)?\.?\*+", value):
            return "."
        return re.sub(r"/\.?\*+\Z", "", value) or "/"
    return os.path.normpath(value) if value else value
