"""Diffs of edits: a unified diff for the person, the changed lines for the model."""

from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff

from letta_cli.core.tool import Display
from letta_cli.workspace.text import split_lines

_MAX_LINES = 4_000
"""Longer files are compared without the search for moved lines, which takes quadratic time."""

_SHOWN_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class Change:
    """A file's text before and after."""

    before: str
    after: str

    def display(self, title: str, path: str) -> Display:
        """The diff and its counts, for a frontend."""
        diff, added, removed = self.diff(path)
        return Display(title=title, path=path, diff=diff, added=added, removed=removed)

    def diff(self, path: str) -> tuple[str, int, int]:
        """Unified diff text with three lines of context, added lines, removed lines."""
        before, after = split_lines(self.before), split_lines(self.after)
        lines = list(unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm=""))
        body = lines[2:]
        added = sum(line.startswith("+") for line in body)
        removed = sum(line.startswith("-") for line in body)
        return "\n".join(lines), added, removed

    def changed_lines(self) -> str:
        """The lines that changed as they are now, numbered, with one line around them."""
        before, after = split_lines(self.before), split_lines(self.after)
        matcher = SequenceMatcher(None, before, after, autojunk=len(after) > _MAX_LINES)
        shown: list[str] = []
        for group in matcher.get_grouped_opcodes(1):
            if shown:
                shown.append("…")
            shown += numbered(after[group[0][3] : group[-1][4]], group[0][3] + 1)
        text = "\n".join(shown)
        return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "\n… (more changed)"


def numbered(lines: list[str], first: int, width: int = 2_000) -> list[str]:
    """Lines as Read shows them: number, tab, text; very long ones are cut."""
    return [
        f"{number}\t{line if len(line) <= width else line[:width] + '… (line cut)'}"
        for number, line in enumerate(lines, first)
    ]
