"""What a confined command may reach, worked out from the folders that exist.

Everything may be read but what is hidden: the home folder but for tool chains, run-time sockets,
other people's temporary files. Only the working tree and a temporary folder may be written, and in
the tree not what others run or obey later: the repository's inside, settings, hooks, skills.
"""

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from letta_cli.core.need import Need

PROTECTED = (
    ".git", ".agent", ".agents", ".claude", ".codex", ".mcp.json", ".vscode", ".idea",
    ".devcontainer", ".gitmodules", ".gitconfig", ".envrc", ".bashrc", ".bash_profile",
    ".profile", ".zshrc", ".zprofile", ".ripgreprc", ".husky", ".pre-commit-config.yaml",
)  # fmt: skip
"""In the top folder of a tree: what is run or obeyed later by git, shells, editors or agents."""

GIT_RUNS = ("hooks", "config", "config.worktree", "commondir", "info/attributes", "modules")
"""Inside a repository: what runs code or leads elsewhere; read-only even with the need `git`."""

_WORKTREE_LEADS = ("commondir", "gitdir", "config.worktree")
"""The same in the repository's folder of a linked worktree."""

_SYSTEM_SECRETS = ("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers")
"""What a sandbox of root's could read."""

NESTED_DEPTH = 3
MOST_FOLDERS = 500
"""How deep, and in how many folders at most, protected names are looked for below the tree."""

_UNSEARCHED = frozenset({".git", "node_modules", ".venv", "venv", "target", "__pycache__"})

TOOL_CHAINS = (
    ".pyenv", ".local/bin", ".local/lib", ".local/share/uv", ".local/share/pnpm", ".cargo/bin",
    ".cargo/registry", ".rustup", ".nvm", ".fnm", ".volta", ".asdf", ".local/share/mise", ".sdkman",
    ".rbenv", ".rvm", ".goenv", "go", ".bun", ".deno", ".nodenv", ".npm-global", ".m2/repository",
    ".gradle/wrapper", ".cache/uv", ".cache/pip", ".cache/pre-commit", "miniconda3", "anaconda3",
    ".conda",
)  # fmt: skip
"""Below the home folder: programs and libraries that builds and tests need to read."""

GIT_SETTINGS = (".gitconfig", ".config/git/config", ".config/git/ignore", ".config/git/attributes")
"""Below the home folder: the person's name and ways, which a commit needs."""

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
        links: protected names in the tree that are links, and where they lead.
        known: protected names below the top of the tree, and which files they are: the folder that
            such a name is in can be moved away, and another one put in its place.
        hosts: what it may reach through the proxy; `denied_hosts` not even so.
        proxy: the proxy's socket, once there is one.
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
    links: tuple[tuple[Path, str], ...] = ()
    known: tuple[tuple[Path, tuple[int, int]], ...] = ()
    hosts: tuple[str, ...] = ()
    denied_hosts: tuple[str, ...] = ()
    proxy: Path | None = None

    def appeared(self) -> list[Path]:
        """The protected names that a command has made meanwhile, or made lead elsewhere."""
        made = [path for path in self.guarded if os.path.lexists(path)]
        bent = [path for path, lead in self.links if os.path.lexists(path) and _lead(path) != lead]
        other = [path for path, file in self.known if _identity(path) not in (file, None)]
        # Behind a link that took a folder's place lie files of somebody else, which stay there.
        return [path for path in (*made, *bent, *other) if _straight(path.parent)]


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
    grants: frozenset[Need] = frozenset(),
    roots: Iterable[Path] = (),
    unreadable: Iterable[Path] = (),
    unwritable: Iterable[Path] = (),
) -> Confinement:
    """The reach of a command in `cwd`.

    Args:
        tree: the top folder of the working tree, or `cwd` outside a repository.
        git_folders: the repository's own folders where they lie outside `tree` (worktrees).
        home: the person's; agent_home: the agent's own data. Both are hidden.
        temporary: an existing private folder.
        environment: `PATH` names programs; `XDG_RUNTIME_DIR` and `SSH_AUTH_SOCK` are hidden.
        programs: folders of programs that must stay readable, such as the running Python.
        grants: what it has beyond that. The agent's own data stay out of reach in any case.
        roots: further folders that may be worked in.
        unreadable, unwritable: what the person's rules hold back; these need not exist.

    Raises:
        ValueError: a granted path is not there, or is another one by way of a link.
    """
    given = {kind: [need.target for need in grants if need.kind == kind] for kind in _WITH_TARGET}
    may_write = [_granted(path, home) for path in given["write"]]
    may_read = [_granted(path, home) for path in given["read"]]
    repository = [folder for folder in (tree / ".git", *git_folders) if folder.is_dir()]
    working = [*dict.fromkeys((tree, cwd, *roots, *(path for path in may_write if path.is_dir())))]
    names = [folder / name for folder in working for name in PROTECTED]
    nested = [path for folder in (tree, *roots) for path in nested_names(folder)]
    if Need("git") in grants:
        # A repository may also be made; a file of that name, which leads to one, stays as it is.
        own = [*repository, *(f / ".git" for f in (tree, cwd) if not os.path.lexists(f / ".git"))]
        names = [name for name in names if name not in own]
        names += [path for folder in repository for path in _runs_in(folder)]
    held = [*names, *nested, *unwritable]
    writable = [tree, *roots, *may_write, *(repository if Need("git") in grants else ())]
    settings = [home / name for name in GIT_SETTINGS if Need("git") in grants]
    tools = _visible(home, environment)
    visible = _canonical((*tools, *programs, *git_folders, *settings, *may_read))
    hidden = _canonical((*_hidden(environment), home, agent_home, Path("/tmp")))
    secret = _canonical(home / name for name in SECRETS)
    # Leave for a folder above is no leave for the keys in it.
    asked = (*may_write, *may_read)
    secret = tuple(
        path
        for path in secret
        if path not in asked and (_lies_in(path, [tree, *roots]) or not _holds(path, asked))
    )
    secret += _canonical((agent_home, *map(Path, _SYSTEM_SECRETS), *unreadable))
    open_to = (*_canonical(writable), *visible)
    return Confinement(
        cwd=cwd,
        writable=_canonical(writable),
        read_only=_canonical(held),
        hidden=hidden,
        visible=visible,
        secrets=tuple(
            path
            for path in (*secret, *_canonical(_open_sockets()))
            if _lies_in(path, open_to) or not _lies_in(path, hidden)
        ),
        temporary=temporary.resolve(),
        network=Need("network") in grants,
        guarded=tuple(dict.fromkeys(each for path in held for each in _missing(path))),
        links=tuple((path, _lead(path)) for path in held if path.is_symlink()),
        known=tuple((path, file) for path in nested if (file := _identity(path)) is not None),
        hosts=tuple(sorted(given["host"])),
    )


