"""Root, project key, branch and changed files of real repositories."""

import subprocess
from pathlib import Path

import pytest

from letta_cli.workspace.repository import find_repository, project_key
from letta_cli.workspace.workspace import Workspace


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / "a.txt").write_text("one\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def workspace(cwd: Path) -> Workspace:
    return Workspace(cwd, overflow_dir=cwd / "out", environment={})


def test_root_branch_and_key_from_a_folder_below(repository: Path):
    (repository / "src" / "deep").mkdir(parents=True)
    space = workspace(repository / "src" / "deep")
    assert space.git_root == repository.resolve()
    assert space.branch() == "main"
    assert space.project == str(repository.resolve())
    git(repository, "checkout", "-qb", "feature/x")
    assert space.branch() == "feature/x"
    git(repository, "checkout", "-q", "--detach")
    assert git(repository, "rev-parse", "HEAD").startswith(space.branch())


def test_a_worktree_has_its_own_branch_and_its_projects_key(repository: Path, tmp_path: Path):
    git(repository, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    space = workspace(tmp_path / "side")
    assert space.git_root == (tmp_path / "side").resolve()
    assert space.branch() == "side"
    assert space.project == workspace(repository).project


def test_a_submodule_is_a_project_of_its_own(repository: Path, tmp_path: Path):
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repository), "sub")
    assert workspace(outer / "sub").project == str((outer / "sub").resolve())


def test_outside_of_a_repository_the_directory_is_the_project(tmp_path: Path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "link").symlink_to("plain")
    space = workspace(tmp_path / "link")
    assert space.git_root is None
    assert space.branch() == ""
    assert space.project == str((tmp_path / "plain").resolve())
    assert space.changed_files() == []


def test_a_broken_git_file_is_no_repository(tmp_path: Path):
    (tmp_path / ".git").write_text("gitdir: /nowhere\n")
    assert find_repository(tmp_path) is None
    assert project_key(tmp_path, None) == str(tmp_path.resolve())


def test_changed_files_are_listed_with_odd_names_and_renames(repository: Path):
    (repository / "ünï \n code.txt").write_text("new")
    git(repository, "mv", "a.txt", "b.txt")
    changed = {(entry.state, entry.path) for entry in workspace(repository).changed_files()}
    assert changed == {("R ", "b.txt"), ("??", "ünï \n code.txt")}


def test_looking_at_the_status_runs_nothing_that_the_repository_configures(repository: Path):
    marker = repository / "ran"
    git(repository, "config", "core.fsmonitor", f"touch {marker}; false")
    workspace(repository).changed_files()
    assert not marker.exists()
