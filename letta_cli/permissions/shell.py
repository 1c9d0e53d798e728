"""Judges a shell command: what it needs permission for, part by part."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from letta_cli.core.permission import Rule
from letta_cli.permissions.commands import reads_only, safe_assignment, without_timing
from letta_cli.permissions.danger import (
    INTERPRETERS,
    WRAPPERS,
    danger,
    program,
    raw_danger,
    unwrapped,
)
from letta_cli.permissions.paths import belongs_to_system, canonical, inside, protected, secret
from letta_cli.permissions.rules import covers_command, covers_tool
from letta_cli.permissions.splitter import Command, NotUnderstood, Redirect, Word, split

_HARMLESS_TARGETS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"})
_SUBCOMMANDS = frozenset(
    {
        "git", "npm", "pnpm", "yarn", "cargo", "go", "uv", "poetry", "pdm", "hatch",
        "dotnet", "gradle", "mvn", "bundle", "rake", "composer", "gh", "terraform", "pip",
        "pip3", "apt", "brew"
    }
)  # fmt: skip
_MOST_FOLDERS = 16
_RUNS_ANYTHING = frozenset({"run", "exec", "x", "dlx", "-c", "config", "filter-branch", "bisect"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command runs.

    Attributes:
        folders: all directories that a relative path in it may start from; None among them: an
            unknown one, after a ``cd`` that is not certain.
    """

    cwd: Path
    roots: tuple[Path, ...]
    home: Path
    folders: tuple[Path, ...]
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Shell:
    """A command taken apart.

    Attributes:
        commands: its simple commands; None when it was not understood.
        problem: why it was not.
    """

    text: str
    commands: list[Command] | None
    problem: str
    place: Place

    @property
    def dangerous(self) -> str | None:
        """Why this must be asked about in every mode, or None."""
        if why := raw_danger(self.text):
            return why
        if self.commands is None:
            return None
        place = self.place
        return danger(self.commands, place.roots, place.folders, place.home) or self._touches()

    @property
    def looks_only(self) -> bool:
        """Whether no part of it changes anything, nor shows secrets."""
        return self.commands is not None and all(
            self.part_looks(command) and not list(self.writes(command)) for command in self.commands
        )

    def part_looks(self, command: Command) -> bool:
        """Whether one part, but for its redirections, only looks."""
        if not reads_only(command) or self.shows_secret(command):
            return False
        if any(self._matches_outside(word) for word in command.words):
            return False
        # A folder may be a repository of its own, with programs that its git runs.
        roots = self.place.roots
        away = self.place.lost or any(folder not in roots for folder in self.place.folders)
        return not (away and program(without_timing(command.words)) == "git")

    def shows_secret(self, command: Command) -> str | None:
        for path in self.paths(command):
            if why := secret(path):
                return why
        return None

    def writes(self, command: Command) -> Iterator[tuple[Redirect, tuple[Path, ...]]]:
        """Redirections that write, with every path they may mean; no path: not certain."""
        for redirect in command.redirects:
            target = redirect.target.value
            if redirect.kind == "read" or target in _HARMLESS_TARGETS:
                continue
            certain = target is not None and not redirect.target.glob
            if not certain or (self.place.lost and not _absolute(target or "")):
                yield redirect, ()
            else:
                yield redirect, tuple(self._resolved(target or ""))

    def paths(self, command: Command) -> Iterator[Path]:
        """Every path that a word or redirection of this part may name."""
        words = [*command.words, *(redirect.target for redirect in command.redirects)]
        for word in words:
            value = word.value or _unquoted(word)
            for candidate in {value, value.partition("=")[2], value.lstrip("-@")[1:]}:
                if candidate and len(candidate) < 4_096 and "\0" not in candidate:
                    yield from self._resolved(candidate)

    def covered(self, rule: Rule, command: Command) -> bool:
        """Whether an allow rule covers this part as it is written."""
        if not covers_tool(rule, "Bash"):
            return False
        if not all(safe_assignment(word) for word in command.assignments):
            return False
        if covers_command(rule.specifier, command.text):
            return True
        inner = without_timing(command.words)
        text = " ".join(word.raw for word in inner)
        return (
            bool(inner) and len(inner) < len(command.words) and covers_command(rule.specifier, text)
        )

    def concerns(self, rule: Rule) -> bool:
        """Whether a deny or ask rule is about any part, however it is wrapped or quoted."""
        if not covers_tool(rule, "Bash"):
            return False
        if covers_command(rule.specifier, self.text):
            return True
        return any(covers_command(rule.specifier, text) for text in self._spellings())

    def _spellings(self) -> Iterator[str]:
        """Every text under which a rule could mean a part of this command."""
        if self.commands is None:
            yield from rough_parts(self.text)
            return
        for command in self.commands:
            for words in unwrapped(command.words):
                values = [word.value or word.raw for word in words]
                yield " ".join(word.raw for word in words)
                yield " ".join(values)
                yield " ".join([program(words), *values[1:]])

    def _touches(self) -> str | None:
        """A protected path that a part may write to."""
        for command in self.commands or ():
            for _, paths in self.writes(command):
                for path in paths:
                    if why := protected(path, self.place.home, self.place.roots):
                        return f"it writes to {path}; {why}"
            if reads_only(command) or not command.words:
                continue
            for words in unwrapped(command.words):
                if why := self._names_protected(words):
                    return why
        return None

    def _matches_outside(self, word: Word) -> bool:
        """Whether a wildcard may stand for files outside of the roots, such as keys."""
        if not word.glob or word.value is None:
            return False
        roots = self.place.roots
        return self.place.lost or not all(inside(p, roots) for p in self._resolved(word.value))

    def _names_protected(self, words: Sequence[Word]) -> str | None:
        name = program(words)
        if name in _SPARED:
            return None
        copies = name in _COPIERS and not any(w.raw.startswith(("-t", "--t")) for w in words)
        for number, word in enumerate(words[1:], 2):
            # Many programs are told of system paths to read them; only some write where told.
            writes = name in _WRITERS and (not copies or number == len(words))
            for path in self.paths(Command(words=[word])):
                why = protected(path, self.place.home, self.place.roots)
                if why and (writes or not belongs_to_system(path, self.place.home)):
                    return f"it names {path}; {why}"
        return None

    def _resolved(self, name: str) -> Iterator[Path]:
        if name.startswith("-"):
            return
        for folder in self.place.folders:
            try:
                yield canonical(name, folder, self.place.home)
            except (OSError, ValueError):
                continue


