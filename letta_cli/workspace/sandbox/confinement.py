"""What a confined command may reach, worked out from the folders that exist.

Everything may be read but what is hidden: the home folder but for tool chains, run-time sockets,
other people's temporary files. Only the working tree and a temporary folder may be written, and in
the tree not what others run or obey later: the repository's inside, settings, hooks, skills.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Grant = Literal["network", "git"]
"""What a command may have beyond its confinement: the network, or to write the repository."""

PROTECTED = (
    ".git", ".agent", ".agents", ".claude", ".codex", ".mcp.json", ".vscode", ".idea",
    ".devcontainer", ".gitmodules", ".gitconfig", ".envrc", ".bashrc", ".bash_profile",
    ".profile", ".zshrc", ".zprofile", ".ripgreprc", ".husky", ".pre-commit-config.yaml",
)  # fmt: skip
"""In the top folder of a tree: what is run or obeyed later by git, shells, editors or agents."""

GIT_RUNS = ("hooks", "config", "config.worktree", "commondir", "info/attributes", "modules")
"""Inside a repository: what runs code or leads elsewhere; read-only even with the grant `git`."""

TOOL_CHAINS = (
    ".pyenv", ".local/bin", ".local/lib", ".local/share/uv", ".local/share/pnpm", ".cargo/bin",
    ".cargo/registry", ".rustup", ".nvm", ".fnm", ".volta", ".asdf", ".local/share/mise", ".sdkman",
    ".rbenv", ".rvm", ".goenv", "go", ".bun", ".deno", ".nodenv", ".npm-global", ".m2/repository",
    ".gradle/wrapper", ".cache/uv", ".cache/pip", ".cache/pre-commit", "miniconda3", "anaconda3",
    ".conda",
)  # fmt: skip
"""Below the home folder: programs and libraries that builds and tests need to read."""

SECRETS = (
    ".ssh", ".gnupg", ".aws", ".azure", ".config/gcloud", ".config/gh", ".config/op", ".kube",
    ".docker", ".netrc", ".git-credentials", ".npmrc", ".pypirc", ".pgpass", ".password-store",
    ".local/share/keyrings", ".mozilla", ".config/google-chrome", ".config/chromium",
    ".cargo/credentials.toml", ".terraform.d", ".vault-token",
)  # fmt: skip
"""Below the home folder: hidden even from a command that works in the home folder itself."""

_SOCKETS = ("/run", "/var/run")


@dataclass(frozen=True, slots=True)
class Confinement:
    """The reach of one command. All paths are absolute, canonical and exist.

    Attributes:
        cwd: where it starts.
        writable: folders it may write.
        read_only: inside the writable ones, what it may not.
        hidden: what it cannot even read.
        visible: inside the hidden ones, what it can read.
        secrets: inside what is visible or writable, what it cannot reach all the same: keys, and
            the sockets of this machine's services.
        temporary: stands in for /tmp, and is writable.
        network: whether it may reach other hosts.
        guarded: protected names in the tree that do not exist yet; see `appeared`.
    """

    cwd: Path
    writable: tuple[Path, ...]
    read_only: tuple[Path, ...]
    hidden: tuple[Path, ...]
    visible: tuple[Path, ...]
    secrets: tuple[Path, ...]
    temporary: Path
    network: bool
    guarded: tuple[Path, ...]

    def appeared(self) -> list[Path]:
        """The protected names that a command has made meanwhile."""
        return [path for path in self.guarded if os.path.lexists(path)]


def confine(
    cwd: Path,
    *,
    tree: Path,
    git_folders: Iterable[Path] = (),
    home: Path,
    agent_home: Path,
    temporary: Path,
    environment: Mapping[str, str],
    programs: Iterable[Path] = (),
    grants: frozenset[Grant] = frozenset(),
) -> Confinement:
    """The reach of a command in `cwd`.

    Args:
        tree: the top folder of the working tree, or `cwd` outside a repository.
        git_folders: the repository's own folders where they lie outside `tree` (worktrees).
        home: the person's; agent_home: the agent's own data. Both are hidden.
        temporary: an existing private folder.
        environment: `PATH` names programs; `XDG_RUNTIME_DIR` and `SSH_AUTH_SOCK` are hidden.
        programs: folders of programs that must stay readable, such as the running Python.
    """
    repository = [folder for folder in (tree / ".git", *git_folders) if folder.is_dir()]
    names = [tree / name for name in PROTECTED]
    if cwd != tree:
        names += [cwd / name for name in PROTECTED if name != ".git"]
    if "git" in grants:
        names = [name for name in names if name not in repository]
        names += [folder / name for folder in repository for name in GIT_RUNS]
    writable = _canonical((tree, *(repository if "git" in grants else ())))
    visible = _canonical((*_visible(home, environment), *programs, *git_folders))
    hidden = _canonical((*_hidden(environment), home, agent_home, Path("/tmp")))
    secrets = _canonical((*(home / name for name in SECRETS), agent_home))
    return Confinement(
        cwd=cwd,
        writable=writable,
        read_only=_canonical(names),
        hidden=hidden,
        visible=visible,
        secrets=(
            *(path for path in secrets if _lies_in(path, (*writable, *visible))),
            *(path for path in _canonical(_open_sockets()) if not _lies_in(path, hidden)),
        ),
        temporary=temporary.resolve(),
        network="network" in grants,
        guarded=tuple(name for name in names if not os.path.lexists(name)),
    )


def _lies_in(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _canonical(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The paths that exist, canonical, each once, outer ones first."""
    found = {Path(os.path.realpath(path)) for path in paths if path.exists()}
    return tuple(sorted(found - {Path("/")}, key=lambda path: (len(path.parts), path)))


def _open_sockets() -> list[Path]:
    """The Unix sockets with a name that processes of this machine listen on; see proc(5)."""
    try:
        lines = Path("/proc/net/unix").read_text("utf-8", "surrogateescape").splitlines()[1:]
    except OSError:
        return []
    # Eight columns; the last is the name, which begins with @ when it is in no file system.
    named = (line.split(maxsplit=7)[7:] for line in lines)
    return [Path(name) for names in named for name in names if name.startswith("/")]


def _hidden(environment: Mapping[str, str]) -> list[Path]:
    found = [Path(folder) for folder in _SOCKETS]
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        found.append(Path(runtime))
    if agent_socket := environment.get("SSH_AUTH_SOCK"):
        found.append(Path(agent_socket).parent)
    return [path for path in found if len(path.parts) > 1]


def _visible(home: Path, environment: Mapping[str, str]) -> list[Path]:
    """Tool chains below `home`, and what `PATH` names there; never the home folder itself."""
    on_path = [Path(entry) for entry in environment.get("PATH", "").split(os.pathsep) if entry]
    below = [entry for entry in on_path if entry.is_relative_to(home) and entry != home]
    return [*(home / name for name in TOOL_CHAINS), *below]
