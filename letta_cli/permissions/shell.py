"""A shell command taken apart: what it needs permission for, part by part."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from letta_cli.core.permission import Rule
from letta_cli.permissions.command import Command, Redirect, Script
from letta_cli.permissions.danger import INTERPRETERS, danger, raw_danger
from letta_cli.permissions.found import reads_found, runs_looker
from letta_cli.permissions.place import Place
from letta_cli.permissions.programs import (
    REDIRECTS,
    RUN_CODE,
    assignment_is_safe,
    assignment_looks,
    behind,
    escapes,
    looks,
)
from letta_cli.permissions.reading import follows_links, may_climb, patterns, recurses
from letta_cli.permissions.rules import covers_command, covers_tool, same_options
from letta_cli.permissions.syntax import parse
from letta_cli.permissions.targets import everything, inside_text, named, writes_to
from letta_cli.permissions.walk import TooMany
from letta_cli.permissions.words import NotUnderstood, Word
from letta_cli.permissions.wrappers import (
    SHELLS,
    WRAPPERS,
    program,
    rough_parts,
    shell_texts,
    unwrapped_command,
    without_timing,
)

_HARMLESS_TARGETS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"})
_NO_FILES = frozenset(
    {
        "echo", "printf", "tr", "basename", "dirname", "seq", "sleep", "true", "false", ":", "pwd",
        "whoami", "id", "uname", "which", "type", "command", "exit", "return", "break", "continue",
        "shift", "set", "read", "export", "local", "declare", "readonly", "typeset", "unset",
        "getconf", "locale", "nproc", "arch", "uptime", "groups", "tty", "tput", "ps", "free"
    }
)  # fmt: skip
"""Programs whose arguments are not files that they read."""

_MOVES = frozenset({"cd", "pushd", "popd"})
_SPARED = frozenset(
    {"git", "ls", "cat", "grep", "rg", "find", "cd", "diff", "[", "test", "echo"}
) | {*WRAPPERS}
"""Named without harm; a wrapper's own words are judged as the command that it runs."""
_CARRIERS = frozenset({"tar", "rsync", "ssh", "scp", "sed", "tmux", "screen", "alias", "make",
                       "zip", "strace", "split", "mapfile", "readarray", "compgen", "complete",
                       "bind", "trap", "fd", "fdfind", "sort", "man"})  # fmt: skip
"""Programs that run what an option or argument says, in forms of their own."""
_USES_KEYS = frozenset({"ssh", "scp", "sftp", "ssh-add", "git", "rsync", "ssh-keygen", "gpg"})


MOST_ROUGH = 20_000
"""Characters of a text that was not understood in which names of files are looked for."""

_QUOTED = re.compile(r"'[^']*'|\"[^\"$`]*\"")


