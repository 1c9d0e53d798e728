"""Finds the instructions that people keep beside their code: the chain of AGENTS.md files.

Order: the person's own, then from the project's root down to the working directory; a nearer file
stands later and so weighs more. What does not fit is cut, and said."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

MAX_BYTES = 32 * 1024
"""UTF-8 bytes of all instructions together."""

MAX_IMPORT_DEPTH = 4
_MAX_FILE = 256 * 1024
_MAX_IMPORTS = 50

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_IMPORT = re.compile(r"(?<![\w@`/.])@((?:~/|\.{0,2}/)?[\w.][^\s`,;:!?\"')\]]*)")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_CODE_SPAN = re.compile(r"(`+)(?:(?!\1).)+?\1(?!`)")


@dataclass(frozen=True, slots=True)
class InstructionFile:
    """One file that was found.

    Attributes:
        chars: how much of it is in the text, imports included.
        cut_chars: how much of it did not fit, or was not read.
    """

    path: Path
    chars: int
    cut_chars: int = 0


@dataclass(frozen=True, slots=True)
class Instructions:
    """All instructions as one text, and the files they came from."""

    text: str
    files: tuple[InstructionFile, ...]


def find_instructions(
    cwd: Path,
    git_root: Path | None,
    home: Path,
    *,
    agent_home: Path | None = None,
    accept: Callable[[Path, str, int], bool] | None = None,
) -> Instructions:
    """Read the chain for `cwd`.

    Args:
        home: the person's home directory.
        agent_home: the program's own folder where it is not ``home/.agent``.
        accept: asked for each file that is not the person's own, with the SHA-256 and the bytes
            of its text as the model would get it; what is not accepted is left out.
    """
    own = _own_folders(home, agent_home)
    chain = list(_candidates(cwd, git_root, own))
    room = MAX_BYTES
    parts: list[str] = []
    files: list[InstructionFile] = []
    seen: set[str] = set()
    for path in chain:
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        text = _without_comments(_expanded(path, git_root or cwd, home)).strip()
        if not text:
            continue
        if accept and path.parent not in own:
            data = text.encode()
            if not accept(path, sha256(data).hexdigest(), len(data)):
                continue
        kept = _fitting(text, room)
        files.append(InstructionFile(path, len(kept), len(text) - len(kept)))
        if kept:
            part = f"# From {path}\n\n{kept}"
            parts.append(part)
            room -= len(kept.encode())
    return Instructions("\n\n".join(parts), tuple(files))


def _own_folders(home: Path, agent_home: Path | None) -> list[Path]:
    """Where the person's own instructions stand."""
    return [agent_home or home / ".agent", home / ".config" / "agent", home / ".agents"]


def _candidates(cwd: Path, git_root: Path | None, own: list[Path]) -> Iterator[Path]:
    for folder in own:
        yield from _in_folder(folder)
    here = Path(os.path.realpath(cwd))
    root = Path(os.path.realpath(git_root)) if git_root else here
    folders = [here, *here.parents]
    if root not in folders:
        root = here
    for folder in reversed(folders[: folders.index(root) + 1]):
        if folder not in own:
            yield from _in_folder(folder)


def _in_folder(folder: Path) -> Iterator[Path]:
    """The folder's instructions and the person's local ones; CLAUDE.md where there is no other."""
    main = ("AGENTS.override.md", "AGENTS.md", "CLAUDE.md")
    for names in (main, ("AGENTS.local.md", "CLAUDE.local.md")):
        found = next((folder / name for name in names if (folder / name).is_file()), None)
        if found is not None:
            yield found


def _expanded(path: Path, project: Path, home: Path) -> str:
    """The file's text with its imports in place of ``@path``."""
    budget = [_MAX_IMPORTS]
    return _read(path, project, home, (), budget) or ""


def _read(
    path: Path,
    project: Path,
    home: Path,
    above: tuple[str, ...],
    budget: list[int],
) -> str | None:
    """A file with its imports; None when it is not a text file or imports itself."""
    real = os.path.realpath(path)
    if real in above:
        return None
    try:
        handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            data = file.read(_MAX_FILE)
    except OSError:
        return None
    if b"\0" in data:
        return None
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n")

    def imported(match: "re.Match[str]") -> str:
        written = match[1].rstrip(".")
        if len(above) >= MAX_IMPORT_DEPTH or budget[0] <= 0:
            return match[0]
        target = _target(written, path.parent, home)
        # What lies outside of the project is the person's, not the repository's, to bring in.
        if target is None or not _may_import(target, path, project, home):
            return match[0]
        budget[0] -= 1
        inner = _read(target, project, home, (*above, real), budget)
        return match[0] if inner is None else inner.strip() + match[1][len(written) :]

    return "".join(piece if code else _IMPORT.sub(imported, piece) for piece, code in _pieces(text))


def _target(written: str, folder: Path, home: Path) -> Path | None:
    if written.startswith("~/"):
        return home / written[2:]
    target = folder / written
    return target if target.is_file() else None


def _may_import(target: Path, importer: Path, project: Path, home: Path) -> bool:
    real, root = Path(os.path.realpath(target)), Path(os.path.realpath(project))
    if not real.is_file():
        return False
    if root in Path(os.path.realpath(importer)).parents:
        return root in real.parents
    return real.suffix.lower() in ("", ".md", ".txt") and (
        Path(os.path.realpath(home)) in real.parents
    )


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in order, in pieces that are code or not; joined they are the text."""
    fence = ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            yield line, True
        elif mark:
            fence = mark[1]
            yield line, True
        else:
            at = 0
            for span in _CODE_SPAN.finditer(line):
                yield line[at : span.start()], False
                yield span[0], True
                at = span.end()
            yield line[at:], False


def _without_comments(text: str) -> str:
    """The text without HTML comments outside of code; they are notes among people."""
    marked = "".join(
        piece.replace("<!--", "<\0!--") if code else piece for piece, code in _pieces(text)
    )
    return _COMMENT.sub("", marked).replace("<\0!--", "<!--")


def _fitting(text: str, room: int) -> str:
    """As many whole lines from the beginning as fit into `room` bytes."""
    if len(text.encode()) <= room:
        return text
    kept = text.encode()[: max(room, 0)].decode("utf-8", "ignore")
    return kept[: kept.rfind("\n") + 1].rstrip()
