"""Which skill a person's words are about, by the words of its name and description.

The words are those of the program's search: without the ones that carry no meaning, names in code
taken apart. Endings are cut off, so that entries meet an entry.
"""

from collections.abc import Iterable, Sequence

from letta_cli.core.skill import Skill
from letta_cli.store.search_words import parse

LEAST_SHARED = 2.0
"""Weight of the words that both must have."""

LEAST_SHARE = 0.5
"""The part that these must be of the shorter text's weight."""

MOST_WORDS = 40
"""So many words of a request are looked at: a long one has a little of everything."""

_FORM = frozenset(
    {"skill", "task", "something", "use", "used", "using", "when", "user", "person", "ask",
     "asked", "asks", "please", "need", "needs", "want", "wants", "help"}
)  # fmt: skip
"""What every skill's description and every request may say."""

_COMMON = frozenset(
    {"add", "change", "code", "create", "do", "edit", "file", "find", "fix", "function", "get",
     "insert", "make", "name", "new", "project", "put", "run", "set", "show", "update", "work",
     "write"}
)  # fmt: skip
"""Of what coding is about in general: half a word each."""

_ENDINGS = ("ings", "ing", "ies", "ied", "ed", "es", "s", "e", "y")


def best_match(words: str, skills: Sequence[Skill]) -> Skill | None:
    """The skill that `words` strongly suggest; None when none or several do equally."""
    asked = _weighed(words)
    scored: list[tuple[float, Skill]] = []
    for skill in skills:
        about = _weighed(f"{skill.name.replace('-', ' ')} {skill.description}", most=None)
        shared = sum(asked[word] for word in asked.keys() & about.keys())
        shorter = min(sum(asked.values()), sum(about.values()))
        if shared >= LEAST_SHARED and shared >= LEAST_SHARE * shorter:
            scored.append((shared / shorter * shared, skill))
    scored.sort(key=lambda each: -each[0])
    if len(scored) > 1 and scored[0][0] == scored[1][0]:
        return None
    return scored[0][1] if scored else None


def _weighed(text: str, most: int | None = MOST_WORDS) -> dict[str, float]:
    """The telling words of `text` without their endings, each with its weight."""
    found: dict[str, float] = {}
    for word in _words(text):
        if word not in _FORM:
            weight = 0.5 if word in _COMMON or _stem(word) in _COMMON_STEMS else 1.0
            found.setdefault(_stem(word), weight)
        if most is not None and len(found) >= most:
            break
    return found


def _words(text: str) -> Iterable[str]:
    # A query has its limits; a text is as many queries as it has lines.
    for line in text.splitlines():
        query = parse(line.replace('"', " "))
        yield from query.words
        # A file name that both have says more than its words.
        yield from (term for term in query.terms if " " in term)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


_COMMON_STEMS = frozenset(map(_stem, _COMMON))