@dataclass(slots=True)
class Shell:
    """A command taken apart.

    Attributes:
        script: its simple commands; None when it was not understood.
        problem: why it was not.
    """

    text: str
    script: Script | None
    problem: str
    place: Place
    _paths: dict[int, tuple[Path, ...]] = field(default_factory=dict[int, tuple[Path, ...]])
    _resolved: dict[str, tuple[Path, ...]] = field(default_factory=dict[str, tuple[Path, ...]])

    @property
    def commands(self) -> list[Command]:
        return self.script.commands if self.script else []

    @property
    def dangerous(self) -> str | None:
        """Why this must be asked about in every mode, or None."""
        place = self.place
        if self.script is None:
            return raw_danger(self.text)
        bare = self.text
        for command in self.commands:
            if command.stdin:
                bare = bare.replace(command.stdin, "")
        texts = [_QUOTED.sub("''", bare)]
        texts += [
            text for command in self.commands for text in shell_texts(command, str(place.home))
        ]
        if why := next(filter(None, map(raw_danger, texts)), None):
            return why
        return danger(self.commands, place.roots, place.folders, place.home) or self._touches()

    @property
    def looks_only(self) -> bool:
        """Whether no part of it changes anything, nor shows what must not be shown unasked."""
        return self.script is not None and all(
            self.part_looks(command) and not list(self.writes(command)) for command in self.commands
        )

    def part_looks(self, command: Command) -> bool:
        """Whether one part, but for its redirections, only looks, and only where it may."""
        return self._only_looks(command) and self.unreadable(command) is None

    def _only_looks(self, command: Command) -> bool:
        if command.harmless is not None:
            return command.harmless and all(map(assignment_looks, command.assignments))
        if not command.words:
            return all(map(assignment_looks, command.assignments))
        if not all(map(assignment_is_safe, command.assignments)):
            return False
        words = without_timing(command.words)
        if not words:
            return False
        if words[0].value in (self.script.functions if self.script else ()):
            return True  # What it does was judged where it is defined.
        if words[0].value == "xargs":
            return reads_found(command, words, self._splits)
        if words[0].value == "find" and runs_looker(words):
            return True
        if not looks(words) or self.place.brings(REDIRECTS.get(program(words), ())):
            return False
        return program(words) != "git" or self.place.own_repository

    def _splits(self, words: Sequence[Word]) -> bool:
        return any(self.place.splits(folder) for folder in self._searched(words))

    def _searched(self, words: Sequence[Word]) -> Iterator[Path]:
        """The folders among the words; where there is none, those that the command may be in."""
        named = [p for w in words for value in w.likely for p in self.resolved(value) if p.is_dir()]
        yield from named or self.place.folders

    def unreadable(self, command: Command) -> str | None:
        """Why what a part reads needs permission, or None."""
        words = without_timing(command.words)
        name = program(words)
        if command.redirects:
            for redirect in command.redirects:
                if redirect.kind == "read" and (why := self._reading(redirect.target.likely[0])):
                    return why
        if name in _NO_FILES or not words or command.harmless is not None:
            return None
        if name in _MOVES:
            return None
        if why := self.place.away:
            return why
        skipped = patterns(name, words)
        for word in words[1:]:
            if any(word is each for each in skipped):
                continue
            if word.glob and (why := self._matches(word)):
                return why
            if word.glob and may_climb(word, alone=recurses(name, words)):
                return f"{word.raw} may mean the folder above"
            for value in named([word]):
                if value != "/" or word.raw == "/":
                    why = self._reading(value)
                    if why:
                        return why
        if follows_links(name, words):
            for folder in self._searched(words[1:]):
                if why := self.place.leads_out(folder):
                    return why
        if recurses(name, words):
            for word in words[1:] or [Word(".", ".")]:
                for path in self.resolved(word.likely[0]):
                    if why := self.place.within(path):
                        return why
        return None

    def _reading(self, value: str) -> str | None:
        return next(
            (why for path in self.resolved(value) if (why := self.place.unreadable(path))), None
        )

    def _matches(self, word: Word) -> str | None:
        """Why files that a wildcard stands for need permission: keys, links that lead outside."""
        if self.place.lost:
            return "it reads files in a folder that is known only when it runs"
        for value in word.likely:
            for folder in self.place.folders:
                try:
                    found = self.place.matching(folder, value)
                    if why := next(filter(None, map(self.place.unreadable, found)), None):
                        return why
                except TooMany:
                    return f"{word.raw} means files of which it cannot be seen where all lead"
                beginning = os.path.join(folder, value.split("*")[0].split("?")[0].split("[")[0])  # noqa: PTH118
                start = Path(os.path.realpath(os.path.dirname(beginning)))  # noqa: PTH120
                if why := self.place.unreadable(start):
                    return why
                if ".." in value.partition("*")[2]:
                    return "it reads files above a folder that is known only when it runs"
        return None

    def writes(self, command: Command) -> Iterator[tuple[str, tuple[Path, ...]]]:
        """What is written by redirections and by options that name a file, with every path that
        it may mean; no path: not certain."""
        for redirect in command.redirects:
            if redirect.kind == "write" and redirect.target.value not in _HARMLESS_TARGETS:
                yield self._written(redirect.target)
        words = without_timing(command.words)
        if words and words[0].value is not None:
            for escape in escapes(words):
                if escape.kind != "write":
                    continue
                if escape.target in _HARMLESS_TARGETS or escape.target == "-":
                    continue
                target = escape.target
                yield self._written(Word(target or escape.option, target))

    def _written(self, target: Word) -> tuple[str, tuple[Path, ...]]:
        certain_target = target.value is not None and not target.glob
        if not certain_target or (self.place.lost and not (target.value or "").startswith("/")):
            return target.raw, ()
        return target.raw, self.resolved(target.value or "", option=True)

    def outside(self, command: Command) -> Iterator[Path]:
        """Files outside of the roots that a command is told to change by its operands."""
        for words in unwrapped_command(command, str(self.place.home)):
            for word in writes_to(words):
                for value in word.likely:
                    for path in self.resolved(value):
                        if not self.place.holds(path) and str(path) not in _HARMLESS_TARGETS:
                            yield path

    def paths(self, command: Command) -> Iterator[Path]:
        """Every path that a word or redirection of this part may name."""
        key = id(command)
        if key not in self._paths:
            self._paths[key] = tuple(
                dict.fromkeys(p for value in everything(command) for p in self.resolved(value))
            )
        yield from self._paths[key]

    def touched(self, command: Command) -> Iterator[Path]:
        """As `paths`, with files that wildcards may stand for, and those named in program texts."""
        yield from self.paths(command)
        for word in command.words:
            if word.glob:
                for value in word.likely:
                    for folder in self.place.folders:
                        yield from self.place.could_be(folder, value)
        for words in unwrapped_command(command, str(self.place.home)):
            if words is not command.words:
                for value in named(words):
                    yield from self.resolved(value)
            if program(words) in INTERPRETERS:
                for word in words[1:]:
                    for value in inside_text(word.likely[0]):
                        yield from self.resolved(value)

    def rough_paths(self) -> Iterator[Path]:
        """What may be a path in a text that was not understood."""
        parts = re.split(r"[\s;&|<>()`'\"=,{}]+", self.text[:MOST_ROUGH])
        for value in dict.fromkeys(parts):
            yield from self.resolved(value)

    def _runs_code(self, command: Command) -> bool:
        every = unwrapped_command(command, str(self.place.home))
        return any(RUN_CODE & {program(words), program(behind(words))} for words in every)

    def _named_files(self, words: Sequence[Word]) -> Iterator[Path]:
        """Files and folders that are named: what is no path does not exist."""
        for value in named(words):
            absolute = value.startswith(("/", "~", ".."))
            yield from (path for path in self.resolved(value) if absolute or path.exists())

    def covered(self, rule: Rule, command: Command) -> bool:
        """Whether an allow rule covers this part as it is written."""
        if not covers_tool(rule, "Bash"):
            return False
        if not all(map(assignment_is_safe, command.assignments)):
            return rule.specifier is None
        if rule.specifier is None:
            return True
        if self.place.away and program(command.words) not in _MOVES | _NO_FILES:
            return False  # No rule was written for what runs in somebody else's folder.
        for words in (command.words, without_timing(command.words)):
            text = " ".join(word.raw for word in words)
            if words and covers_command(rule.specifier, text):
                return self._within_rule(rule.specifier, words, command)
        return False

    def _within_rule(self, specifier: str, words: Sequence[Word], command: Command) -> bool:
        """Whether the wildcards of a rule hide nothing that runs something else."""
        fixed = specifier.removesuffix(":*").split("*", maxsplit=1)[0].split()
        name = program(words)
        reads = command.upstream or any(r.kind == "read" for r in command.redirects)
        if name in INTERPRETERS and (command.stdin is not None or reads):
            return False
        if words[0].value is None or words[0].glob:
            return False
        if "*" not in specifier:
            return True
        if any(e.kind == "run" and not _spelled_out(e.option, fixed) for e in escapes(words)):
            return False
        if "://" in specifier and _further_addresses(words[len(fixed) :]):
            return False
        if self._runs_code(command) and any(
            not self.place.holds(path) for path in self._named_files(words)
        ):
            return False
        if name in WRAPPERS:
            operands = [word for word in fixed[1:] if not word.startswith("-") and "=" not in word]
            return len(operands) > WRAPPERS[name].operands
        return True

    def concerns(self, rule: Rule) -> bool:
        """Whether a deny or ask rule is about any part, however it is wrapped or quoted."""
        if not covers_tool(rule, "Bash"):
            return False
        if covers_command(rule.specifier, self.text):
            return True
        specifier = rule.specifier or ""
        if self.script is None:
            return any(covers_command(specifier, text) for text in rough_parts(self.text))
        return any(self._spelled(specifier, command) for command in self.commands)

    def _spelled(self, specifier: str, command: Command) -> bool:
        """Whether the rule means a part of this command, under any way of writing it."""
        wanted = specifier.split(maxsplit=1)[0].removesuffix(":*") if specifier else ""
        for words in unwrapped_command(command, str(self.place.home)):
            values = [word.likely[0] for word in words]
            name = program(words)
            texts = (
                " ".join(word.raw for word in words),
                " ".join(values),
                " ".join([name, *values[1:]]),
            )
            if any(covers_command(specifier, text) for text in texts):
                return True
            if words[0].glob and fnmatchcase(wanted, values[0].rsplit("/", 1)[-1]):
                return True
            if same_options(specifier, [name, *values[1:]]):
                return True
            if (name in INTERPRETERS and name not in SHELLS) or name in _CARRIERS:
                for value in (*values[1:], command.stdin or ""):
                    if any(covers_command(specifier, part) for part in _code_parts(value)):
                        return True
        for assignment in command.assignments:
            name, _, value = assignment.raw.partition("=")
            if (not name.islower() or value.startswith("(")) and any(
                covers_command(specifier, part) for part in _code_parts(value + ";")
            ):
                return True
        if command.stdin and program(without_timing(command.words)) in INTERPRETERS:
            return any(covers_command(specifier, part) for part in rough_parts(command.stdin))
        return False

    def _touches(self) -> str | None:
        """A protected path that a part may write to, or keys that it may read."""
        place = self.place
        for command in self.commands:
            for _, paths in self.writes(command):
                for path in paths:
                    if why := place.protected(path):
                        return f"it writes to {path}; {why}"
            for redirect in command.redirects:
                if redirect.kind == "write" and redirect.target.value is None:
                    for path in self.resolved(redirect.target.likely[0]):
                        if why := place.protected(path):
                            return f"it may write to {path}; {why}"
            name = program(without_timing(command.words))
            if name not in _NO_FILES | _USES_KEYS:
                for path in self.paths(command):
                    if why := place.secret(path):
                        return why
            if self._only_looks(command) or not command.words:
                continue
            for words in unwrapped_command(command, str(place.home)):
                if why := self._names_protected(words):
                    return why
        return None

    def _names_protected(self, words: Sequence[Word]) -> str | None:
        place = self.place
        for word in writes_to(words):
            for value in word.likely:
                for path in self.resolved(value):
                    if why := place.protected(path):
                        return f"it names {path}; {why}"
        name = program(words)
        if name in _SPARED or name in _USES_KEYS:
            return None
        for word in words[1:]:
            texts = list(named([word]))
            if name in INTERPRETERS:
                texts += [found for value in word.likely for found in inside_text(value)]
            for value in texts:
                for path in self.resolved(value):
                    # Many programs are told of system paths and skills to read or run them.
                    why = place.protected(path)
                    if why and not place.only_read(path):
                        return f"it names {path}; {why}"
        return None

    def resolved(self, name: str, *, option: bool = False) -> tuple[Path, ...]:
        """Every path that a name may mean, from all folders that the command may be in."""
        if not name or "\0" in name or len(name) > 4_096 or (name.startswith("-") and not option):
            return ()
        if name not in self._resolved:
            self._resolved[name] = tuple(self._all_meanings(name))
        return self._resolved[name]

    def _all_meanings(self, name: str) -> Iterator[Path]:
        if name.startswith("/proc/"):
            # Links there lead elsewhere for every process.
            yield Path(os.path.normpath(name))
        for folder in self.place.folders:
            try:
                yield Path(os.path.realpath(folder / name))
            except (OSError, ValueError):
                continue


def take_apart(text: str, place: Place) -> Shell:
    """Split a command and find out where its parts run."""
    try:
        script = parse(text, str(place.home))
    except NotUnderstood as error:
        return Shell(text, None, str(error), place)
    return Shell(text, script, "", place.after(script.commands))


def _spelled_out(option: str, fixed: Sequence[str]) -> bool:
    """Whether the part of a rule before its first wildcard names an option itself."""
    return option in " ".join(fixed) or any(f[:1] == "-" and option.startswith(f) for f in fixed)


def _further_addresses(words: Sequence[Word]) -> bool:
    """Whether there are operands beside the address that a rule names."""
    option = False
    for word in words:
        given = word.raw.startswith("-")
        if not given and (not option or "://" in (word.value or "://")):
            return True
        option = given
    return False


def _code_parts(value: str) -> Iterator[str]:
    """Texts within a program text that a rule about commands may be about."""
    if len(value) > 5_000 or not any(mark in value for mark in "'\"( `=!;"):
        return
    for quote in ("'", '"', "`", "=", "!", "\\n"):
        value = value.replace(quote, ";")
    yield from rough_parts(value)


__all__ = ["Redirect", "Shell", "take_apart"]
