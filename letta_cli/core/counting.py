"""Counts in words, as people read them."""


def plural(count: int, word: str, words: str = "") -> str:
    """``1 line``, ``2,000 lines``; with a plural of its own: ``2 histories``."""
    return f"{count:,} {word if count == 1 else words or f'{word}s'}"