_SPARED = frozenset({"git", "ls", "cat", "grep", "rg", "find", "cd", "diff"}) | WRAPPERS
"""Named without harm; a wrapper's own words are judged as the command that it runs."""

_COPIERS = frozenset({"cp", "ln", "install", "rsync"})
"""Only their last operand is written to."""

_WRITERS = frozenset(
    {
        "cp", "mv", "tee", "rm", "ln", "install", "dd", "touch", "mkdir", "rmdir", "chmod",
        "chown", "chgrp", "truncate", "rsync", "sed", "curl", "wget", "tar", "unzip",
        "patch", "crontab"
    }
)  # fmt: skip


def take_apart(text: str, cwd: Path, roots: tuple[Path, ...], home: Path) -> Shell:
    """Split a command and find out where its parts run."""
    try:
        commands = split(text)
    except NotUnderstood as error:
        return Shell(text, None, str(error), Place(cwd, roots, home, (cwd,)))
    folders, lost = _folders(commands, cwd, home)
    return Shell(text, commands, "", Place(cwd, roots, home, folders, lost))


def _folders(commands: Sequence[Command], cwd: Path, home: Path) -> tuple[tuple[Path, ...], bool]:
    """Every directory that a part may run in, and whether there may be others."""
    folders = [cwd]
    lost = False
    for command in commands:
        name = program(command.words)
        if name in ("cd", "pushd", "popd"):
            words = [word for word in command.words[1:] if word.raw != "--"]
            target = words[0].value if len(words) == 1 else None
            if not words and name == "cd":
                target = str(home)
            if target is None or target.startswith("-") or (words[:1] and words[0].glob):
                lost = True
            else:
                moved = (canonical(target, folder, home) for folder in tuple(folders))
                folders = list(dict.fromkeys((*folders, *moved)))
                if len(folders) > _MOST_FOLDERS:
                    return tuple(folders[:_MOST_FOLDERS]), True
        elif name in ("eval", "source", ".", "builtin", "command"):
            lost = True
    return tuple(folders), lost


def suggest(commands: Sequence[Command]) -> tuple[str, ...]:
    """The narrowest useful rules for the parts that need one; none if a part can run anything."""
    texts = dict.fromkeys(_rule_text(command) for command in commands)
    return () if None in texts else tuple(f"Bash({text})" for text in texts)


def _rule_text(command: Command) -> str | None:
    if command.assignments or not command.words or any("*" in word.raw for word in command.words):
        return None
    name = command.words[0].value
    if name is None or name.rsplit("/", 1)[-1] in INTERPRETERS | WRAPPERS or "\n" in command.text:
        return None
    if any(word.value is None for word in command.words):
        return None
    following = command.words[1].value if len(command.words) > 1 else None
    if name in _SUBCOMMANDS and following and following.isidentifier():
        if following not in _RUNS_ANYTHING:
            return f"{name} {following}:*" if len(command.words) > 2 else f"{name} {following}"
        if following == "run" and len(command.words) > 2 and name in ("npm", "pnpm", "yarn"):
            return " ".join(word.raw for word in command.words)
        return None
    return command.text


def rough_parts(text: str) -> Iterator[str]:
    """Parts of a text that was not understood; good enough to find what is forbidden in it."""
    part = ""
    for character in text:
        if character in ";&|\n(){}`$<>":
            if part.strip():
                yield from _tails(part)
            part = ""
        elif character not in "\"'\\":
            part += character
    if part.strip():
        yield from _tails(part)


def _tails(part: str) -> Iterator[str]:
    words = part.split()
    for start in range(min(len(words), 8)):
        yield " ".join(words[start:])
        yield " ".join([words[start].rsplit("/", 1)[-1], *words[start + 1 :]])


def _absolute(name: str) -> bool:
    return name.startswith(("/", "~"))


def _unquoted(word: Word) -> str:
    return word.raw.replace('"', "").replace("'", "")
