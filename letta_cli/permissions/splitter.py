"""Takes a bash command apart into its simple commands. Conservative: whatever it does not know
for certain, it refuses, and the command has to be asked about.

Understands lists, pipelines, subshells, quotes, redirections, assignments, simple expansions and
command substitutions; not compound commands, functions, here-documents or process substitution."""

import re
from dataclasses import dataclass, field
from typing import Literal

MAX_LENGTH = 10_000
MAX_WORDS = 1_000
MAX_DEPTH = 8

_RESERVED = frozenset(
    {
        "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case",
        "esac", "select", "function", "in", "coproc", "{", "}", "[[", "]]", "!"
    }
)  # fmt: skip
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_SPECIAL = re.compile(r"[@*#?$!_0-9-]")
_BRACE_OR_TILDE = re.compile(r"\{[^}\s]*(,|\.\.)|~[^/\s;&|)]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")


class NotUnderstood(Exception):
    """``str`` says what."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word.

    Attributes:
        raw: as written.
        value: what the program gets, when that is certain; None when something expands in it.
        glob: file names may take its place.
    """

    raw: str
    value: str | None
    glob: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """``write`` also for ``>>``; targets of ``2>&1`` and the like are left out."""

    kind: Literal["read", "write"]
    target: Word


@dataclass(slots=True)
class Command:
    """A simple command.

    Attributes:
        piped: its input is the output of the command before it.
    """

    words: list[Word] = field(default_factory=list[Word])
    assignments: list[Word] = field(default_factory=list[Word])
    redirects: list[Redirect] = field(default_factory=list[Redirect])
    piped: bool = False

    @property
    def text(self) -> str:
        """The words as written, one space between them."""
        return " ".join(word.raw for word in self.words)


def split(command: str) -> list[Command]:
    """All simple commands in the order they are written, those of substitutions included.

    Raises:
        NotUnderstood: with the reason.
    """
    if len(command) > MAX_LENGTH:
        raise NotUnderstood("the command is very long")
    if _HIDDEN.search(command):
        raise NotUnderstood("the command has invisible or control characters")
    commands = _Splitter(command, 0).commands()
    if sum(len(found.words) for found in commands) > MAX_WORDS:
        raise NotUnderstood("the command has very many words")
    return commands