_WITH_TARGET = ("host", "write", "read")


def _granted(text: str, home: Path) -> Path:
    """The path that was agreed to, checked again: it must be the one that is bound."""
    path = home / text[2:] if text == "~" or text.startswith("~/") else Path(text)
    if not os.path.lexists(path):
        raise ValueError(f"{path} is not there; name the folder that holds it")
    real = Path(os.path.realpath(path))
    if real != path:
        raise ValueError(f"{path} leads to {real}; ask for that path by its own name")
    if not (real.is_dir() or real.is_file()):
        raise ValueError(f"{path} is a device, pipe or socket, which cannot be asked for")
    if real == Path("/"):
        raise ValueError("the whole file system cannot be asked for; name a folder")
    return real


def nested_names(tree: Path) -> list[Path]:
    """Protected names that exist in folders below `tree`, as repositories within it have them."""
    found: list[Path] = []
    folders = [(str(tree), 0)]
    for number, (folder, depth) in enumerate(folders):
        if number >= MOST_FOLDERS:
            break
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            if depth and entry.name in PROTECTED:
                found.append(Path(entry.path))
            elif (
                depth < NESTED_DEPTH
                and entry.name not in _UNSEARCHED
                and entry.is_dir(follow_symlinks=False)
            ):
                folders.append((entry.path, depth + 1))
    return found


def _runs_in(repository: Path) -> list[Path]:
    """What runs code or leads elsewhere in a repository, and in its folders of worktrees."""
    found = [repository / name for name in GIT_RUNS]
    linked = repository / "worktrees"
    if linked.is_dir():
        found += [folder / name for folder in linked.iterdir() for name in _WORKTREE_LEADS]
    return found


def _missing(path: Path) -> list[Path]:
    """The name, if it does not exist; or what a link of this name leads to, if that does not."""
    if not os.path.lexists(path):
        return [path]
    return [] if _exists(path) else [Path(os.path.realpath(path))]


def _straight(folder: Path) -> bool:
    return os.path.realpath(folder) == str(folder)


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file stands there, whatever its name; None when there is none, or a link."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return None if stat.S_ISLNK(status.st_mode) else (status.st_dev, status.st_ino)


def _lead(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _lies_in(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _holds(folder: Path, paths: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for path in paths)


def _exists(path: Path) -> bool:
    """As Path.exists, but a folder above that may not be searched is no error."""
    return os.path.exists(path)  # noqa: PTH110


def _canonical(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The paths that exist, canonical, each once, outer ones first."""
    found = {Path(os.path.realpath(path)) for path in paths if _exists(path)}
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
