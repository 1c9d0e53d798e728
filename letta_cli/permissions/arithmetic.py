"""Tests and arithmetic: where bash expects a number, it runs what stands in the text of a variable.

With ``x='a[$(touch made)]'`` both ``$((x))`` and ``[[ $x -eq 1 ]]`` make a file."""

import re

_NUMBERS = re.compile(r"[\d\s+*/%()<>=!&|^~?:,-]*\Z")
_PLAIN = re.compile(r"[^;<>`\n\\()]*\Z")
_EVALUATES = re.compile(r"(?:\A|\s)-(?:v|R|eq|ne|lt|le|gt|ge)(?=\s|\Z)")


def numbers_only(written: str) -> bool:
    """Whether an arithmetic expression has nothing in it that could be a variable."""
    return bool(_NUMBERS.match(written))


def test_is_harmless(whole: str, rest: str) -> bool:
    """Whether ``[ … ]``, ``[[ … ]]`` or ``(( … ))`` only looks.

    Args:
        rest: the text without what expands in it, which is judged by itself.
    """
    if whole.startswith("(("):
        return numbers_only(whole)
    # The single bracket compares numbers without evaluating them; -v and -R evaluate in both.
    compared = rest if whole.startswith("[[") else re.sub(r"-\w\w\b", "", rest)
    return bool(_PLAIN.match(rest)) and not _EVALUATES.search(compared)
