"""What git knows of a directory. The everyday questions are answered by reading ``.git``,
without starting a process; only the list of changed files asks git itself."""

import os
from dataclasses import dataclass
from pathlib import Path

_SMALL = 4_096


@dataclass(frozen=True, slots=True)
class Repository:
    """A working tree.

    Attributes:
        root: the top folder of this working tree, canonical.
        git_dir: where its HEAD and index are; differs from `common_dir` in a linked worktree.
        common_dir: the ``.git`` folder that all worktrees of the repository share.
    """

    root: Path
    git_dir: Path
    common_dir: Path


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One line of ``git status``: the two-letter state and the path from the root."""

    state: str
    path: str


def find_repository(cwd: Path) -> Repository | None:
    """The repository whose working tree holds `cwd`, or None."""
    here = Path(os.path.realpath(cwd))
    for folder in (here, *here.parents):
        marker = folder / ".git"
        if marker.is_dir():
            if (marker / "HEAD").exists():
                return Repository(folder, marker, marker)
        elif marker.is_file():
            target = _first_line(marker)
            if target.startswith("gitdir:"):
                git_dir = _inside(folder, target.removeprefix("gitdir:").strip())
                if (git_dir / "HEAD").exists():
                    common = _first_line(git_dir / "commondir")
                    shared = _inside(git_dir, common) if common else git_dir
                    return Repository(folder, git_dir, shared)
    return None


def project_key(cwd: Path, repository: Repository | None) -> str:
    """What conversations of one project have in common: the real path of the repository's main
    worktree, the same in all its worktrees; outside a repository the directory itself."""
    if repository is None:
        return os.path.realpath(cwd)
    if repository.git_dir == repository.common_dir:
        return str(repository.root)
    if repository.common_dir.name == ".git":
        return str(repository.common_dir.parent)
    return str(repository.common_dir)


def branch(repository: Repository) -> str:
    """The branch, or the first letters of the commit when HEAD is detached."""
    head = _first_line(repository.git_dir / "HEAD")
    if head.startswith("ref:"):
        return head.removeprefix("ref:").strip().removeprefix("refs/heads/")
    return head[:8]


def head_commit(repository: Repository) -> str:
    """The commit that HEAD is at; empty when its branch is packed or new."""
    head = _first_line(repository.git_dir / "HEAD")
    if not head.startswith("ref:"):
        return head
    return _first_line(repository.common_dir / head.removeprefix("ref:").strip())


def changed_files(repository: Repository) -> list[ChangedFile]:
    """Changed and untracked files, as ``git status`` lists them.

    Raises:
        OSError: git is missing or failed.
    """
    from git import Git
    from git.exc import GitCommandError, GitCommandNotFound

    # What a repository configures must not run because somebody looked at its status.
    command = [
        "git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
        "--no-optional-locks", "status", "--porcelain=v1", "-z", "--untracked-files=normal",
    ]  # fmt: skip
    try:
        output = str(Git(str(repository.root)).execute(command, strip_newline_in_stdout=False))
    except (GitCommandError, GitCommandNotFound) as error:
        raise OSError(f"git status failed in {repository.root}: {error}") from error
    changed: list[ChangedFile] = []
    entries = iter(output.split("\0"))
    for entry in entries:
        if len(entry) < 4:
            continue
        changed.append(ChangedFile(entry[:2], entry[3:]))
        if entry[0] in "RC":
            next(entries, None)  # The old name of a renamed file.
    return changed


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(_SMALL).strip()
    except OSError:
        return ""


def _inside(folder: Path, name: str) -> Path:
    return Path(os.path.realpath(folder / name))