class _Splitter:
    """A hand-written reader of one command line; nested ones get their own."""

    def __init__(self, source: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise NotUnderstood("the command is nested very deeply")
        self._source = source
        self._depth = depth
        self._at = 0
        self._found: list[Command] = []
        self._command = Command()
        self._open = 0

    def commands(self) -> list[Command]:
        while self._at < len(self._source):
            self._step()
        self._end()
        if self._open:
            raise NotUnderstood("a parenthesis is not closed")
        return self._found

    def _step(self) -> None:
        character = self._source[self._at]
        if character in " \t":
            self._at += 1
        elif self._source.startswith("\\\n", self._at):
            self._at += 2
        elif character == "#":
            end = self._source.find("\n", self._at)
            self._at = len(self._source) if end < 0 else end
        elif character in "\n;&|":
            self._separator(character)
        elif character in "()":
            self._parenthesis(character)
        elif character in "<>":
            self._redirect("")
        else:
            self._word_or_number()

    def _separator(self, character: str) -> None:
        rest = self._source[self._at : self._at + 3]
        if rest.startswith("&>"):
            self._at += 3 if rest == "&>>" else 2
            self._command.redirects.append(Redirect("write", self._target()))
            return
        if rest.startswith(";;"):
            raise NotUnderstood("a case statement")
        double = rest[:2] in ("&&", "||", "|&")
        self._at += 2 if double else 1
        self._end()
        if character == "|" and rest[:2] != "||":
            self._command.piped = True

    def _parenthesis(self, character: str) -> None:
        if character == "(":
            if self._command.words or self._command.assignments:
                raise NotUnderstood("a function or an array")
            if self._source.startswith("((", self._at):
                raise NotUnderstood("an arithmetic command")
            self._open += 1
        else:
            self._end()
            self._open -= 1
            if self._open < 0:
                raise NotUnderstood("a parenthesis is not opened")
        self._at += 1

    def _word_or_number(self) -> None:
        number = re.compile(r"\d+(?=[<>])").match(self._source, self._at)
        if number:
            self._at = number.end()
            self._redirect(number[0])
            return
        word = self._word()
        if not self._command.words:
            if word.raw in _RESERVED:
                raise NotUnderstood(f"the shell word {word.raw}")
            if _ASSIGNMENT.match(word.raw):
                self._command.assignments.append(word)
                return
        self._command.words.append(word)

    def _redirect(self, number: str) -> None:
        match = re.compile(r"<<<|<<|<>|<&|>&|>>|>\||<\(|>\(|<|>").match(self._source, self._at)
        assert match is not None
        operator = match[0]
        if operator in ("<<", "<>", "<(", ">("):
            raise NotUnderstood("a here-document or process substitution")
        self._at = match.end()
        target = self._target()
        if operator in ("<&", ">&") and re.fullmatch(r"\d+-?|-", target.raw):
            return  # Another descriptor of the same process.
        if operator == "<<<":
            return  # The word itself is the input; what expands in it was read already.
        if operator == "<&" or "/dev/tcp" in target.raw or "/dev/udp" in target.raw:
            raise NotUnderstood("a redirection to the network or a descriptor")
        self._command.redirects.append(Redirect("read" if operator == "<" else "write", target))

    def _target(self) -> Word:
        while self._source[self._at : self._at + 1] in (" ", "\t"):
            self._at += 1
        if self._at >= len(self._source) or self._source[self._at] in "\n;&|()<>":
            raise NotUnderstood("a redirection without a target")
        return self._word()

    def _end(self) -> None:
        command = self._command
        if command.words or command.assignments or command.redirects:
            self._found.append(command)
        self._command = Command()

    def _word(self) -> Word:
        start = self._at
        value: list[str] = []
        certain, glob = True, False
        while self._at < len(self._source):
            character = self._source[self._at]
            if character in " \t\n;&|()<>":
                break
            if character == "'":
                value.append(self._until("'"))
            elif character == '"':
                text, sure = self._double()
                value.append(text)
                certain = certain and sure
            elif character == "\\":
                following = self._source[self._at + 1 : self._at + 2]
                if following in ("", "\n"):
                    raise NotUnderstood("a backslash at the end of a line within a word")
                value.append(following)
                self._at += 2
            elif character in "$`":
                literal = self._expansion()
                value.append(literal or "")
                certain = certain and literal is not None
            else:
                if character in "*?[":
                    # A word that is only a bracket is the test command.
                    glob = glob or character != "[" or self._source[self._at + 1 :][:1] not in " \t"
                certain = certain and not self._expands_here(start)
                value.append(character)
                self._at += 1
        return Word(self._source[start : self._at], "".join(value) if certain else None, glob)

    def _expands_here(self, start: int) -> bool:
        """Whether ``{a,b}`` begins here, or a tilde with a name: another person's home."""
        if self._source[self._at] == "~" and self._at > start:
            return self._source[self._at - 1] in "=:"
        return _BRACE_OR_TILDE.match(self._source, self._at) is not None

    def _until(self, quote: str) -> str:
        end = self._source.find(quote, self._at + 1)
        if end < 0:
            raise NotUnderstood("a quote is not closed")
        text = self._source[self._at + 1 : end]
        self._at = end + 1
        return text

    def _double(self) -> tuple[str, bool]:
        """The inside of double quotes, and whether it is certain."""
        self._at += 1
        value: list[str] = []
        certain = True
        while self._at < len(self._source):
            character = self._source[self._at]
            if character == '"':
                self._at += 1
                return "".join(value), certain
            if character == "\\":
                following = self._source[self._at + 1 : self._at + 2]
                if following == "\n":
                    raise NotUnderstood("a backslash at the end of a line within a word")
                value.append(following if following in '$`"\\' else f"\\{following}")
                self._at += 2
            elif character in "$`":
                literal = self._expansion(quoted=True)
                value.append(literal or "")
                certain = certain and literal is not None
            else:
                value.append(character)
                self._at += 1
        raise NotUnderstood("a quote is not closed")

    def _expansion(self, *, quoted: bool = False) -> str | None:
        """Step over ``$…`` or backticks; the text when it stands for itself, else None."""
        source, at = self._source, self._at
        if source[at] == "`":
            inner = self._until("`")
            if "\\" in inner:
                raise NotUnderstood("backticks with a backslash")
            self._nested(inner)
            return None
        following = source[at + 1 : at + 2]
        if following == "(":
            if source.startswith("$((", at):
                raise NotUnderstood("an arithmetic expansion")
            end = self._closing(at + 2)
            self._nested(source[at + 2 : end])
            self._at = end + 1
            return None
        if following == "{":
            match = re.compile(r"\$\{#?[A-Za-z_]\w*\}|\$\{[@*#?]\}|\$\{\d+\}").match(source, at)
            if match is None:
                raise NotUnderstood("an expansion")
            self._at = match.end()
            return None
        if following in ("'", '"') and not quoted:
            raise NotUnderstood("a special quote")
        if name := _NAME.match(source, at + 1):
            self._at = name.end()
            return None
        if _SPECIAL.match(following):
            self._at += 2
            return None
        self._at += 1
        return "$"

    def _nested(self, source: str) -> None:
        self._found += _Splitter(source, self._depth + 1).commands()

    def _closing(self, start: int) -> int:
        """Index of the parenthesis that closes the one before `start`."""
        depth, at = 1, start
        while at < len(self._source):
            character = self._source[at]
            if character == "\\":
                at += 1
            elif character == "#" and self._source[at - 1] in " \t\n;&|(":
                raise NotUnderstood("a comment in a substitution")
            elif character == "'":
                at = self._source.find("'", at + 1)
                if at < 0:
                    break
            elif character == '"':
                at = self._closing_quote(at)
            elif character == "(":
                depth += 1
            elif character == ")":
                depth -= 1
                if depth == 0:
                    return at
            at += 1
        raise NotUnderstood("a parenthesis is not closed")

    def _closing_quote(self, start: int) -> int:
        at = start + 1
        while at < len(self._source) and self._source[at] != '"':
            if self._source[at] == "\\":
                at += 1
            elif self._source.startswith("$(", at):
                at = self._closing(at + 2)
            at += 1
        if at >= len(self._source):
            raise NotUnderstood("a quote is not closed")
        return at
