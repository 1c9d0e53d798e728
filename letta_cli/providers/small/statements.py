"""What a person asked to remember, statement by statement, and whether a text holds it. Pure.

A small model often stores half of what it was told. Whether it did can be seen without a model:
every word that carries meaning has to be in what is stored.
"""

import re

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_REMEMBER = (
    r"(?:(?:and|so|now|please,?|can you|could you) )*"
    r"(?:remember|memori[sz]e|note|make a note|keep in mind|(?:do not|don't|never) forget)"
)
_WHAT = r"(?:that|this|it|both|all|these|those|of|for|me|later|please|well|the following|in memory)"
_ONLY_COMMAND = re.compile(rf"\W*{_REMEMBER}(?: {_WHAT})*\W*", re.IGNORECASE)
_LEAD = re.compile(
    rf"^\W*{_REMEMBER}(?: (?:that|this|the following|for me|for later))*\s*[:,]?\s+(?=\w)",
    re.IGNORECASE,
)
_TAIL = re.compile(rf"[,;]?\s+{_REMEMBER}(?: (?:that|this|it))?[.!]*$", re.IGNORECASE)
_OTHER_TASK = re.compile(
    r"^\W*(?:(?:and |then |now |after that,? |please )*"
    r"(?:add|change|create|edit|fix|list|look|read|rename|run|search|show|tell|write)\b|"
    r"(?:what|why|how|where|which|who|when|is|are|does|do|did|can|could)\b.*\?\s*$)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_EMPTY = frozenset(
    _WORD.findall(
        "a am an and are as at be been but by can for from had has have he her his i in is it its "
        "i'm i've if me mine my of on or our she so that the their them they this to too us was we "
        "were will with you your called name named person user people also please"
    )
)
_STEM = 4
"""Letters of a word that are compared, so that its ending does not matter."""


def statements(text: str) -> list[str]:
    """The statements to remember in a request, in the person's words."""
    found: list[str] = []
    for sentence in _SENTENCE.split(text.strip()):
        plain = _TAIL.sub("", _LEAD.sub("", sentence)).strip()
        if _ONLY_COMMAND.fullmatch(sentence) or not _WORD.search(plain):
            continue
        if plain == sentence.strip() and _OTHER_TASK.search(sentence):
            continue
        found.append(plain)
    return found


def is_held(statement: str, text: str) -> bool:
    """Whether `text` has every word of `statement` that carries meaning, however inflected."""
    there = {_stem(word) for word in _WORD.findall(text.lower())}
    words = [word for word in _WORD.findall(statement.lower()) if word not in _EMPTY]
    return all(_stem(word) in there for word in words)


def _stem(word: str) -> str:
    """A word without its ending; numbers and short words are what they are."""
    return word if any(map(str.isdigit, word)) else word[:_STEM].removesuffix("s")
