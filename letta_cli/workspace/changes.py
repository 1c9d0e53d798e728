"""Which files of a working tree changed, as git says."""

from dataclasses import dataclass

from letta_cli.workspace.git_config import guarded
from letta_cli.workspace.repository import Repository


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One line of ``git status``: the two-letter state and the path from the root."""

    state: str
    path: str


def changed_files(repository: Repository) -> list[ChangedFile]:
    """Changed and untracked files, as ``git status`` lists them.

    Raises:
        OSError: git is missing or failed.
    """
    from git import Git
    from git.exc import GitCommandError, GitCommandNotFound

    # Submodules have configurations of their own, which would run if git looked into them.
    command = [
        *guarded(repository.root), "status", "--porcelain=v1", "-z", "--untracked-files=normal",
        "--ignore-submodules=dirty",
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
