"""Looks through programs that run other programs: ``sudo``, ``xargs``, ``bash -c``, ``find -exec``.

In doubt it finds too many commands: what is found here is compared with rules that refuse, and
with what is dangerous. Permission is never given on the strength of it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from letta_cli.permissions.command import Command
from letta_cli.permissions.syntax import parse
from letta_cli.permissions.words import NotUnderstood, Word

MAX_WRAPPED = 64
"""Words of a wrapper that are tried as the beginning of what it runs."""
_MAX_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Wrapper:
    """How a wrapper's own words end and the command's begin.

    Attributes:
        values: short options that take the next word.
        long: long options that take the next word.
        operands: words before the command, such as the seconds of ``timeout``.
        assigns: ``NAME=value`` may stand before the command.
        joined: the words are joined and given to a shell.
        text: options whose value is given to a shell.
        loose: other words may stand before the command, in ways that are not listed here.
    """

    values: str = ""
    long: tuple[str, ...] = ()
    operands: int = 0
    assigns: bool = False
    joined: bool = False
    text: tuple[str, ...] = ()
    loose: bool = False


_LOOSE = Wrapper(loose=True)
_PLAIN = Wrapper()

WRAPPERS: Mapping[str, Wrapper] = {
    "sudo": Wrapper("ugpChtTrRD", ("user", "group", "prompt", "chdir", "host", "chroot"),
        assigns=True),
    "doas": Wrapper("uC", assigns=True),
    "su": Wrapper("sgGw", operands=1, text=("-c", "--command")),
    "pkexec": Wrapper(long=("user",)),
    "env": Wrapper("uCa", ("unset", "chdir", "argv0"), assigns=True, text=("-S", "--split-string")),
    "timeout": Wrapper("sk", ("signal", "kill-after"), operands=1),
    "nice": Wrapper("n", ("adjustment",)),
    "ionice": Wrapper("cnp", ("class", "classdata")),
    "chrt": Wrapper("TPD", operands=1),
    "taskset": Wrapper(operands=1),
    "stdbuf": Wrapper("ioe", ("input", "output", "error")),
    "time": Wrapper("fo", ("format", "output")),
    "exec": Wrapper("a"),
    "xargs": Wrapper("InPLdasE", ("replace", "max-args", "max-procs", "max-lines", "delimiter",
                                  "arg-file", "max-chars")),
    "parallel": Wrapper("jaSNnLdIC", ("jobs", "arg-file", "colsep", "delimiter"), joined=True),
    "watch": Wrapper("nq", ("interval",), joined=True),
    "flock": Wrapper("wE", ("timeout",), operands=1, text=("-c", "--command")),
    "chroot": Wrapper(operands=1),
    "ssh": Wrapper("BbcDEeFIiJLlmOoPpQRSWw", operands=1, joined=True),
    "trap": Wrapper(joined=True),
    "script": Wrapper(text=("-c", "--command"), loose=True),
    "runuser": Wrapper(text=("-c", "--command"), loose=True),
    **dict.fromkeys(
        ["!", "nohup", "command", "builtin", "setsid", "caffeinate", "eatmydata", "fakeroot",
         "busybox", "toybox", "unbuffer", "rlwrap", "linux64", "torsocks", "proxychains",
         "proxychains4", "coproc", "winpty", "dumb-init", "tini", "tsocks"],
        _PLAIN,
    ),
    **dict.fromkeys(
        ["proot", "catchsegv", "dbus-run-session", "xvfb-run", "setarch", "faketime", "sg",
         "newgrp", "gosu", "su-exec", "setpriv", "capsh", "cgexec", "hyperfine", "screen", "tmux",
         "at", "batch", "gdb", "perf", "valgrind", "unshare", "nsenter", "numactl", "prlimit",
         "bwrap", "firejail", "entr", "systemd-run", "strace", "ltrace"],
        _LOOSE,
    ),
}  # fmt: skip

RUNNERS = frozenset(
    {
        "uv", "uvx", "npx", "pnpx", "bunx", "pipx", "poetry", "pipenv", "pdm", "hatch", "rye",
        "bundle", "conda", "mamba", "nix-shell", "nix", "direnv", "dotenv", "mise", "asdf", "rbenv",
        "pyenv", "nvm", "volta", "npm", "pnpm", "yarn", "bun", "docker", "podman", "nerdctl",
        "kubectl", "vagrant", "lxc", "op", "doppler", "aws-vault", "cargo", "make", "git", "adb",
        "docker-compose", "heroku", "flatpak", "snap", "just", "devbox", "cmake"
    }
)  # fmt: skip
"""Programs one of whose sub-commands runs a command that is named among its words."""

_RUN_WORDS = frozenset({"run", "exec", "x", "dlx", "tool", "shell", "develop", "--", "-c", "--run",
                        "--command", "--call", "foreach", "--exec", "-x", "compose",
                        "--tree-filter", "--index-filter", "--msg-filter", "--env-filter",
                        "--commit-filter",
                        "--parent-filter", "--tag-name-filter", "--setup", "--extcmd",
                        "-E"})  # fmt: skip

SHELLS = frozenset(
    {"sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "csh", "tcsh", "rbash", "yash"}
)


def program(words: Sequence[Word]) -> str:
    """The name of the program without its folder; empty when something expands in it."""
    if not words:
        return ""
    return (words[0].value or "").rsplit("/", 1)[-1]


def unwrapped(words: Sequence[Word], home: str, depth: int = 0) -> Iterator[Sequence[Word]]:
    """The command itself, and every command that it may run as part of its words."""
    if not words or depth > _MAX_DEPTH:
        return
    yield words
    if words[0].value is None:
        for guess in words[0].guesses:
            yield from unwrapped([*_split(guess), *words[1:]], home, depth + 1)
        return
    name = program(words)
    if name in WRAPPERS:
        for inner in _commands(WRAPPERS[name], words):
            yield from unwrapped(inner, home, depth + 1)
    if name == "set":
        for inner in _commands(_LOOSE, words):
            yield from unwrapped(inner, home, depth + 1)
    for script in scripts(words):
        yield from _parsed(script, home, depth)
    if name in ("find", "fd", "fdfind"):
        for start, word in enumerate(words):
            if word.value in ("-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec",
                              "--exec-batch"):  # fmt: skip
                yield from unwrapped(words[start + 1 :], home, depth + 1)
    if name in RUNNERS:
        yield from _run_by(words, home, depth)


def unwrapped_command(command: Command, home: str, depth: int = 0) -> Iterator[Sequence[Word]]:
    """As `unwrapped`, and what the command reads from a here-document as a shell."""
    yield from unwrapped(command.words, home, depth)
    for script in _input(command):
        yield from _parsed(script, home, depth)


def shell_texts(command: Command, home: str) -> Iterator[str]:
    """Every text that a part of the command gives to a shell."""
    for words in unwrapped(command.words, home):
        yield from scripts(words)
    yield from _input(command)


def _input(command: Command) -> Iterator[str]:
    """What a shell reads as its program, as far as it stands in the command line."""
    if not reads_script(command.words):
        return
    if command.stdin is not None:
        yield command.stdin
    for redirect in command.redirects:
        if redirect.target.raw.startswith("<("):
            yield from redirect.target.guesses
    for source in command.upstream[-1:]:
        if program(source.words) in ("echo", "printf"):
            yield " ".join(word.likely[0] for word in source.words[1:])
            yield from (word.likely[0] for word in source.words[2:])
        elif source.stdin is not None:
            yield source.stdin


def reads_script(words: Sequence[Word]) -> bool:
    """Whether it is a shell, perhaps wrapped, that runs what it reads."""
    for inner in unwrapped(words, ""):
        if program(inner) in ("at", "batch"):
            return True
        if program(inner) in SHELLS or program(inner) in ("source", "."):
            return all((word.value or "-").startswith(("-", "/dev/stdin")) for word in inner[1:])
    return False


def scripts(words: Sequence[Word]) -> Iterator[str]:
    """Texts that the command gives to a shell."""
    name = program(words)
    if name == "eval":
        yield " ".join(_script(word) for word in words[1:])
    elif name in SHELLS:
        for at, word in enumerate(words):
            if re.fullmatch(r"[-+]\w*c\w*", word.value or "") and at + 1 < len(words):
                # Options may stand between -c and the text.
                yield from (_script(each) for each in words[at + 1 : at + 3])
                break
    if name in SHELLS or name in ("source", "."):
        for word in words[1:]:
            if word.raw.startswith("<("):
                yield from word.guesses
    wrapper = WRAPPERS.get(name)
    if wrapper is None:
        return
    for at, word in enumerate(words):
        value = word.value or ""
        for option in wrapper.text:
            if value == option and at + 1 < len(words):
                yield _script(words[at + 1])
            elif value.startswith(option) and len(value) > len(option):
                yield value[len(option) :].removeprefix("=")
    if wrapper.joined:
        for inner in _commands(wrapper, words):
            # What stands after ::: are the values that parallel puts in.
            texts = [_script(word) for word in inner]
            yield " ".join(texts[: texts.index(":::")] if ":::" in texts else texts)
        if name == "trap" and len(words) > 1:
            yield _script(words[1])


def _commands(wrapper: Wrapper, words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """Where the command may begin: one place where the options are known, else every place."""
    at = 1
    left = wrapper.operands
    while at < len(words):
        value = words[at].value
        if value is None:
            break
        if value == "--":
            at += 1
            if not left:
                break
        elif value.startswith("--"):
            at += 1 + (value[2:] in wrapper.long)
        elif value.startswith("-") and len(value) > 1:
            takes = value[-1] in wrapper.values and not any(
                c in wrapper.values for c in value[1:-1]
            )
            at += 1 + takes
        elif wrapper.assigns and re.match(r"[A-Za-z_]\w*=", value):
            at += 1
        elif left:
            left -= 1
            at += 1
        else:
            break
    if at < len(words):
        yield words[at:]
    if not wrapper.loose and not any(word.raw.startswith("-") for word in words[1:at]):
        return
    # An option that is not known here may have taken a word, or none.
    for start in range(1, min(len(words), MAX_WRAPPED)):
        if start != at and not words[start].raw.startswith("-") and _like_program(words[start]):
            yield words[start:]


_PROGRAM = re.compile(r"[A-Za-z_./][\w./+-]*\Z")


def _like_program(word: Word) -> bool:
    return word.value is None or bool(_PROGRAM.match(word.value))


def _run_by(words: Sequence[Word], home: str, depth: int) -> Iterator[Sequence[Word]]:
    """Commands after ``run``, ``exec`` and the like; directly for ``npx`` and its kin."""
    direct = program(words) in ("npx", "pnpx", "bunx", "uvx", "pipx", "dotenv")
    ran = direct
    for at in range(1, min(len(words), MAX_WRAPPED)):
        value = words[at].value or ""
        if ran and value and not value.startswith("-"):
            yield from unwrapped(words[at:], home, depth + 2)
            if " " in value:
                yield from _parsed(value, home, depth + 1)
        if "=" in value and (value.startswith("-") or words[at - 1].value == "-c"):
            yield from _parsed(value.partition("=")[2], home, depth + 1)
        if "=!" in value:
            yield from _parsed(value.partition("=!")[2], home, depth + 1)
        ran = ran or value in _RUN_WORDS


def _parsed(script: str, home: str, depth: int) -> Iterator[Sequence[Word]]:
    if depth > _MAX_DEPTH:
        return
    try:
        inner = parse(script, home, depth + 1).commands
    except NotUnderstood:
        for part in rough_parts(script):
            yield _split(part)
        return
    for command in inner:
        yield from unwrapped_command(command, home, depth + 1)


def _script(word: Word) -> str:
    """The text that a nested shell gets; as it is written where something expands in it."""
    if word.value is not None:
        return word.value
    if word.guesses and any(word.guesses):
        return word.guesses[0]
    return word.raw.strip("\"'")


def _split(written: str) -> list[Word]:
    return [Word(part, part) for part in written.split()]


def rough_parts(written: str) -> Iterator[str]:
    """Parts of a text that was not understood; good enough to find what is forbidden in it."""
    part = ""
    for character in written + ";":
        if character in ";&|\n(){}`$<>[],":
            if part.strip():
                yield from _tails(part)
            part = ""
        elif character not in "\"'\\":
            part += character
    if "," in written:
        yield from _tails(re.sub(r"[{},\"'\\]", " ", written))
    # r[m] and {r,}m are names for rm to a shell.
    yield from _tails(re.sub(r"[{},\[\]\"'\\]", "", written))


def _tails(part: str) -> Iterator[str]:
    words = part.split()
    for start in range(min(len(words), 8)):
        yield " ".join(words[start : start + 200])
        yield " ".join([words[start].rsplit("/", 1)[-1], *words[start + 1 : start + 200]])


def without_timing(words: Sequence[Word]) -> list[Word]:
    """The words after ``time``, ``nohup``, ``nice``, ``timeout N``, ``stdbuf``: these change
    nothing else. As they are when an option of these is not a plain one."""
    rest = list(words)
    while rest:
        match [word.value for word in rest[:4]]:
            case ["time", "-p", str(following), *_] if not following.startswith("-"):
                rest = rest[2:]
            case ["time" | "nohup", str(following), *_] if not following.startswith("-"):
                rest = rest[1:]
            case ["timeout", str(limit), *_] if _SECONDS.match(limit):
                rest = rest[2:]
            case ["timeout", "-s" | "-k", str(), str(limit), *_] if _SECONDS.match(limit):
                rest = rest[4:]
            case ["nice", "-n", str(level), *_] if re.fullmatch(r"-?\d+", level):
                rest = rest[3:]
            case ["nice", str(following), *_] if not following.startswith("-"):
                rest = rest[1:]
            case ["stdbuf", str(mode), *_] if re.fullmatch(r"-[ioe](L|\d+[KM]?)", mode):
                rest = rest[1:]
                while rest and re.fullmatch(r"-[ioe](L|\d+[KM]?)", rest[0].value or ""):
                    rest = rest[1:]
            case _:
                return rest
    return rest


_SECONDS = re.compile(r"\d+(\.\d+)?[smhd]?\Z")
