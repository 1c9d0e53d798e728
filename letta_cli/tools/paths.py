"""File names in what tools say: short for people, and a hint when a file is not there."""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

from letta_cli.tools.tool import ToolContext

_LOOK_AT = 5_000
_SKIPPED = frozenset({".git", "node_modules", "__pycache__", ".venv", "venv"})


def shown(path: Path, cwd: Path) -> str:
    """`path` from the working directory, or whole when it is outside."""
    try:
        return str(path.relative_to(cwd))
    except ValueError:
        return str(path)


def one_line(text: str, width: int = 80) -> str:
    """`text` on one line, at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def file_title(name: str) -> "TitleOf":
    return TitleOf(name, "file_path")


class TitleOf:
    """A title ``Tool(argument)`` from one argument."""

    def __init__(self, tool: str, argument: str) -> None:
        self._tool = tool
        self._argument = argument

    def __call__(self, arguments: Mapping[str, Any]) -> str:
        return f"{self._tool}({one_line(str(arguments.get(self._argument) or ''))})"


def similar_files(name: str, context: ToolContext) -> list[str]:
    """Up to five existing files that `name` may have meant: same name elsewhere, or close to it."""
    cwd = context.workspace.cwd
    wanted = Path(name).name
    same: list[str] = []
    close: dict[str, str] = {}
    for path in islice(_walk(cwd), _LOOK_AT):
        relative = shown(Path(path), cwd)
        if Path(path).name == wanted:
            same.append(relative)
        else:
            close.setdefault(Path(path).name, relative)
    near = [close[match] for match in get_close_matches(wanted, close, 5, cutoff=0.75)]
    return [*same, *near][:5]


def _walk(folder: Path) -> Iterator[str]:
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(files):
            yield str(Path(base) / name)
