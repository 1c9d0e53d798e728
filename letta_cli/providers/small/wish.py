"""What can be read from a person's words without a model: what kind of outcome they ask for.

Only clear cases count; everything else is left to the model. The words are English; in other
languages nothing is read from them and nothing is enforced.
"""

import re
from dataclasses import dataclass

_CHANGE = re.compile(
    r"\b(add|append|bump|change|convert|correct|create|edit|extend|fix|implement|insert|make|"
    r"move|refactor|rename|repair|replace|set|update|write)\b",
    re.IGNORECASE,
)
_ADD = re.compile(r"add|append|create|implement|insert|write|extend", re.IGNORECASE)
_QUESTION = re.compile(
    r"^\W*(what|why|how|where|which|who|when|is|are|does|do|did|explain|describe|show|list|find|"
    r"tell|summari[sz]e|read|look|search|count|run|check|(can|could|would) you (explain|describe|"
    r"show|list|find|tell|summari[sz]e))\b",
    re.IGNORECASE,
)
_CHECK = re.compile(
    r"\b(tests? (\S+ ){0,3}(fails?|failing|pass)|(failing|failed|broken) tests?|fails?|"
    r"crash(es|ed)?|traceback|exception|error|[A-Z]\w*(Error|Exception)|runs? the tests?)\b",
    re.IGNORECASE,
)
_TEST_CHANGE = re.compile(
    r"\b(add|write|create|update|change|extend|rename|edit)\b[^.]{0,40}\btests?\b", re.IGNORECASE
)
_MEMORY = re.compile(
    r"\b(remember|memori[sz]e|note that|make a note|keep in mind|(do not|don't) forget)\b",
    re.IGNORECASE,
)
_RECALL = re.compile(r"\b(do|did|can) you (still )?remember\b", re.IGNORECASE)
_DESTRUCTIVE = re.compile(
    r"\brm\s+-\w*r|\b(wipe|erase|destroy|shred|mkfs|shut ?down)\b|"
    r"\b(delete|remove)\b.*\b(everything|all files|home|director(y|ies)|folders?|disk|system)\b",
    re.IGNORECASE | re.DOTALL,
)
_RENAME = re.compile(
    r"\brename\b(.*?)\b(?:to|into|as)\s+[`'\"]?([A-Za-z_]\w*)", re.IGNORECASE | re.DOTALL
)
_PATH = re.compile(
    r"(?<![\w/.])(?:\.{0,2}/)?[\w\-]+(?:[/.][\w\-]+)*\.\w{1,10}\b|[\w\-]+(?:/[\w\-.]+)+"
)
_CODE_NAME = re.compile(r"\b([A-Za-z]\w*_\w+|[A-Z][a-z0-9]+(?:[A-Z]\w*)+|[A-Za-z_]\w*(?=\())")
_QUOTED = re.compile(r"`([^`\n]{2,60})`")


@dataclass(frozen=True, slots=True)
class Wish:
    """A person's words and what is plain in them.

    Attributes:
        change: files are to be different afterwards.
        question: something is to be told; nothing is to be different afterwards.
        parts: how many changes the words speak of; at least 1.
        add: something is to be there that was not; `names` says what it is called.
        check: something fails now and is to work afterwards.
        tests: test files may be changed.
        memory: something is to be remembered.
        destructive: it speaks of destroying things; nothing must push the model to act.
        rename: old and new name, or None.
        paths: words that look like files.
        names: words that look like names in code, most telling first.
    """

    text: str
    change: bool
    question: bool
    parts: int
    add: bool
    check: bool
    tests: bool
    memory: bool
    destructive: bool
    rename: tuple[str, str] | None
    paths: tuple[str, ...]
    names: tuple[str, ...]


def read_wish(text: str) -> Wish:
    """What is plain in `text`."""
    destructive = bool(_DESTRUCTIVE.search(text))
    asks_kindly = re.match(r"^\W*(can|could|would|will) you\b", text, re.IGNORECASE)
    question = bool(_QUESTION.search(text)) or (text.rstrip().endswith("?") and asks_kindly is None)
    change = bool(_CHANGE.search(text)) and not (question or destructive)
    memory = bool(_MEMORY.search(text)) and not question and not _RECALL.search(text)
    paths = tuple(dict.fromkeys(match[0].removeprefix("./") for match in _PATH.finditer(text)))
    return Wish(
        text=text,
        change=change and not memory,
        question=question and not memory,
        parts=max(1, len(_CHANGE.findall(text))),
        add=change and not memory and _first_verb_adds(text),
        check=bool(_CHECK.search(text)) and change and not memory,
        tests=bool(_TEST_CHANGE.search(text)),
        memory=memory,
        destructive=destructive,
        rename=None if destructive or question else _rename(text, paths),
        paths=paths,
        names=_names(text, paths),
    )


def _first_verb_adds(text: str) -> bool:
    verb = _CHANGE.search(text)
    return verb is not None and _ADD.fullmatch(verb[0]) is not None


def _rename(text: str, paths: tuple[str, ...]) -> tuple[str, str] | None:
    """Old and new name: the first thing like code after "rename", else the word before "to"."""
    match = _RENAME.search(text)
    if match is None:
        return None
    old = [*_names(match[1], paths), *reversed(re.findall(r"[A-Za-z_]\w*", match[1]))]
    if not old or old[0] == match[2]:
        return None
    return old[0], match[2]


def _names(text: str, paths: tuple[str, ...]) -> tuple[str, ...]:
    quoted = [match[1].removesuffix("()") for match in _QUOTED.finditer(text)]
    coded = [match[1] for match in _CODE_NAME.finditer(text)]
    in_paths = " ".join(paths)
    found = [name for name in (*quoted, *coded) if re.fullmatch(r"[A-Za-z_]\w*", name)]
    return tuple(dict.fromkeys(name for name in found if name not in in_paths))
