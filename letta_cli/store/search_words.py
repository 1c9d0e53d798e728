"""The words of texts and of queries, so that both meet in the index.

Code is found by the parts of its names (``fooBar`` by "bar"); scripts that put no space between
words, by pairs of letters; a path or an error code as its words in a row.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from letta_cli.store import rows

_TERMS_MAX = 32
_QUERY_MAX = 10_000
_NAMES_MAX = 300

# fmt: off
_STOP_WORDS = frozenset({
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "because", "been", "but", "by", "can", "could", "did", "do", "does", "for", "from", "had",
    "has", "have", "he", "her", "here", "him", "his", "how", "i", "if", "in", "into", "is",
    "it", "its", "just", "like", "me", "more", "my", "no", "not", "now", "of", "on", "one",
    "only", "or", "our", "out", "over", "said", "say", "she", "should", "so", "some", "than",
    "that", "the", "their", "them", "then", "there", "these", "they", "this", "to", "up", "us",
    "very", "was", "we", "well", "were", "what", "when", "where", "which", "while", "who",
    "whom", "why", "will", "with", "would", "you", "your",
})
# fmt: on
_WORD = re.compile(r"[^\W_]+")
_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»')
# Letters of scripts that are written without spaces: kana, Han, Hangul.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
_COMPOUND = re.compile(r"(?<![^\W_])[a-zA-Z0-9]{3,64}(?![^\W_])")
_HUMPS = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


Span = tuple[int, int]
"""Where something begins and ends in a text."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a person or a model looks for.

    Attributes:
        terms: any of them may be there; one of several words means them in a row.
        phrases: all of them must be there, word by word: what stood in quotes.
        words: single words, to be shown in the text that was found.
        is_question: what is looked for may stand beside its words, as an answer does. Who gives
            a word or two wants to see them.
    """

    terms: tuple[str, ...]
    phrases: tuple[str, ...]
    words: tuple[str, ...]
    is_question: bool


def indexable(text: str) -> str:
    """A text as the index takes it."""
    if not text.isascii():
        text = _UNSPACED.sub(lambda found: f" {_pairs(found[0])} ", text)
    if _HUMPS.search(text):
        parts = dict.fromkeys(
            part
            for name in _COMPOUND.findall(text)
            if _HUMPS.search(name)
            for part in _PART.findall(name)
        )
        text = f"{text}\n{' '.join(list(parts)[:_NAMES_MAX])}"
    return text


def parse(text: str) -> Query:
    """Any text is a query. Its words, those that carry no meaning left out unless all do so."""
    text = rows.clean(text)[:_QUERY_MAX]
    phrases: list[str] = []
    for groups in _QUOTED.findall(text):
        if phrase := _in_a_row(next(filter(None, groups))):
            phrases.append(phrase)
    unquoted = _QUOTED.sub(" ", text) if phrases else text
    loose = list(dict.fromkeys(_terms(unquoted)))
    telling = [term for term in loose if term not in _STOP_WORDS]
    terms = (telling or ([] if phrases else loose))[:_TERMS_MAX]
    words = dict.fromkeys(word for term in (*phrases, *terms) for word in _shown(term))
    asked = {word.lower() for word in unquoted.split()} - _STOP_WORDS
    return Query(
        tuple(terms), tuple(phrases[:_TERMS_MAX]), tuple(words), min(len(asked), len(telling)) > 2
    )


def _terms(text: str) -> Iterable[str]:
    for chunk in text.split():
        words = [word for word in _WORD.findall(chunk) if word]
        if len(words) > 1 and not _UNSPACED.search(chunk):
            yield _in_a_row(chunk)
            words = [word for word in words if len(word) > 1] or words
        for word in words:
            if not word.isascii() and _UNSPACED.search(word):
                yield from _of_mixed(word)
                continue
            yield word.lower()
            if _HUMPS.search(word) and len(word) <= 64:
                yield from (part.lower() for part in _PART.findall(word) if len(part) > 1)


def _of_mixed(word: str) -> Iterable[str]:
    """The pairs of its letters, and words of other scripts between them."""
    yield from (each.lower() for each in _WORD.findall(_UNSPACED.sub(" ", word)))
    for found in _UNSPACED.findall(word):
        if len(found) == 1:
            yield f"{found}*"
        yield from (found[place : place + 2] for place in range(len(found) - 1))


def _pairs(run: str) -> str:
    """All pairs, and the last letter, so that each letter begins something."""
    return " ".join([*(run[place : place + 2] for place in range(len(run) - 1)), run[-1]])


def _in_a_row(text: str) -> str:
    """Its words as they follow one another in the index."""
    spread = _UNSPACED.sub(lambda found: f" {_pairs(found[0])[:-2] or found[0]} ", text)
    return " ".join(word.lower() for word in _WORD.findall(spread))


def _shown(term: str) -> Iterable[str]:
    return term.removesuffix("*").split()


def excerpt(text: str, words: Sequence[str], width: int = 240) -> tuple[str, tuple[Span, ...]]:
    """The piece of `text` with the most of `words`, on one line, and where they stand in it."""
    flat = " ".join(text.split())
    # The index compares stems; the first letters of a word find it here as well.
    stems = sorted(map(_stem, words), key=len, reverse=True)
    pattern = re.compile("|".join(stems) or r"(?!)", re.IGNORECASE)
    piece, before = flat, ""
    if len(flat) > width:
        lead = width // 4
        places = [match.start() for match in pattern.finditer(flat)]
        start = max(0, min(_densest(places, width - lead) - lead, len(flat) - width))
        before = "…" if start else ""
        piece = flat[start : start + width] + ("…" if start + width < len(flat) else "")
    piece = before + piece
    return piece, tuple(_word_at(piece, match.span()) for match in pattern.finditer(piece))


def _stem(word: str) -> str:
    if not word.isascii():
        return re.escape(word)
    return rf"(?<![^\W_]){re.escape(word[: max(3, len(word) - 3)])}"


def _word_at(text: str, span: Span) -> Span:
    """The whole word that a stem is the beginning of."""
    start, end = span
    if not _UNSPACED.match(text, start):
        while end < len(text) and text[end].isalnum():
            end += 1
    return start, end


def _densest(places: Sequence[int], width: int) -> int:
    """The place from which on the most places lie within `width`; 0 when there is none."""
    best, most, first = 0, 0, 0
    for last, place in enumerate(places):
        while place - places[first] >= width:
            first += 1
        if last - first + 1 > most:
            best, most = places[first], last - first + 1
    return best
