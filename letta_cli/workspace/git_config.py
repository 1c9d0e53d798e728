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
    "-c", "log.showSignature=false", "-c", "safe.bareRepository=explicit",
    # Objects that are missing would be fetched: by whatever programs the repository names.
    "-c", "protocol.allow=never",
    *(
        word
        for name in ("file", "ext", "ssh", "git", "http", "https")
        for word in ("-c", f"protocol.{name}.allow=never")
    ),
    "--no-optional-locks",
)  # fmt: skip
"""Options for every call of git that the program makes for itself. None of them needs a remote."""

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
_UNREADABLE = "git config"
_SUBMODULE = b"\0\0\xe0\0"
"""The mode of a submodule, as an index has it."""
_MOST_NESTED = 100


@dataclass(frozen=True, slots=True)
class GitPrograms:
    """What git would run in a repository because the repository says so.

    Attributes:
        settings: key and value of each such setting.
        hooks: names of the hooks in its own hooks folder.
        digest: of all of it, the hooks' contents included; empty when that is too large.
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
    is asked what its configuration says, which runs nothing. Submodules count as well: git looks
    for changes in them with what their own configuration names."""
    settings = _settings(repository) if _looks_alive(repository) else ()
    for nested in _nested(repository):
        settings += _settings(nested) if _looks_alive(nested) else ()
    found = sha256(repr(settings).encode(errors="surrogateescape"))
    size = sum(len(key) + len(value) for key, value in settings)
    named = next((value for key, value in settings if key == "core.hookspath"), "")
    folder = repository.root / Path(named).expanduser() if named else None
    hooks: list[str] = []
    for path in _hooks(folder or repository.common_dir / "hooks"):
        data = _content(path)
        if data is None:
            return GitPrograms(settings, (*hooks, path.name))
        hooks.append(path.name)
        size += len(data)
        found.update(os.fsencode(path.name) + b"\0" + sha256(data).digest())
    return GitPrograms(settings, tuple(hooks), found.hexdigest(), size)


def _nested(repository: Repository) -> list[Repository]:
    """The repositories of submodules, whose working trees git looks into."""
    try:
        index = (repository.git_dir / "index").read_bytes()
    except OSError:
        return []
    if _SUBMODULE not in index:
        return []
    done = _asked(repository, "ls-files", "--stage", "-z")
    listed = [] if done is None else os.fsdecode(done).split("\0")
    places = [line.partition("\t")[2] for line in listed if line.startswith("160000 ")]
    found = [find_repository(repository.root / place) for place in places[:_MOST_NESTED]]
    return [each for each in found if each is not None and each.root != repository.root]


def _hooks(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in paths if path.suffix != ".sample" and path.is_file()]


def _content(path: Path) -> bytes | None:
    """None for a file that is too large to vouch for, or cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError:
        return None
    return data if len(data) <= _MOST_BYTES else None


def guarded(folder: Path) -> list[str]:
    """The beginning of a git command in `folder` that runs nothing the repository configured.

    Raises:
        OSError: something in its configuration cannot be switched off.
    """
    repository = find_repository(folder)
    if repository is None or not _looks_alive(repository):
        return ["git", *SAFE]
    options: list[str] = []
    for key, value in _settings(repository):
        driver = key.rpartition(".")[0]
        if "=" in driver or "\n" in driver or key == _UNREADABLE:
            raise OSError(f"{repository.root}: the git configuration is not safe: {key} {value}")
        if key.startswith("filter."):
            for name, off in (
                ("clean", ""),
                ("smudge", ""),
                ("process", ""),
                ("required", "false"),
            ):
                options += ["-c", f"{driver}.{name}={off}"]
    return ["git", *SAFE, *options]


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


def _asked(repository: Repository, *arguments: str) -> bytes | None:
    """What git prints; None when it failed."""
    command = ["git", *SAFE, *arguments]
    try:
        done = subprocess.run(
            command, cwd=repository.root, capture_output=True, check=False, timeout=15
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout


def _looks_alive(repository: Repository) -> bool:
    for path in (repository.common_dir / "config", repository.git_dir / "config.worktree"):
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except OSError:
            continue
        if len(data) > _MOST_BYTES or _HINT.search(data.decode(errors="replace")):
            return True
    return False


def _settings(repository: Repository) -> tuple[tuple[str, str], ...]:
    """What of the repository's own configuration, with what it includes, runs something."""
    done = _asked(repository, "config", "--list", "--includes", "--show-scope", "-z")
    if done is None:
        return ((_UNREADABLE, "could not be read"),)
    fields = os.fsdecode(done).split("\0")
    found: list[tuple[str, str]] = []
    for scope, entry in zip(fields[::2], fields[1::2], strict=False):
        key, _, value = entry.partition("\n")
        section, _, last = key.rpartition(".")
        lowered = f"{section}.{last}".lower()
        if scope in ("local", "worktree") and _RUNS.fullmatch(lowered):
            found.append((key if key.startswith("filter.") else lowered, value))
    return tuple(found)
