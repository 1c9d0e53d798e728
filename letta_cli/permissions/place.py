"""Where a command or a tool works: its folders, what it may read there, what is protected."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from letta_cli.permissions import paths
from letta_cli.permissions.command import Command
from letta_cli.permissions.walk import TooMany, links_below, pieces_below
from letta_cli.permissions.wrappers import program

_MOST_FOLDERS = 16
_MOST_MATCHES = 5_000
_MOST_STARS = 8


@dataclass(frozen=True)
class Place:
    """Where a call works. All paths are canonical.

    Attributes:
        roots: the workspace: may be read, and changed with permission.
        readable: further folders that may be read, such as those of skills.
        denied: files that a rule forbids to read, where it names exactly one.
        folders: all directories that a relative path in a command may start from.
        lost: there may be others, after a ``cd`` that is not certain.
    """

    cwd: Path
    roots: tuple[Path, ...]
    home: Path
    readable: tuple[Path, ...] = ()
    denied: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    lost: bool = False

    def after(self, commands: Sequence[Command]) -> "Place":
        """The same place with every directory that a part of the command may run in."""
        # A shell goes up from where it thinks it is, a path from where it is: links make two of it.
        folders = [str(self.cwd)]
        lost = False
        for command in commands:
            name = program(command.words)
            if name in ("cd", "pushd", "popd"):
                words = [word for word in command.words[1:] if word.raw not in ("--", "-P", "-L")]
                targets = words[0].values if len(words) == 1 else ()
                if not words and name == "cd":
                    targets = (str(self.home),)
                if not targets or targets[0].startswith("-") or (words[:1] and words[0].glob):
                    lost = True
                    continue
                whole = [os.path.join(f, t) for f in folders for t in targets]  # noqa: PTH118
                thought, real = map(os.path.normpath, whole), map(os.path.realpath, whole)
                folders = list(dict.fromkeys((*folders, *thought, *real)))
                if len(folders) > _MOST_FOLDERS:
                    del folders[_MOST_FOLDERS:]
                    lost = True
                    break
            elif name in ("eval", "source", ".", "builtin"):
                lost = True
        real = dict.fromkeys(Path(os.path.realpath(folder)) for folder in folders)
        return replace(self, folders=tuple(real), lost=lost)

    def holds(self, path: Path) -> bool:
        """Whether `path` is in the workspace."""
        return paths.inside(path, self.roots)

    @cached_property
    def away(self) -> str | None:
        """Why the folders that a command may be in are not all to be read."""
        if self.lost:
            return "it works in a folder that is known only when it runs"
        return next((why for folder in self.folders if (why := self.unreadable(folder))), None)

    @cached_property
    def own_repository(self) -> bool:
        """Whether git works with the repository of the workspace alone: another one may bring
        programs that its git runs."""
        if self.lost:
            return False
        for folder in self.folders:
            if not self.holds(folder):
                return False
            while folder not in self.roots:
                if os.path.lexists(folder / ".git") or os.path.lexists(folder / "HEAD"):
                    return False
                folder = folder.parent
        return True

    def brings(self, names: Sequence[str]) -> bool:
        """Whether a file of one of these names is in a folder of the command or above one."""
        above = [each for folder in self.folders for each in (folder, *folder.parents)]
        return any(os.path.lexists(folder / name) for name in names for folder in above)

    def unreadable(self, path: Path) -> str | None:
        """Why `path` (canonical) is read only when the person says so, or None."""
        if why := self.secret(path):
            return why
        if why := paths.unresolved(path) or paths.special(path):
            return why
        if self.holds(path) or paths.inside(path, self.readable) or paths.readable_system(path):
            return None
        return f"{path} is outside of the working directory"

    @cached_property
    def _secrets(self) -> dict[Path, str | None]:
        return {}

    def secret(self, path: Path) -> str | None:
        """Why `path` shows keys or passwords, also under another name of the same file."""
        if path not in self._secrets:
            self._secrets[path] = self._secret(path)
        return self._secrets[path]

    def _secret(self, path: Path) -> str | None:
        if why := paths.secret(path, self.home):
            return why
        if paths.linked(path):
            other = paths.same_file(path, (*self.denied, *paths.known_secrets(self.home)))
            if other is not None:
                return f"{path} is another name of {other}"
        return None

    def within(self, folder: Path) -> str | None:
        """Why a search through everything in `folder` needs permission, or None."""
        if not folder.is_dir():
            return None
        if paths.holds_secrets(folder, self.home):
            return f"{folder} holds files with keys"
        for path in self.denied:
            if paths.inside(path, (folder,)) and path.exists():
                return f"it reads everything in {folder}, and a rule forbids {path.name} there"
        return None

    def leads_out(self, folder: Path) -> str | None:
        """Why what follows all links in `folder` needs permission, or None."""
        try:
            found = links_below(folder)
            return next((why for path in found if (why := self.unreadable(path))), None)
        except TooMany:
            return f"{folder} holds too many files to see where its links lead"

    def splits(self, folder: Path) -> bool:
        """Whether what ends names at blanks takes one in `folder` for something else that is not
        to be read, or for an option."""
        try:
            return any(not piece or self._astray(piece) for piece in pieces_below(folder))
        except TooMany:
            return True

    def _astray(self, piece: str) -> bool:
        return piece.startswith("-") or any(
            self.unreadable(Path(os.path.realpath(folder / piece))) for folder in self.folders
        )

    def protected(self, path: Path) -> str | None:
        """Why `path` is changed only when the person says so each time, or None."""
        return paths.protected(path, self.home, self.roots)

    def only_read(self, path: Path) -> bool:
        """Whether a protected path is one that programs are often told of without changing it."""
        return paths.belongs_to_system(path, self.home) or paths.skill_or_tree(path)

    def matching(self, folder: Path, pattern: str, *, all_files: bool = False) -> Iterator[Path]:
        """Links and hidden files among what `pattern` stands for now, canonical.

        Args:
            all_files: ordinary files too.

        Raises:
            TooMany: it stands for more than can be looked at, or for what cannot.
        """
        # Two stars are one to a shell that was not told otherwise.
        pattern = re.sub(r"\*{2,}", "*", pattern)
        if pattern.count("*") > _MOST_STARS:
            raise TooMany(pattern)
        base = Path("/") if pattern.startswith("/") else folder
        try:
            found = base.glob(pattern.lstrip("/") or ".")
            for number, path in enumerate(found):
                if number == _MOST_MATCHES:
                    raise TooMany(pattern)
                if (
                    all_files
                    or path.is_symlink()
                    or paths.linked(path)
                    or path.name.startswith(".")
                ):
                    yield Path(os.path.realpath(path))
        except (OSError, ValueError, NotImplementedError) as error:
            raise TooMany(pattern) from error

    def could_be(self, folder: Path, pattern: str) -> Iterator[Path]:
        """Files that a rule forbids to read and that `pattern` may stand for; then links."""
        for path in self.denied:
            whole = pattern if pattern.startswith("/") else f"{folder}/{pattern}"
            if fnmatchcase(str(path), os.path.normpath(whole)):
                yield path
        with suppress(TooMany):
            yield from self.matching(folder, pattern, all_files=True)
