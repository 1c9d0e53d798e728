"""Repositories whose git configuration runs programs in every way we know: our own calls of git
start none of them, and the traps are shown to work."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from letta_cli.workspace.changes import changed_files
from letta_cli.workspace.git_config import programs_of
from letta_cli.workspace.repository import find_repository
from letta_cli.workspace.scan import list_files
from letta_cli.workspace.survey import take_survey
from letta_cli.workspace.undo.blobs import Blobs
from letta_cli.workspace.undo.snapshot import TreeSnapshots
from letta_cli.workspace.worktree import WorktreeRefused, open_worktree

pytestmark = pytest.mark.slow

PERSON = {
    "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org", "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


class Trap:
    """A repository, and a program that leaves a file when anything runs it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "repo"
        self.canary = root / "canary"
        self.program = root / "evil.sh"
        self.program.write_text(f"#!/bin/sh\ntouch {self.canary}\nexec timeout 1 cat\n")
        self.program.chmod(0o755)
        self.environment = {**os.environ, **PERSON, "HOME": str(root)}
        self.root.mkdir()
        self.git("init", "-q", "-b", "main")
        (self.root / "app.py").write_text("print(1)\n")
        self.commit()

    def git(self, *arguments: str, at: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=at or self.root, env=self.environment, capture_output=True,
            text=True, timeout=30, check=False,
        )  # fmt: skip
        return done.stdout

    def commit(self, at: Path | None = None) -> None:
        self.git("add", "-A", at=at)
        self.git("commit", "-q", "-m", "one", at=at)

    def sprung(self) -> bool:
        there = self.canary.exists()
        self.canary.unlink(missing_ok=True)
        return there


def config(key: str, value: str = "PROGRAM") -> Callable[[Trap], None]:
    def plant(trap: Trap) -> None:
        trap.git("config", key, value.replace("PROGRAM", str(trap.program)))
        (trap.root / "app.py").write_text("print(2)\n")

    return plant


def driver(kind: str, key: str) -> Callable[[Trap], None]:
    def plant(trap: Trap) -> None:
        (trap.root / ".gitattributes").write_text(f"* {kind}=evil\n")
        config(key)(trap)

    return plant


def included(trap: Trap) -> None:
    path = trap.root / "more.ini"
    path.write_text(f"[core]\n\tfsmonitor = {trap.program}\n")
    trap.git("config", f"includeIf.gitdir:{trap.root}/.path", str(path))
    with (trap.root / ".git/config").open("a") as file:
        file.write(f'[includeIf "gitdir:{trap.root}/"]\n\tpath = ../more.ini\n')


def hooks(trap: Trap) -> None:
    folder = trap.root / "hooks"
    folder.mkdir()
    for name in ("post-checkout", "post-index-change", "reference-transaction", "pre-commit"):
        shutil.copy(trap.program, folder / name)
    trap.git("config", "core.hooksPath", "hooks")


def promised(trap: Trap) -> None:
    """An object that is missing, and a remote that promises it by running a program."""
    source = trap.root.parent / "source"
    shutil.copytree(trap.root, source)
    blob = trap.git("rev-parse", "HEAD:app.py").strip()
    (trap.root / ".git/objects" / blob[:2] / blob[2:]).chmod(0o644)
    (trap.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    for key, value in {
        "core.repositoryFormatVersion": "1", "extensions.partialClone": "origin",
        "remote.origin.promisor": "true", "remote.origin.url": str(source),
        "remote.origin.uploadpack": str(trap.program), "protocol.file.allow": "always",
    }.items():  # fmt: skip
        trap.git("config", key, value)


def nested(trap: Trap) -> None:
    inner = trap.root / "vendor" / "inner"
    inner.mkdir(parents=True)
    trap.git("init", "-q", at=inner)
    (inner / "a.txt").write_text("a\n")
    trap.commit(inner)
    trap.git("config", "core.fsmonitor", str(trap.program), at=inner)
    trap.git("config", "filter.evil.clean", str(trap.program), at=inner)
    (inner / ".gitattributes").write_text("* filter=evil\n")
    (inner / "a.txt").write_text("b\n")


def submodule(trap: Trap) -> None:
    nested(trap)
    inner = trap.root / "vendor" / "inner"
    head = trap.git("rev-parse", "HEAD", at=inner).strip()
    trap.git("update-index", "--add", "--cacheinfo", f"160000,{head},vendor/inner")
    (trap.root / ".gitmodules").write_text(
        '[submodule "inner"]\n\tpath = vendor/inner\n\turl = ./x\n\tignore = none\n'
    )


Plant = Callable[[Trap], None]
TRAPS: dict[str, tuple[Plant, tuple[str, ...] | None]] = {
    "fsmonitor": (config("core.fsmonitor"), ("status",)),
    "fsmonitor by includeIf": (included, ("status",)),
    "hooks": (hooks, ("worktree", "add", "-q", "../t")),
    "clean filter": (driver("filter", "filter.evil.clean"), ("status",)),
    "smudge filter": (driver("filter", "filter.evil.smudge"), ("checkout", "-q", "-f", "HEAD")),
    "process filter": (driver("filter", "filter.evil.process"), ("status",)),
    "text conversion": (driver("diff", "diff.evil.textconv"), ("diff",)),
    "external diff": (config("diff.external"), ("diff",)),
    "ssh": (config("core.sshCommand"), ("ls-remote", "ssh://x@localhost/x")),
    "promised objects": (promised, ("cat-file", "-p", "HEAD:app.py")),
    "nested repository": (nested, None),
    "submodule": (submodule, ("status",)),
}  # fmt: skip
"""What is planted, and the git command that it would run with."""


@pytest.mark.parametrize("name", TRAPS)
def test_our_own_calls_of_git_run_nothing_that_a_repository_brings(
    name: str, tmp_path: Path
) -> None:
    trap = Trap(tmp_path)
    plant, proof = TRAPS[name]
    plant(trap)
    trap.sprung()
    repository = find_repository(trap.root)
    assert repository is not None
    for look in (
        lambda: changed_files(repository),
        lambda: programs_of(repository),
        lambda: list(list_files(str(trap.root))),
        lambda: take_survey(trap.root),
        lambda: _snapshots(trap, repository),
        lambda: open_worktree(trap.root, "side").is_clean,
        lambda: list(list_files(str(trap.root / "vendor/inner"))),
    ):
        # Refusing is fine; running something is not.
        with contextlib.suppress(OSError, WorktreeRefused):
            look()
        assert not trap.sprung(), look
    if proof is not None:
        (trap.root / "app.py").write_text("print(3)\n")
        trap.git(*proof)
        assert trap.sprung(), "the trap works, so the silence above says much"


def _snapshots(trap: Trap, repository: object) -> None:
    from letta_cli.workspace.undo.snapshot import NotCovered

    snapshots = TreeSnapshots(repository, trap.root.parent / "trees", trap.environment)  # type: ignore[arg-type]
    try:
        before = snapshots.take()
        (trap.root / "new.txt").write_text("new\n")
        snapshots.changes(before, snapshots.take(), Blobs(trap.root.parent / "blobs"))
    except NotCovered:
        pass
    finally:
        snapshots.close()


@pytest.mark.parametrize("name", [name for name in TRAPS if name not in ("nested repository",)])
def test_what_would_run_is_something_that_a_person_has_to_trust(name: str, tmp_path: Path) -> None:
    trap = Trap(tmp_path)
    TRAPS[name][0](trap)
    repository = find_repository(trap.root)
    assert repository is not None
    assert programs_of(repository), "agent trust lists it"
