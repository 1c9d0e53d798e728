"""Judges paths, canonical and component by component: inside which roots, protected, secret."""

import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

_PROTECTED_FOLDERS = frozenset(
    {
        ".git", ".hg", ".svn", ".vscode", ".idea", ".husky", ".cargo", ".devcontainer",
        ".yarn", ".mvn", ".ssh", ".gnupg", ".aws", ".kube", ".docker", ".agent", ".claude"
    }
)  # fmt: skip
_OWN_FOLDERS = frozenset({".agent", ".claude"})
_FREE_INSIDE_OWN = frozenset({"skills", "worktrees", "agents", "commands"})
"""Parts of our own folders that are the person's work, not settings."""

_PROTECTED_NAMES = frozenset(
    {
        ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases",
        ".profile", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".kshrc",
        ".cshrc", ".tcshrc", ".inputrc", ".envrc", ".gitconfig", ".gitmodules", ".mcp.json",
        ".netrc", ".npmrc", ".pypirc", ".pgpass", ".git-credentials", "authorized_keys"
    }
)  # fmt: skip
_PROTECTED_IN_HOME = (
    (".config", "git"), (".config", "autostart"), (".config", "systemd"), (".config", "fish"),
    (".config", "agent"), (".config", "gh"), (".local", "bin"),
    ("Library", "LaunchAgents"), ("bin",),
)  # fmt: skip
_SYSTEM = frozenset(
    {
        "etc", "boot", "dev", "proc", "sys", "bin", "sbin", "lib", "lib64", "usr", "root",
        "System"
    }
)  # fmt: skip

_SHALLOW = 2
"""Parts of a path such as /usr: a root there is the system itself."""

_SECRET_FOLDERS = frozenset({".ssh", ".gnupg", ".password-store", "gcloud"})
_PUBLIC_IN_SECRET = re.compile(r"\.pub\Z|\Aknown_hosts")
_SECRET_NAMES = frozenset(
    {".netrc", ".pgpass", ".git-credentials", ".pypirc", "shadow", "gshadow", "keys.json"}
)
_SECRET_TAILS = (
    (".aws", "credentials"), (".kube", "config"), (".docker", "config.json"), ("gh", "hosts.yml"),
)  # fmt: skip
_KEY_NAME = re.compile(r"\Aid_(rsa|dsa|ecdsa|ed25519)(_sk)?\Z")
_PROCESS = re.compile(r"\A/proc/[^/]+/(task/[^/]+/)?(environ|mem|cmdline|fd|maps|root|cwd)(/|\Z)")


def canonical(name: str, cwd: Path, home: Path) -> Path:
    """The real path of `name` as a program in `cwd` would find it; links resolved."""
    if name == "~" or name.startswith("~/"):
        name = str(home) + name[1:]
    return Path(os.path.realpath(cwd / name))


def lexical(name: str, cwd: Path, home: Path) -> Path:
    """As `canonical`, but with links left as they are written."""
    if name == "~" or name.startswith("~/"):
        name = str(home) + name[1:]
    return Path(os.path.normpath(cwd / name))


def inside(path: Path, roots: Iterable[Path]) -> bool:
    """Whether `path` is one of the roots or below one."""
    return any(path == root or root in path.parents for root in roots)


def protected(path: Path, home: Path, roots: Iterable[Path] = ()) -> str | None:
    """Why `path` is changed only when the person says so each time, or None.

    A root below a folder of the system, such as /usr/src/app, is the person's.
    """
    # Compared without case: on some file systems .GIT is .git.
    parts = [part.casefold() for part in path.parts]
    for index, part in enumerate(parts):
        if part in _PROTECTED_FOLDERS:
            following = parts[index + 1] if index + 1 < len(parts) else ""
            if part in _OWN_FOLDERS and following in _FREE_INSIDE_OWN:
                continue
            return f"{path.parts[index]} holds settings, history or keys"
    if parts[-1] in _PROTECTED_NAMES or _KEY_NAME.match(parts[-1]):
        return f"{path.name} is read by other programs when they start"
    if inside(path, (home,)):
        below = path.relative_to(home).parts
        if any(below[: len(start)] == start for start in _PROTECTED_IN_HOME):
            return f"{path} is run or read by other programs"
    elif belongs_to_system(path, home, roots):
        return f"{path} belongs to the system"
    return None


def belongs_to_system(path: Path, home: Path, roots: Iterable[Path] = ()) -> bool:
    """Whether `path` is below /etc, /usr and the like, in neither the home nor a deeper root."""
    own = (home, *(root for root in roots if len(root.parts) > _SHALLOW))
    return len(path.parts) > 1 and path.parts[1] in _SYSTEM and not inside(path, own)


def secret(path: Path) -> str | None:
    """Why `path` is read only when the person says so, or None."""
    parts = [part.casefold() for part in path.parts]
    name = parts[-1]
    if _PROCESS.match(str(path)):
        return f"{path} shows the secrets of a running program"
    if _SECRET_FOLDERS.intersection(parts[:-1]) and not _PUBLIC_IN_SECRET.search(name):
        return f"{path} may hold keys"
    if name == "keys.json" and ".agent" not in parts:
        return None
    known = name in _SECRET_NAMES or _KEY_NAME.match(name)
    if known or any(tuple(parts[-len(tail) :]) == tail for tail in _SECRET_TAILS):
        return f"{path} holds keys or passwords"
    return None


def fits(path: Path, pattern: str, cwd: Path, home: Path) -> bool:
    """Whether a path rule's `pattern` covers `path`: as in .gitignore, from the working directory.

    ``//x`` is absolute, ``~/x`` in the home directory, a pattern without a slash matches at any
    depth below the working directory, and a folder covers all that is in it.
    """
    base = cwd
    if pattern.startswith("//"):
        base, pattern = Path("/"), pattern[1:]
    elif pattern == "~" or pattern.startswith("~/"):
        base, pattern = home, pattern[1:]
    pattern = pattern.removesuffix("/")
    anchored = "/" in pattern
    wanted = [part for part in pattern.split("/") if part not in ("", ".")]
    if ".." in wanted:
        base = Path(os.path.normpath(base.joinpath(*wanted[: wanted.index("..") + 1])))
        wanted = wanted[wanted.index("..") + 1 :]
    for start in {base, Path(os.path.realpath(base))}:
        if inside(path, (start,)):
            parts = path.relative_to(start).parts
            if _fits_parts(parts, wanted if anchored else ["**", *wanted]):
                return True
    return False


def _fits_parts(parts: tuple[str, ...], wanted: list[str]) -> bool:
    """Whether `wanted` matches all of `parts`, or a folder above."""
    reachable = {0}
    for pattern in wanted:
        following: set[int] = set()
        for position in reachable:
            if pattern == "**":
                following.update(range(position, len(parts) + 1))
            elif position < len(parts) and fnmatchcase(parts[position], pattern):
                following.add(position + 1)
        reachable = following
    return bool(reachable)
