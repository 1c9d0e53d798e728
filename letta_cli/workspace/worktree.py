"""A working tree of one's own for a session: made, filled with what git ignores, removed."""

import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from letta_cli.core.errors import AgentError
from letta_cli.workspace.changes import changed_files
from letta_cli.workspace.git_config import guarded
from letta_cli.workspace.repository import Repository, find_repository, project_key

FOLDER = Path(".agent") / "worktrees"
INCLUDE = ".worktreeinclude"
_EXCLUDED = "/.agent/worktrees/"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class WorktreeRefused(AgentError):
    """A worktree could not be made or removed. ``str(error)`` says why and what to do."""

    code = "worktree"


@dataclass(frozen=True, slots=True)
class Worktree:
    """A session's own tree.

    Attributes:
        main: top folder of the repository's main tree.
        cwd: where in the new tree the session works.
        named: whether the person chose the name.
        start: the commit that it was at when this session opened it.
    """

    main: Path
    path: Path
    cwd: Path
    branch: str
    named: bool
    start: str

    @property
    def is_clean(self) -> bool:
        """Whether it has no changed or new files, and no commits since `start`."""
        repository = find_repository(self.path)
        if repository is None or changed_files(repository):
            return False
        return _git(self.path, "rev-parse", "HEAD") == self.start

    def remove(self, *, force: bool = False) -> bool:
        """Remove the tree, and its branch unless that has commits which no other one has.

        Returns:
            Whether the branch is gone as well.

        Raises:
            WorktreeRefused: it has changes, and not `force`.
        """
        _git(self.main, "worktree", "remove", *(["--force"] if force else []), str(self.path))
        try:
            _git(self.main, "branch", "-d", self.branch)
        except WorktreeRefused:
            return False
        return True


def open_worktree(cwd: Path, name: str | None) -> Worktree:
    """The worktree `name` of the repository around `cwd`; made when there is none.

    Args:
        name: None for a generated one.

    Raises:
        WorktreeRefused: no repository, a name that does not do, or git refused.
    """
    repository = find_repository(cwd)
    if repository is None:
        raise WorktreeRefused(f"{cwd} is in no git repository; --worktree needs one.")
    chosen = name or secrets.token_hex(3)
    if not _NAME.fullmatch(chosen) or ".." in chosen or chosen.endswith((".", ".lock")):
        raise WorktreeRefused(
            f"{chosen!r} is no name for a worktree. Use letters, digits, '-', '_' and '.'."
        )
    main = Path(project_key(cwd, repository))
    path, branch = main / FOLDER / chosen, f"worktree-{chosen}"
    _exclude(repository)
    if not path.exists():
        _add(repository, path, branch)
        _carry(main, path)
    elif (found := find_repository(path)) is None or found.root != path:
        raise WorktreeRefused(f"{path} exists and is no worktree. Move it away, or name another.")
    inner = path / cwd.resolve().relative_to(repository.root)
    start = _git(path, "rev-parse", "HEAD")
    return Worktree(main, path, inner if inner.is_dir() else path, branch, name is not None, start)


def _add(repository: Repository, path: Path, branch: str) -> None:
    known = _git(repository.root, "branch", "--list", branch)
    if known:
        _git(repository.root, "worktree", "add", "-q", str(path), branch)
    else:
        _git(repository.root, "worktree", "add", "-q", "-b", branch, str(path), "HEAD")


def _exclude(repository: Repository) -> None:
    """Keep the worktrees out of the main tree's status, without touching its .gitignore."""
    file = repository.common_dir / "info" / "exclude"
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        if _EXCLUDED in text.splitlines():
            return
        file.parent.mkdir(exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write(("" if not text or text.endswith("\n") else "\n") + _EXCLUDED + "\n")
    except OSError as error:
        raise WorktreeRefused(f"{file} cannot be written: {error.strerror}.") from error


def _carry(main: Path, path: Path) -> None:
    """Copy the files that git ignores and that ``.worktreeinclude`` names."""
    include = main / INCLUDE
    if not include.is_file():
        return
    listing = ("ls-files", "-z", "--others", "--ignored")
    ignored = set(_git(main, *listing, "--exclude-standard").split("\0"))
    wanted = _git(main, *listing, f"--exclude-from={include}").split("\0")
    for name in wanted:
        if not name or name.endswith("/") or name not in ignored or name.startswith(str(FOLDER)):
            continue
        target = path / name
        # A folder of the new tree may be a link that leads out of it.
        if not Path(os.path.realpath(target.parent)).is_relative_to(os.path.realpath(path)):
            continue
        if not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(main / name, target, follow_symlinks=False)


def _git(folder: Path, *arguments: str) -> str:
    from git import Git
    from git.exc import GitCommandError, GitCommandNotFound

    try:
        command = guarded(folder)
    except OSError as error:
        raise WorktreeRefused(str(error)) from error
    try:
        return str(Git(str(folder)).execute([*command, *arguments]))
    except GitCommandNotFound as error:
        raise WorktreeRefused("git was not found; --worktree needs it.") from error
    except GitCommandError as error:
        said = str(error.stderr).replace("stderr: ", "").strip().strip("'")
        raise WorktreeRefused(f"git {' '.join(arguments[:2])} failed: {said}") from error
