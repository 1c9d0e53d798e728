"""Takes a command line apart into its simple commands, with the grammar of tree-sitter-bash.

Nothing is taken on trust from the grammar: an error in the tree, a node that is not known here,
text between two nodes, and a word that does not end where the grammar says all make the command
count as not understood, and then it is asked about."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from letta_cli.permissions.arithmetic import numbers_only, test_is_harmless
from letta_cli.permissions.command import HIDDEN, RESERVED, Command, Redirect, Script
from letta_cli.permissions.grammar import (
    BLANK,
    CONDITIONAL,
    EXPANSION,
    GAP,
    LISTED_OPERATORS,
    SETS_VARIABLE,
    STATEMENTS,
    WORDS,
)
from letta_cli.permissions.words import (
    Expansion,
    Known,
    NotUnderstood,
    Surroundings,
    Word,
    read_words,
    text,
)

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

MAX_LENGTH = 10_000
MAX_WORDS = 1_000
MAX_DEPTH = 40
MAX_NESTED = 8
"""Substitutions and shells within one another."""


@cache
def _parser() -> "Parser":
    # Imported late: a session that runs no command does without the 30 ms.
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def parse(command: str, home: str, depth: int = 0) -> Script:
    """Take `command` apart.

    Args:
        home: the home directory, for ``~`` and ``$HOME``.
        depth: how many shells it is nested in.

    Raises:
        NotUnderstood: with the reason.
    """
    if len(command) > MAX_LENGTH:
        raise NotUnderstood("the command is very long")
    if HIDDEN.search(command):
        raise NotUnderstood("the command has invisible or control characters")
    if depth > MAX_NESTED:
        raise NotUnderstood("the command is nested very deeply")
    source = command.encode()
    tree = _parser().parse(source)
    if tree.root_node.has_error:
        raise NotUnderstood("its syntax")
    walk = _Walk(source.decode("latin-1"), home)
    walk.statement(tree.root_node, ())
    if sum(len(found.words) for found in walk.found) > MAX_WORDS:
        raise NotUnderstood("the command has very many words")
    return Script(walk.found, frozenset(walk.functions))


class _Walk:
    """Goes through the tree once, in the order of the text."""

    def __init__(self, source: str, home: str) -> None:
        self.found: list[Command] = []
        self.functions: set[str] = set()
        self._source = source
        self._around = Surroundings(home)
        self._depth = 0
        self._nested = 0
        self._conditional = 0

    def statement(self, node: "Node", upstream: tuple[Command, ...]) -> None:
        """Collect the commands of any node that stands where a command can stand."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NotUnderstood("the command is nested very deeply")
        self._conditional += node.type in CONDITIONAL
        self._covers(node)
        match node.type:
            case "command":
                self._command(node, upstream)
            case "pipeline":
                self._pipeline(node, upstream)
            case "redirected_statement":
                self._redirected(node, upstream)
            case "variable_assignment":
                self.found.append(Command(assignments=[self._assignment(node)], upstream=upstream))
            case "test_command":
                self._test(node, upstream)
            case "declaration_command" | "unset_command":
                self._declaration(node, upstream)
            case "function_definition":
                self._function(node, upstream)
            case "for_statement":
                self._loop(node, upstream)
            case "case_statement":
                self._case(node, upstream)
            case "variable_assignments":
                for child in node.children:
                    self.statement(child, upstream)
            case kind if kind in STATEMENTS:
                self._parts(node.children, upstream)
            case kind:
                raise NotUnderstood(f"a {kind.replace('_', ' ')}")
        self._conditional -= node.type in CONDITIONAL
        self._depth -= 1

    def _covers(self, node: "Node") -> None:
        """Raise when text between the children is more than blanks: the grammar skipped it."""
        at = node.start_byte
        for child in node.children:
            if not GAP.match(self._source, at, child.start_byte):
                raise NotUnderstood("a backslash at the end of a line")
            if child.is_missing:
                raise NotUnderstood("its syntax")
            at = max(at, child.end_byte)

    def _parts(self, children: "Iterable[Node]", upstream: tuple[Command, ...]) -> None:
        """Statements in a row; two of them must have something between that ends the first."""
        before: Node | None = None
        for child in children:
            if child.type == "comment":
                continue
            if child.is_named:
                if (
                    before is not None
                    and "\n" not in self._source[before.end_byte : child.start_byte]
                    and self._source[before.end_byte - 1] not in ";\n"
                ):
                    raise NotUnderstood("two commands without a separator")
                before = child
                self.statement(child, upstream)
            else:
                before = None

    def _pipeline(self, node: "Node", upstream: tuple[Command, ...]) -> None:
        sources = upstream
        for child in node.children:
            if child.is_named and child.type != "comment":
                begin = len(self.found)
                self.statement(child, sources)
                sources = (*sources, *self.found[begin:])
            elif not child.is_named and child.type not in ("|", "|&"):
                raise NotUnderstood("a pipeline of an unusual form")

    def _redirected(self, node: "Node", upstream: tuple[Command, ...]) -> None:
        begin = len(self.found)
        redirects = [c for c in node.children if c.type.endswith("_redirect")]
        for child in node.children:
            if child.is_named and child not in redirects:
                self.statement(child, upstream)
        inner = self.found[begin:]
        alone = bool(inner) and node.children[0].type == "command"
        # The substitutions within a command were found before it.
        target = inner[-1] if alone else Command(harmless=True, upstream=upstream)
        if not alone:
            self.found.append(target)
        receivers = inner or [target]
        for redirect in redirects:
            self._redirect(redirect, target, receivers)

    def _redirect(self, node: "Node", command: Command, receivers: list[Command]) -> None:
        if SETS_VARIABLE.search(self._source[: node.start_byte]):
            raise NotUnderstood("a redirection that sets a variable")
        if node.type == "heredoc_redirect":
            self._heredoc(node, command, receivers)
            return
        words = [child for child in node.children if child.type in WORDS]
        operator = next((c.type for c in node.children if not c.is_named), "")
        if node.type == "herestring_redirect":
            for receiver in receivers:
                receiver.stdin = " ".join(w.likely[0] for each in words for w in self._words(each))
            return
        if operator in (">&-", "<&-") or not words:
            if operator in (">&-", "<&-"):
                return
            raise NotUnderstood("a redirection without a target")
        targets = self._words(words[0])
        # The grammar lets a redirection take the words that follow it, too.
        command.words += [word for each in words[1:] for word in self._words(each)]
        if len(targets) != 1:
            raise NotUnderstood("a redirection to several files")
        target = targets[0]
        if operator in ("<&", ">&") and re.fullmatch(r"\d+-?|-", target.raw):
            return  # Another descriptor of the same process.
        if operator == "<&" or re.search(r"/dev/(tcp|udp)", target.raw + (target.value or "")):
            raise NotUnderstood("a redirection to the network or a descriptor")
        if operator not in ("<", ">", ">>", ">|", "&>", "&>>", ">&"):
            raise NotUnderstood(f"the redirection {operator}")
        redirect = Redirect("read" if operator == "<" else "write", target)
        command.redirects.append(redirect)
        if redirect.kind == "read":
            for receiver in receivers:
                if receiver is not command:
                    receiver.redirects.append(redirect)

    def _heredoc(self, node: "Node", command: Command, receivers: list[Command]) -> None:
        quoted, body, name, piped = False, "", "", False
        self._covers_heredoc(node)
        for child in node.children:
            match child.type:
                case "heredoc_start":
                    start = self._source[child.start_byte : child.end_byte]
                    quoted = any(mark in start for mark in "'\"\\")
                    name = re.sub(r"[\\'\"]", "", start)
                case "heredoc_body":
                    body = self._body(child, quoted=quoted)
                case "heredoc_end" | "<<" | "<<-" | "file_descriptor" | "comment":
                    end = self._source[child.start_byte : child.end_byte].strip()
                    if child.type == "heredoc_end" and end != name:
                        raise NotUnderstood("a here-document with an unusual end")
                case "file_redirect" | "herestring_redirect":
                    self._redirect(child, command, receivers)
                case kind if kind in WORDS:
                    command.words += self._words(child)
                case "|" | "|&":
                    piped = True
                case kind if child.is_named:
                    self.statement(
                        child,
                        tuple(receivers) if piped or child.type == "pipeline" else command.upstream,
                    )
                case kind if kind in LISTED_OPERATORS:
                    pass
                case _:
                    raise NotUnderstood("a here-document of an unusual form")
        if any(line.lstrip("\t") == name for line in body.split("\n")):
            raise NotUnderstood("a here-document with two ends")
        for receiver in receivers:
            receiver.stdin = text(body)

    def _covers_heredoc(self, node: "Node") -> None:
        if sum(child.type == "heredoc_body" for child in node.children) > 1:
            raise NotUnderstood("two here-documents")

    def _body(self, node: "Node", *, quoted: bool) -> str:
        """The text of a here-document; what expands in it is collected."""
        whole = self._source[node.start_byte : node.end_byte]
        if quoted:
            return whole
        rest, at = "", node.start_byte
        for begin, expansion in sorted(self._expansions(node).items()):
            rest += self._source[at:begin]
            at = expansion.end
        rest += self._source[at : node.end_byte]
        plain = re.sub(r"\\.", "", rest)
        if "`" in plain or re.search(r"\$[({\[]", plain):
            raise NotUnderstood("a here-document in which something expands")
        return whole

    def _command(self, node: "Node", upstream: tuple[Command, ...]) -> None:
        command = Command(upstream=upstream)
        before: Node | None = None
        redirects: list[Node] = []
        for child in node.children:
            gap = self._source[before.end_byte : child.start_byte] if before else " "
            touching = not gap and not child.type.endswith("_redirect")
            if before and (touching or not BLANK.match(gap)):
                raise NotUnderstood("words that are not clearly apart")
            before = child
            if child.type == "variable_assignment" and not command.words:
                command.assignments.append(self._assignment(child))
            elif child.type == "command_name":
                inner = child.children[0] if child.child_count else child
                command.words += self._words(inner)
            elif child.type in WORDS:
                command.words += self._words(child)
            elif child.type.endswith("_redirect"):
                redirects.append(child)
            elif child.type != "comment":
                raise NotUnderstood(f"a {child.type.replace('_', ' ')} among the words")
        if command.words and command.words[0].raw in RESERVED:
            raise NotUnderstood(f"the shell word {command.words[0].raw}")
        self.found.append(command)
        for redirect in redirects:
            self._redirect(redirect, command, [command])

    def _words(self, node: "Node") -> list[Word]:
        expansions = self._expansions(node)
        return read_words(self._source, node.start_byte, node.end_byte, expansions, self._around)

    def _expansions(self, node: "Node") -> dict[int, Expansion]:
        """Where something expands in a word; the commands in it are collected."""
        found: dict[int, Expansion] = {}
        match node.type:
            case "command_substitution" | "process_substitution":
                found[node.start_byte] = Expansion(node.end_byte, self._substitution(node))
            case "simple_expansion":
                found[node.start_byte] = Expansion(node.end_byte)
            case "ansi_c_string":
                found[node.start_byte] = Expansion(node.end_byte)
            case "expansion":
                written = self._source[node.start_byte : node.end_byte]
                if not EXPANSION.match(written):
                    raise NotUnderstood("an expansion")
                if any(c.type in ("command_substitution", "process_substitution")
                       for c in _below(node)):  # fmt: skip
                    raise NotUnderstood("a substitution within an expansion")
                found[node.start_byte] = Expansion(node.end_byte)
            case "arithmetic_expansion":
                written = self._source[node.start_byte : node.end_byte]
                if not numbers_only(written.lstrip("$([").rstrip(")]")):
                    # Arithmetic runs what it finds in the text of a variable.
                    raise NotUnderstood("an arithmetic expansion")
                found[node.start_byte] = Expansion(node.end_byte)
            case "translated_string":
                raise NotUnderstood("a special quote")
            case "raw_string":
                pass
            case _:
                for child in node.children:
                    found.update(self._expansions(child))
        return found

    def _substitution(self, node: "Node") -> tuple[str, ...]:
        """Collect the commands of a substitution; what it prints, where that can be guessed."""
        written = self._source[node.start_byte : node.end_byte]
        if written.startswith("`") and "\\" in written:
            raise NotUnderstood("backticks with a backslash")
        self._nested += 1
        if self._nested > MAX_NESTED:
            raise NotUnderstood("the command is nested very deeply")
        self._conditional += 1
        begin = len(self.found)
        self._covers(node)
        inner = [c for c in node.children if c.is_named]
        if not inner or not all(c.type.endswith("_redirect") for c in inner):
            self._parts(node.children, ())
        else:
            command = Command(harmless=True)
            self.found.append(command)
            for redirect in inner:
                self._redirect(redirect, command, [command])
        self._conditional -= 1
        self._nested -= 1
        new = self.found[begin:]
        if len(new) == 1 and new[0].words and new[0].words[0].value in ("which", "type", "command"):
            return (new[0].words[-1].likely[0].encode().decode("latin-1"),)
        if len(new) == 1 and new[0].words and new[0].words[0].value in ("echo", "printf"):
            return (
                " ".join(word.likely[0] for word in new[0].words[1:]).encode().decode("latin-1"),
            )
        return ()

    def _assignment(self, node: "Node") -> Word:
        """``NAME=value`` as a word, and remembered."""
        raw = text(self._source[node.start_byte : node.end_byte])
        target = node.children[0]
        if target.type == "subscript":
            inner = self._source[target.start_byte : target.end_byte]
            if not re.fullmatch(r"\w+\[\d+\]", inner):
                raise NotUnderstood("a subscript")
        name = text(self._source[target.start_byte : target.end_byte]).partition("[")[0]
        values = [child for child in node.children[1:] if child.is_named]
        prefix = node.parent is not None and node.parent.type == "command"
        certain = not self._conditional and not prefix and self._named_once(name)
        if len(values) == 1 and values[0].type in WORDS and "+=" not in raw[: len(name) + 2]:
            words = self._words(values[0])
            word = words[0] if len(words) == 1 else Word(raw, None)
            known = Known(word.likely, certain and word.value is not None and not word.glob)
            self._set(name, known)
            value = None if word.value is None else f"{name}={word.value}"
            return Word(raw, value, guesses=tuple(f"{name}={g}" for g in word.likely))
        for child in values:
            for each in child.children if child.type == "array" else [child]:
                if each.is_named:
                    self._words(each)
        self._set(name, Known((), certain=False))
        return Word(raw, f"{name}=" if not values else None)

    def _named_once(self, name: str) -> bool:
        """Whether the variable is nowhere else given a value: by another assignment, ``read`` …"""
        return len(re.findall(rf"(?<![\w$])(?<!\$\{{){name}(?!\w)", self._source)) == 1

    def _set(self, name: str, known: Known) -> None:
        before = self._around.assigned.get(name)
        if before is not None:
            known = Known((*before.values, *known.values)[:16], certain=False)
        values = tuple(value.encode().decode("latin-1") for value in known.values) or ("",)
        self._around.assigned[name] = Known(values, known.certain and before is None, known.glob)

    def _test(self, node: "Node", upstream: tuple[Command, ...]) -> None:
        whole = self._source[node.start_byte : node.end_byte]
        rest, at = "", node.start_byte
        for begin, expansion in sorted(self._expansions(node).items()):
            rest += self._source[at:begin]
            at = expansion.end
        rest += self._source[at : node.end_byte]
        harmless = test_is_harmless(whole, rest)
        words = [Word(text(whole), text(whole))]
        self.found.append(Command(words=words, upstream=upstream, harmless=harmless))

    def _declaration(self, node: "Node", upstream: tuple[Command, ...]) -> None:
        keyword = self._source[node.children[0].start_byte : node.children[0].end_byte]
        command = Command(words=[Word(keyword, keyword)], upstream=upstream)
        plain = node.child_count > 1  # Alone it shows the values of all variables.
        for child in node.children[1:]:
            if child.type == "variable_assignment":
                command.assignments.append(self._assignment(child))
            elif child.type in WORDS:
                command.words += self._words(child)
                plain = False
            elif child.type == "variable_name":
                name = self._source[child.start_byte : child.end_byte]
                command.words.append(Word(name, name))
                if keyword not in ("export", "readonly"):
                    command.assignments.append(_given(name))
                plain = plain and keyword != "readonly"
            elif child.is_named:
                raise NotUnderstood(f"a {child.type.replace('_', ' ')} in a declaration")
        command.harmless = plain
        self.found.append(command)

    def _function(self, node: "Node", upstream: tuple[Command, ...]) -> None:
        name, *rest = [child for child in node.children if child.is_named]
        self.functions.add(text(self._source[name.start_byte : name.end_byte]))
        for child in rest:
            if child.type.endswith("_redirect"):
                raise NotUnderstood("a function with a redirection")
            self.statement(child, upstream)

    def _loop(self, node: "Node", upstream: tuple[Command, ...]) -> None:
        name = ""
        words: list[Word] = []
        for child in node.children:
            if child.type == "variable_name":
                name = text(self._source[child.start_byte : child.end_byte])
            elif child.type in WORDS:
                words += self._words(child)
            elif child.type in ("do_group", "compound_statement"):
                self._bind(name, words, listed=any(c.type == "in" for c in node.children))
                self._conditional += 1
                self.statement(child, upstream)
                self._conditional -= 1
            elif child.is_named and child.type != "comment":
                raise NotUnderstood("a loop of an unusual form")
        if any(child.type == "select" for child in node.children):
            raise NotUnderstood("the shell word select")

        self.found.append(Command(assignments=[_given(name)], upstream=upstream))

    def _bind(self, name: str, words: list[Word], *, listed: bool) -> None:
        values = tuple(value for word in words for value in word.likely)
        certain = listed and all(word.value is not None for word in words)
        fresh = self._named_once(name)
        # A name that begins with a wildcard could become an option.
        first = any(word.glob and word.raw[0] in "*?[" for word in words)
        known = Known(values, certain and fresh and not first, any(word.glob for word in words))
        self._set(name, known)

    def _case(self, node: "Node", upstream: tuple[Command, ...]) -> None:
        for child in node.children:
            if child.type in WORDS:
                self._words(child)
            elif child.type == "case_item":
                self._covers(child)
                statements: list[Node] = []
                for part in child.children:
                    if part.type in WORDS and not statements:
                        self._expansions(part)
                    else:
                        statements.append(part)
                self._parts([s for s in statements if s.is_named or s.type in ";\n"], upstream)
            elif child.is_named and child.type != "comment":
                raise NotUnderstood("a case of an unusual form")


def _given(name: str) -> Word:
    """A variable that gets some value or loses it, as an assignment."""
    return Word(f"{name}=", None)


def _below(node: "Node") -> "Iterator[Node]":
    for child in node.children:
        yield child
        yield from _below(child)
