"""Words of a shell command: what a program gets for what is written, as far as that is certain.

The grammar finds where words begin and end. Here each is read once more by the rules of quoting;
where the two do not agree, the command counts as not understood."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_BRACES = 64

_META = frozenset(" \t\n;&|()<>")
_BRACES = re.compile(r"\{[^{}]*(?:,|\.\.)[^{}]*\}")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\\.")
_RANGE = re.compile(r"(-?\d{1,4})\.\.(-?\d{1,4})")
_NAME = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})\Z")
_STARTS_EXPANSION = re.compile(r"[A-Za-z_0-9@*#?$!({\[-]")
_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f",
    "v": "\v", "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_CODE = re.compile(r"x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})")


class NotUnderstood(Exception):
    """``str`` says what."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word.

    Attributes:
        raw: as written.
        value: what the program gets, when that is certain; None when something expands in it.
        glob: file names may take its place.
        choices: all values it can have, when there are several: it is a loop's variable.
        guesses: values it may have, among others; good enough to refuse, never to allow.
        literal: the part before anything expands.
    """

    raw: str
    value: str | None
    glob: bool = False
    choices: tuple[str, ...] = ()
    guesses: tuple[str, ...] = ()
    literal: str = ""

    @property
    def values(self) -> tuple[str, ...]:
        """All values it can have; none when that is not certain."""
        return self.choices if self.value is None else (self.value,)

    @property
    def likely(self) -> tuple[str, ...]:
        """Everything it may mean, in doubt what is written."""
        return self.values or self.guesses or (self.raw,)


@dataclass(frozen=True, slots=True)
class Expansion:
    """A place in a word where something expands.

    Attributes:
        end: where it ends in the source.
        guesses: what it may become.
    """

    end: int
    guesses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a variable: all of its values, or only some."""

    values: tuple[str, ...]
    certain: bool
    glob: bool = False


@dataclass(slots=True)
class Surroundings:
    """What a word is read in.

    Attributes:
        home: the home directory, as the shell has it.
        assigned: variables that this command sets.
    """

    home: str
    assigned: dict[str, Known] = field(default_factory=dict[str, Known])

    def known(self, name: str) -> Known | None:
        if name in self.assigned:
            return self.assigned[name]
        if name == "IFS":
            return Known((" ",), certain=False)
        if name == "PWD":
            return Known((".",), certain=False)
        plain = name == "HOME" and not set(" \t\n*?[") & set(self.home)
        return Known((self.home,), certain=True) if plain else None


def read_words(
    source: str, start: int, end: int, expansions: Mapping[int, Expansion], around: Surroundings
) -> list[Word]:
    """The words that ``source[start:end]`` becomes: more than one only where braces expand.

    Raises:
        NotUnderstood: it is not one word.
    """
    raw = source[start:end]
    if "{" in raw and _BRACES.search(_QUOTED.sub("", raw)):
        if any(mark in raw for mark in "\\'\"$`"):
            _Reader(source, start, end, expansions, around).word()
            return [Word(text(raw), None, guesses=_unquoted(raw))]
        return [
            _Reader(each, 0, len(each), {}, around).word(brace=True) for each in _braces(raw)
        ]  # fmt: skip
    return [_Reader(source, start, end, expansions, around).word()]


def text(raw: str) -> str:
    """Bytes that were read as Latin-1 as the text they are."""
    return raw if raw.isascii() else raw.encode("latin-1").decode("utf-8", "replace")


def _unquoted(raw: str) -> tuple[str, ...]:
    return (text(re.sub(r"[\\'\"]", "", raw)),)


def _braces(raw: str) -> list[str]:
    found = [raw]
    while any(match := _BRACES.search(each) for each in found):
        following: list[str] = []
        for each in found:
            match = _BRACES.search(each)
            if match is None:
                following.append(each)
                continue
            inner = match[0][1:-1]
            if "," in inner:
                parts = inner.split(",")
            elif bounds := _RANGE.fullmatch(inner):
                low, high = int(bounds[1]), int(bounds[2])
                if abs(high - low) > MAX_BRACES:
                    raise NotUnderstood("braces that expand to very many words")
                step = 1 if low <= high else -1
                parts = [str(number) for number in range(low, high + step, step)]
            else:
                raise NotUnderstood("braces of an unusual form")
            following += [each[: match.start()] + part + each[match.end() :] for part in parts]
        found = following
        if len(found) > MAX_BRACES:
            raise NotUnderstood("braces that expand to very many words")
    return [each for each in found if each]


