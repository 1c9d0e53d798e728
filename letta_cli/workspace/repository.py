"""What git knows of a directory, read from ``.git`` without starting a process."""

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


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(_SMALL).strip()
    except OSError:
        return ""


def _inside(folder: Path, name: str) -> Path:
    return Path(os.path.realpath(folder / name))
