"""What a command changed in a repository: tracked files, and untracked ones that are not ignored.

A git store of our own, with an index of its own, looks at the person's working tree: their index,
stash, refs and objects are never touched. Their index is only copied at the beginning, and their
objects are only read, so that unchanged files need not be read again.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from letta_cli.core.change import FileChange
from letta_cli.workspace.git_config import SAFE
from letta_cli.workspace.repository import Repository
from letta_cli.workspace.undo.blobs import Blobs
from letta_cli.workspace.undo.pending import Pending

SECONDS = 20.0
"""The longest that one look may take; commands of larger trees are not covered."""

MOST_CHANGES = 2_000
LARGEST_FILE = 50_000_000
"""Bytes. Larger files are changed without a copy being kept."""

# As they are on disk, byte for byte: nothing of what a repository asks for is done to them.
_ATTRIBUTES = "* -text -filter -ident -working-tree-encoding -diff -merge\n"

_Entry = tuple[str, str]
"""Mode and object id; empty texts where there is no file."""


class NotCovered(Exception):
    """No snapshot could be made; ``str(error)`` says why."""


class TreeSnapshots:
    """Snapshots of one working tree.

    Args:
        folder: for the store; private, one for each working tree.
        environment: for the git program.

    Attributes:
        pending: the commands that run in this tree, of all processes.
    """

    def __init__(
        self, repository: Repository, folder: Path, environment: Mapping[str, str]
    ) -> None:
        name = hashlib.sha256(str(repository.root).encode()).hexdigest()[:16]
        self._repository = repository
        self._store = folder / f"{name}.git"
        self.pending = Pending(self._store / "pending")
        self._environment = {
            **{name: value for name, value in environment.items() if not name.startswith("GIT_")},
            "GIT_DIR": str(self._store),
            "GIT_WORK_TREE": str(repository.root),
            "GIT_INDEX_FILE": str(self._store / f"index-{os.getpid()}"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(repository.common_dir / "objects"),
        }

    def take(self) -> str:
        """The tree as it is now, by its id.

        Raises:
            NotCovered: git is missing or failed, or the tree is too large.
        """
        try:
            self._prepare()
            self._forget_nested()
            self._git("add", "--all", "--ignore-errors", "--", ".", check=False)
            return self._git("write-tree").decode().strip()
        except OSError as error:
            raise NotCovered(f"no snapshot of {self._repository.root}: {error}") from error

    def changes(self, before: str, after: str, blobs: Blobs) -> list[FileChange]:
        """What differs between two snapshots, with the contents of both put into `blobs`.

        Raises:
            NotCovered: git failed, or there are too many changes.
        """
        if before == after:
            return []
        try:
            listed = self._git("diff-tree", "-r", "-z", "--no-renames", before, after)
            found = list(_differences(listed))
            if len(found) > MOST_CHANGES:
                raise NotCovered(f"{len(found)} files changed at once, too many to keep copies of")
            return [
                change
                for path, old, new in found
                if (change := self._change(path, old, new, blobs)) is not None
            ]
        except OSError as error:
            raise NotCovered(f"the changes could not be read: {error}") from error

    def close(self) -> None:
        """Remove this process's index."""
        for name in ("", ".lock"):
            with suppress(OSError):
                Path(self._environment["GIT_INDEX_FILE"] + name).unlink()

    def _change(self, path: str, old: _Entry, new: _Entry, blobs: Blobs) -> FileChange | None:
        """One change; None for links and nested repositories, which are not restored."""
        if any(mode not in {"", "100644", "100755"} for mode, _ in (old, new)):
            return None
        before, after = self._content(old), self._content(new)
        return FileChange(
            path=str(self._repository.root / path),
            before=None if before is None else blobs.put(before),
            after=None if after is None else blobs.put(after),
            mode=0o755 if old[0] == "100755" else 0o644,
        )

    def _content(self, entry: _Entry) -> bytes | None:
        return self._git("cat-file", "blob", entry[1]) if entry[0] else None

    def _prepare(self) -> None:
        """Make the store at the first time, and this process's index."""
        if not (self._store / "HEAD").exists():
            self._store.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._git("init", "--quiet")
            self._git("config", "core.autocrlf", "false")
            self._git("config", "core.fsmonitor", "false")
            self._git("config", "core.hooksPath", os.devnull)
            self._git("config", "core.bigFileThreshold", str(LARGEST_FILE))
            self._git("config", "gc.auto", "0")
            info = self._store / "info"
            info.mkdir(exist_ok=True)
            (info / "attributes").write_text(_ATTRIBUTES)
        theirs = self._repository.common_dir / "info" / "exclude"
        with suppress(OSError):
            shutil.copyfile(theirs, self._store / "info" / "exclude")
        index = Path(self._environment["GIT_INDEX_FILE"])
        if not index.exists() and self._same_bytes():
            # With its time: by that git knows which files may have changed since unnoticed.
            with suppress(OSError):
                shutil.copy2(self._repository.git_dir / "index", index)
                index.chmod(0o600)

    def _forget_nested(self) -> None:
        """Take nested repositories and submodules out of the index, to be found anew.

        For one that it knows git asks what changed inside, which runs what the configuration in
        there names: file system monitors, filters.
        """
        listed = self._git("ls-files", "--stage", "-z").split(b"\0")
        nested = [line.partition(b"\t")[2] for line in listed if line.startswith(b"160000 ")]
        if nested:
            gone = b"".join(path + b"\0" for path in nested)
            self._git("update-index", "--force-remove", "-z", "--stdin", stdin=gone)

    def _same_bytes(self) -> bool:
        """Whether their objects hold files as they are on disk: nothing converts line ends or runs
        filters. Otherwise every file is read anew."""
        config = self._repository.common_dir / "config"
        try:
            text = config.read_text("utf-8", "replace").lower()
        except OSError:
            return False
        home = Path(self._environment.get("HOME", "/")) / ".gitconfig"
        with suppress(OSError):
            text += home.read_text("utf-8", "replace").lower()
        return "autocrlf" not in text and not (self._repository.root / ".gitattributes").exists()

    def _git(self, *arguments: str, check: bool = True, stdin: bytes = b"") -> bytes:
        """Run git on the store.

        Raises:
            OSError: it is missing, failed or took too long.
        """
        try:
            done = subprocess.run(
                ["git", *SAFE, *arguments],
                cwd=self._repository.root,
                env=self._environment,
                input=stdin,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise OSError(f"git took longer than {SECONDS:.0f} s") from error
        if check and done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise OSError(said[-1] if said else f"git ended with {done.returncode}")
        return done.stdout


def _differences(listed: bytes) -> Iterator[tuple[str, _Entry, _Entry]]:
    """Path, old and new entry of each line of ``git diff-tree -r -z``."""
    pieces = iter(listed.decode("utf-8", "surrogateescape").split("\0"))
    for head in pieces:
        if not head.startswith(":"):
            continue
        old_mode, new_mode, old_id, new_id, _status = head[1:].split(" ")
        yield next(pieces), _entry(old_mode, old_id), _entry(new_mode, new_id)


def _entry(mode: str, object_id: str) -> _Entry:
    return ("", "") if mode == "000000" else (mode, object_id)
