"""One working directory with its files, shell and repository: what the tools get to work on."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from letta_cli.core.need import Boundary
from letta_cli.core.secret import Masker
from letta_cli.workspace import changes, repository
from letta_cli.workspace.files import Files
from letta_cli.workspace.git_config import GitPrograms, guard_variables, programs_of
from letta_cli.workspace.search import Search
from letta_cli.workspace.shell import Shell
from letta_cli.workspace.undo import Blobs, TreeSnapshots


class Todo(TypedDict):
    """An item of the model's list; status is pending, in_progress or completed."""

    content: str
    status: str


class Workspace:
    """Where a conversation works.

    Args:
        git_hooks: git in commands runs the repository's hooks.

    Attributes:
        cwd: canonical.
        project: the key that conversations of one project share, see `repository.project_key`.
        git_root: top folder of the working tree, or None outside a repository.
        blobs: contents of files from before they were changed.
        overflow_dir: where results are kept that are too long to be shown.
        todos: for each conversation id the list its model keeps.
    """

    def __init__(
        self,
        cwd: Path,
        *,
        overflow_dir: Path,
        environment: Mapping[str, str],
        git_hooks: bool = True,
        bash_timeout_ms: int = 120_000,
        bash_max_timeout_ms: int = 600_000,
        bash_max_output: int = 30_000,
        agent_home: Path | None = None,
        secrets: Mapping[str, str] | None = None,
        masker: Masker | None = None,
    ) -> None:
        """Open the directory.

        Args:
            agent_home: where contents of changed files are kept; beside `overflow_dir` when None.
            secrets: name to value; a command gets those that it mentions.
            masker: takes secrets out of what is kept in files; knows `secrets` when None.
        """
        self.cwd = cwd.resolve()
        self._masker = masker or Masker(secrets)
        environment = {**environment, **guard_variables(hooks=git_hooks)}
        self._repository = repository.find_repository(self.cwd)
        self.git_root = self._repository.root if self._repository else None
        self.project = repository.project_key(self.cwd, self._repository)
        self.files = Files(self.cwd)
        self.shell = Shell(
            self.cwd,
            environment=environment,
            overflow_dir=overflow_dir,
            timeout_ms=bash_timeout_ms,
            max_timeout_ms=bash_max_timeout_ms,
            max_output=bash_max_output,
            secrets=secrets,
            masker=self._masker,
        )
        self.search = Search(self.cwd, environment)
        self.overflow_dir = overflow_dir
        self._undo_dir = (agent_home or overflow_dir.parent) / "undo"
        self.blobs = Blobs(self._undo_dir / "files")
        self._environment = environment
        self.todos: dict[str, list[Todo]] = {}

    def snapshots(self) -> TreeSnapshots | None:
        """Snapshots of this working tree; None outside a repository."""
        if self._repository is None:
            return None
        return TreeSnapshots(self._repository, self._undo_dir / "trees", self._environment)

    def boundary(self) -> Boundary | None:
        """What confines commands; None when nothing is meant to."""
        return self.shell.confined.boundary() if self.shell.confined is not None else None

    @property
    def sandbox(self) -> str:
        """What confines commands, in a few words for the status line."""
        return self.shell.confined.status if self.shell.confined is not None else "no sandbox"

    def close(self) -> None:
        """Let go of what commands were given only for this session."""
        if self.shell.confined is not None:
            self.shell.confined.close()

    def keep_overflow(self, text: str, kind: str) -> Path:
        """Write what did not fit into a tool's result to a private file, and return its path."""
        self.overflow_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.overflow_dir / f"{kind}-{secrets.token_hex(6)}.txt"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(self._masker.mask(text))
        return path

    def branch(self) -> str:
        """The current branch, read from ``.git``; empty outside a repository."""
        return repository.branch(self._repository) if self._repository else ""

    def head(self) -> tuple[str, str]:
        """Branch and commit, each empty when unknown; two small reads, no process."""
        if self._repository is None:
            return "", ""
        return repository.branch(self._repository), repository.head_commit(self._repository)

    def git_programs(self) -> GitPrograms:
        """What git would run here because the repository's own configuration says so."""
        return programs_of(self._repository) if self._repository else GitPrograms()

    def holds(self, cwd: str) -> bool:
        """Whether a session in `cwd` works in this same tree; another worktree is another tree."""
        found = repository.find_repository(Path(cwd))
        return found is not None and found.root == self.git_root

    def changed_files(self) -> list[changes.ChangedFile]:
        """What ``git status`` lists; empty outside a repository.

        Raises:
            OSError: git is missing or failed.
        """
        return changes.changed_files(self._repository) if self._repository else []
