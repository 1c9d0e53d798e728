"""Files that a message names with ``@path``: read, so that they go to the model with the words."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from letta_cli.workspace.files import FileRefused, Files
from letta_cli.workspace.text import split_lines

MOST_FILES = 20
MOST_LINES = 200
MOST_CHARACTERS = 10_000
_NAMED = re.compile(r"(?:^|(?<=[\s(]))@(?:\"([^\"\n]+)\"|([^\s@\"]\S*))")
_AFTER_A_NAME = ".,;:!?)]}'\"`"
_PATH_LIKE = re.compile(r"[\w~./+-]*(?:/[\w./+-]+|\w\.[A-Za-z]\w{0,4})")


@dataclass(frozen=True, slots=True)
class Attached:
    """What became of the files that a message names.

    Attributes:
        texts: for the model, one a file: where it lies, and its name and numbered lines.
        taken: for the person, one a file that was attached.
        left_out: for the person, one a file that was not, and why.
    """

    texts: tuple[tuple[Path, str], ...] = ()
    taken: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def attach(message: str, files: Files, refused: Callable[[Path], str]) -> Attached:
    """Read the files that `message` names; what was read may be edited.

    Args:
        refused: why this file must not be read; empty when it may.
    """
    texts: list[tuple[Path, str]] = []
    taken: list[str] = []
    left_out: list[str] = []
    for name in _names(message, files.cwd)[:MOST_FILES]:
        try:
            path = files.resolve(name)
            if path.is_dir():
                continue
            if path.exists() and (reason := refused(path)):
                left_out.append(f"{name}: {reason}")
                continue
            text, told = _text_of(name, split_lines(files.read(name).text))
        except FileRefused as error:
            left_out.append(str(error))
        else:
            texts.append((path, text))
            taken.append(told)
    return Attached(tuple(texts), tuple(taken), tuple(left_out))


def _names(message: str, cwd: Path) -> list[str]:
    """The files that are named, each once; of what does not exist only what looks like a path."""
    found: dict[str, None] = {}
    for match in _NAMED.finditer(message):
        name = match[1] or match[2]
        if not match[1] and not _exists(cwd, name):
            name = name.rstrip(_AFTER_A_NAME)
        if name and (match[1] or _exists(cwd, name) or _PATH_LIKE.fullmatch(name)):
            found[name] = None
    return list(found)


def _exists(cwd: Path, name: str) -> bool:
    try:
        return (cwd / Path(name).expanduser()).exists()
    except (OSError, RuntimeError, ValueError):
        return False


def _text_of(name: str, lines: list[str]) -> tuple[str, str]:
    """A file's beginning for the model, and what the person is told of it."""
    shown: list[str] = []
    room = MOST_CHARACTERS
    for number, line in enumerate(lines[:MOST_LINES], start=1):
        numbered = f"{number}\t{line}"
        if len(numbered) + 1 > room:
            if not shown:
                shown.append(f"{numbered[:room]}… (line cut)")
            break
        shown.append(numbered)
        room -= len(numbered) + 1
    count = f"{len(lines)} line{'' if len(lines) == 1 else 's'}"
    if len(shown) < len(lines):
        count = f"first {len(shown)} of {count}"
        shown.append(f"({count}; go on with Read, offset={len(shown) + 1})")
    body = "\n".join(shown) or "(empty)"
    return f"Attached file {name}:\n{body}", f"{name} ({count})"