class _Reader:
    """Reads one word by the rules of quoting; `_end` is where the grammar says that it ends."""

    def __init__(
        self,
        source: str,
        start: int,
        end: int,
        expansions: Mapping[int, Expansion],
        around: Surroundings,
    ) -> None:
        self._source, self._start, self._end = source, start, end
        self._at = start
        self._expansions = expansions
        self._around = around
        self._pieces: list[Known | str] = []
        self._certain = True
        self._glob = False

    def word(self, *, brace: bool = False) -> Word:
        if self._source[self._start] == "#":
            raise NotUnderstood("a comment in the place of a word")
        self._tilde()
        while self._at < self._end:
            self._step(brace=brace)
        if self._at != self._end:
            raise NotUnderstood("a word that ends in another place")
        raw = text(self._source[self._start : self._end])
        literal = text("".join(self._leading()))
        values = self._values()
        if self._certain and len(values) == 1:
            return Word(raw, values[0], self._glob, literal=literal)
        if self._certain:
            return Word(raw, None, self._glob, choices=values, guesses=values, literal=literal)
        return Word(raw, None, self._glob, guesses=values, literal=literal)

    def _leading(self) -> list[str]:
        found: list[str] = []
        for piece in self._pieces:
            if not isinstance(piece, str):
                break
            found.append(piece)
        return found

    def _values(self) -> tuple[str, ...]:
        values = [""]
        for piece in self._pieces:
            options = (piece,) if isinstance(piece, str) else piece.values
            values = [head + tail for head in values for tail in options][:MAX_BRACES]
        return tuple(dict.fromkeys(text(value) for value in values))

    def _tilde(self) -> None:
        rest = self._source[self._start : self._end]
        if rest[:1] == "~" and rest[1:2] in ("", "/"):
            self._pieces.append(self._around.home.encode().decode("latin-1"))
            self._at += 1
        elif rest[:1] == "~" or re.search(r"[=:]~", rest):
            self._certain = False

    def _step(self, *, brace: bool) -> None:
        character = self._source[self._at]
        if self._at in self._expansions:
            self._expand(quoted=False)
        elif character == "'":
            self._pieces.append(self._until("'"))
        elif character == '"':
            self._double()
        elif character == "\\":
            following = self._source[self._at + 1 : self._at + 2]
            if following in ("", "\n") or self._at + 1 >= self._end:
                raise NotUnderstood("a backslash at the end of a line within a word")
            self._pieces.append(following)
            self._at += 2
        elif character == "`" or (character == "$" and self._hides(self._at)):
            raise NotUnderstood("an expansion that the grammar does not show")
        elif character in _META and not (brace and character in "()"):
            raise NotUnderstood("a word with a separator in it")
        else:
            self._glob = self._glob or character in "*?["
            self._pieces.append(character)
            self._at += 1

    def _hides(self, at: int) -> bool:
        following = self._source[at + 1 : at + 2]
        return bool(_STARTS_EXPANSION.match(following)) or following in ("'", '"')

    def _until(self, quote: str) -> str:
        end = self._source.find(quote, self._at + 1, self._end)
        if end < 0:
            raise NotUnderstood("a quote is not closed")
        inner = self._source[self._at + 1 : end]
        self._at = end + 1
        return inner

    def _double(self) -> None:
        self._at += 1
        while self._at < self._end:
            character = self._source[self._at]
            if self._at in self._expansions:
                self._expand(quoted=True)
            elif character == '"':
                self._at += 1
                return
            elif character == "\\":
                following = self._source[self._at + 1 : self._at + 2]
                if following != "\n":
                    self._pieces.append(following if following in '$`"\\' else f"\\{following}")
                self._at += 2
            elif character == "`" or (
                character == "$" and _STARTS_EXPANSION.match(self._source[self._at + 1 :][:1])
            ):
                raise NotUnderstood("an expansion that the grammar does not show")
            else:
                self._pieces.append(character)
                self._at += 1
        raise NotUnderstood("a quote is not closed")

    def _expand(self, *, quoted: bool) -> None:
        begin, expansion = self._at, self._expansions[self._at]
        if expansion.end > self._end:
            raise NotUnderstood("an expansion that ends outside of its word")
        written = self._source[begin : expansion.end]
        self._at = expansion.end
        if written.startswith("$'"):
            decoded = ansi_c(written[2:-1])
            if decoded is None or quoted:
                self._certain = False
            self._pieces.append(decoded or "")
            return
        known = self._variable(written)
        if known is None:
            self._certain = False
            self._pieces.append(Known(expansion.guesses or ("",), certain=False))
            return
        splits = not quoted and any(set(" \t\n*?[") & set(value) for value in known.values)
        self._certain = self._certain and known.certain and (not splits or known.glob)
        # A quoted variable is not looked up as a pattern, but a loop put file names into it.
        self._glob = self._glob or known.glob or splits
        self._pieces.append(known)

    def _variable(self, written: str) -> Known | None:
        match = _NAME.match(written)
        if match is None:
            return None
        return self._around.known(match[1] or match[2])


def ansi_c(inner: str) -> str | None:
    """The text of ``$'…'``; None where it has control characters or an unknown escape."""
    value: list[str] = []
    at = 0
    while at < len(inner):
        if inner[at] != "\\":
            value.append(inner[at])
            at += 1
            continue
        if code := _CODE.match(inner, at + 1):
            digits = next(each for each in code.groups() if each)
            number = int(digits, 8 if code[4] else 16)
            if number > 0x7E:
                return None
            value.append(chr(number))
            at = code.end()
            continue
        found = _ESCAPES.get(inner[at + 1 : at + 2])
        if found is None:
            return None
        value.append(found)
        at += 2
    decoded = "".join(value)
    return decoded if decoded.isprintable() or not decoded else None
