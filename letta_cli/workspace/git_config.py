"""What a repository's own git configuration runs, and how to call git without running it."""

import os
import re
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from letta_cli.workspace.repository import Repository, find_repository

SAFE: tuple[str, ...] = (
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat",
    "-c", "log.showSignature=false", "-c", "safe.bareRepository=explicit", "--no-optional-locks",
)  # fmt: skip
"""Options for every call of git that the program makes for itself."""

_LAST = (
    "fsmonitor|hookspath|sshcommand|pager|editor|askpass|gitproxy|alternaterefscommand|clean|smudge"
    "|process|textconv|command|external|driver|program|helper|path|cmd|difffilter|uploadpack"
    "|receivepack|uploadarchive|vcs|update|showsignature|defaultkeycommand|packobjectshook|recurse"
)
_RUNS = re.compile(
    r"core\.(fsmonitor|hookspath|sshcommand|pager|editor|askpass|gitproxy|alternaterefscommand)"
    r"|filter\..+\.(clean|smudge|process)|diff\..+\.(textconv|command)|diff\.external"
    r"|merge\..+\.driver|(difftool|mergetool|browser|man|guitool)\..+\.(cmd|path)"
    r"|gpg\.(.+\.)?(program|defaultkeycommand)|credential\.(.+\.)?helper|sequence\.editor"
    r"|interactive\.difffilter|pager\..+|alias\..+|include\.path|includeif\..+\.path"
    r"|remote\..+\.(uploadpack|receivepack|vcs|proxy)|submodule\..+\.update|hook\..+"
    r"|uploadpack\.packobjectshook|protocol\.(.+\.)?allow|url\..+\.(insteadof|pushinsteadof)"
    r"|tar\..+\.command|trailer\..+\.(command|cmd)|log\.showsignature",
    re.DOTALL,
)
_HINT = re.compile(
    rf"({_LAST}|allow|insteadof|proxy)\s*(=|$)|\[\s*(alias|pager|hook)\b",
    re.IGNORECASE | re.MULTILINE,
)
_MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class GitPrograms:
    """What git would run in a repository because the repository says so.

    Attributes:
        settings: key and value of each such setting.
        hooks: names of the hooks in its own hooks folder.
        digest: of all of it.
        size: in bytes.
    """

    settings: tuple[tuple[str, str], ...] = ()
    hooks: tuple[str, ...] = ()
    digest: str = ""
    size: int = 0

    def __bool__(self) -> bool:
        return bool(self.settings or self.hooks)

    @property
    def only_hooks(self) -> bool:
        """Whether switching hooks and file system monitors off leaves nothing that runs."""
        return all(key in ("core.fsmonitor", "core.hookspath") for key, _ in self.settings)


def programs_of(repository: Repository) -> GitPrograms:
    """Reads files only, unless something in them looks as if it ran something: then git itself
    is asked what its configuration says, which runs nothing."""
    settings = _settings(repository) if _looks_alive(repository) else ()
    found = sha256(repr(settings).encode(errors="surrogateescape"))
    size = sum(len(key) + len(value) for key, value in settings)
    hooks: list[str] = []
    folder = repository.common_dir / "hooks"
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        names = []
    for name in names:
        path = folder / name
        if name.endswith(".sample") or not path.is_file():
            continue
        try:
            data = path.read_bytes()[:_MOST_BYTES]
        except OSError:
            data = b""
        hooks.append(name)
        size += len(data)
        found.update(os.fsencode(name) + b"\0" + sha256(data).digest())
    return GitPrograms(settings, tuple(hooks), found.hexdigest(), size)


def guarded(folder: Path) -> list[str]:
    """The beginning of a git command in `folder` that runs nothing the repository configured."""
    repository = find_repository(folder)
    options = list(SAFE)
    if repository is not None and _looks_alive(repository):
        for key, _ in _settings(repository):
            if key.startswith("filter."):
                driver = key.rpartition(".")[0]
                for name, value in (("clean", ""), ("smudge", ""), ("process", "")):
                    options[:0] = ["-c", f"{driver}.{name}={value}"]
                options[:0] = ["-c", f"{driver}.required=false"]
    return ["git", *options]


def guard_variables(*, hooks: bool) -> dict[str, str]:
    """What git in commands is told by its environment: to start no file system monitor that a
    repository names, to take no folder for a bare repository because it looks like one, and to
    run hooks only where `hooks`."""
    pairs = [("core.fsmonitor", "false"), ("safe.bareRepository", "explicit")]
    if not hooks:
        pairs.append(("core.hooksPath", os.devnull))
    found = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found


def _looks_alive(repository: Repository) -> bool:
    for path in (repository.common_dir / "config", repository.git_dir / "config.worktree"):
        try:
            text = path.read_bytes()[:_MOST_BYTES].decode(errors="replace")
        except OSError:
            continue
        if _HINT.search(text):
            return True
    return False


def _settings(repository: Repository) -> tuple[tuple[str, str], ...]:
    """What of the repository's own configuration, with what it includes, runs something."""
    command = ["git", *SAFE, "config", "--list", "--includes", "--show-scope", "-z"]
    try:
        done = subprocess.run(
            command, cwd=repository.root, capture_output=True, check=False, timeout=15
        )
    except (OSError, subprocess.TimeoutExpired):
        return (("git config", "could not be read"),)
    if done.returncode:
        return (("git config", "could not be read"),)
    fields = os.fsdecode(done.stdout).split("\0")
    found: list[tuple[str, str]] = []
    for scope, entry in zip(fields[::2], fields[1::2], strict=False):
        key, _, value = entry.partition("\n")
        section, _, last = key.rpartition(".")
        lowered = f"{section}.{last}".lower()
        if scope in ("local", "worktree") and _RUNS.fullmatch(lowered):
            found.append((key if key.startswith("filter.") else lowered, value))
    return tuple(found)
