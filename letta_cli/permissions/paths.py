"""Judges paths, canonical and component by component: inside which roots, protected, secret."""

import os
import re
import stat
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

_PROTECTED_FOLDERS = frozenset(
    {
        ".git", ".hg", ".svn", ".jj", ".vscode", ".idea", ".zed", ".fleet", ".cursor", ".husky",
        ".githooks", ".cargo", ".devcontainer", ".yarn", ".mvn", ".ssh", ".gnupg", ".aws", ".kube",
        ".docker", ".azure", ".agent", ".agents", ".claude", ".codex", ".gemini", ".emacs.d",
        ".vim", ".direnv", ".password-store", ".git-hooks"
    }
)  # fmt: skip
_OWN_FOLDERS = frozenset({".agent", ".claude"})
_FREE_INSIDE_OWN = frozenset({"worktrees"})
"""Parts of our own folders that are the person's work, not settings."""

_PROTECTED_NAMES = frozenset(
    {
        ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases",
        ".bash_functions",
        ".profile", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".kshrc", ".mkshrc",
        ".cshrc", ".tcshrc", ".login", ".logout", ".inputrc", ".envrc", ".direnvrc", ".xinitrc",
        ".xprofile", ".xsession", ".xsessionrc", ".pam_environment", ".gitconfig", ".gitmodules",
        ".lfsconfig", ".hgrc", ".mcp.json", ".netrc", "_netrc", ".npmrc", ".yarnrc", ".yarnrc.yml",
        ".pnpmfile.cjs", ".pypirc", ".pgpass", ".my.cnf", ".git-credentials", "authorized_keys",
        ".vimrc", ".gvimrc", ".exrc", ".nvimrc", ".nvim.lua", ".emacs", ".dir-locals.el",
        ".gdbinit",
        ".lldbinit", ".pdbrc", ".pythonrc", ".pythonrc.py", ".rprofile", ".irbrc", ".pryrc",
        ".psqlrc",
        ".sqliterc", ".wgetrc", ".curlrc", ".ripgreprc", ".tmux.conf", ".screenrc", ".condarc",
        ".gemrc", ".mailcap", ".vault-token", "sitecustomize.py", "usercustomize.py",
        "pip.conf"
    }
)  # fmt: skip
_PROTECTED_ENDS = re.compile(r"\.code-workspace\Z|\.pth\Z")
_PROTECTED_IN_HOME = (
    (".config", "git"), (".config", "autostart"), (".config", "systemd"), (".config", "fish"),
    (".config", "zsh"), (".config", "nvim"), (".config", "agent"), (".config", "gh"),
    (".config", "gcloud"), (".config", "environment.d"), (".config", "pip"), (".config", "direnv"),
    (".config", "mise"), (".local", "bin"), (".local", "lib"), (".local", "share", "systemd"),
    (".local", "share", "applications"), (".local", "share", "keyrings"), (".terraform.d",),
    ("Library", "LaunchAgents"), ("Library", "Keychains"), (".m2", "settings.xml"),
    (".gradle", "init.gradle"), (".gradle", "init.d"), (".gradle", "gradle.properties"), ("bin",),
)  # fmt: skip
_SYSTEM = frozenset(
    {
        "etc", "boot", "dev", "proc", "sys", "bin", "sbin", "lib", "lib32", "lib64", "usr", "root",
        "System", "Library"
    }
)  # fmt: skip
_SPOOLS = (Path("/var/spool/cron"), Path("/var/lib"), Path("/var/run"), Path("/run"))

_SHALLOW = 2
"""Parts of a path such as /usr: a root there is the system itself."""

_PUBLIC = tuple(
    Path(name)
    for name in (
        "/usr/include", "/usr/share", "/usr/lib", "/usr/lib64", "/usr/src", "/usr/bin",
        "/usr/local/include", "/usr/local/share", "/usr/local/lib", "/usr/local/bin",
        "/lib", "/lib64", "/bin", "/opt/homebrew", "/nix/store", "/etc/os-release",
        "/etc/debian_version", "/etc/lsb-release", "/etc/shells", "/etc/timezone",
        "/etc/localtime", "/proc/cpuinfo", "/proc/meminfo", "/proc/version", "/proc/loadavg",
        "/proc/uptime", "/proc/filesystems", "/dev/null", "/dev/stdin", "/dev/stdout",
        "/dev/stderr", "/dev/tty", "/Library/Developer", "/System/Library",
    )
)  # fmt: skip
"""Places of the system that anybody may read and that hold nothing of the person's."""

_SECRET_FOLDERS = frozenset(
    {
        ".ssh", ".gnupg", ".password-store", "gcloud", ".azure", "keyrings", "keychains",
        ".mozilla",
        "google-chrome", "chromium", ".thunderbird", "1password", ".electrum", ".bitcoin"
    }
)  # fmt: skip
_KEY_FOLDERS = frozenset({".ssh", ".gnupg", ".password-store", ".aws", ".azure", ".mozilla"})
_PUBLIC_IN_SECRET = re.compile(r"\.pub\Z|\Aknown_hosts")
_SECRET_NAMES = frozenset(
    {
        ".netrc", "_netrc", ".pgpass", ".my.cnf", ".git-credentials", ".pypirc", "shadow",
        "gshadow",
        "shadow-", "gshadow-", "sudoers", "keys.json", ".vault-token", ".htpasswd", ".bash_history",
        ".zsh_history", ".python_history", ".psql_history", ".mysql_history",
        ".credentials.json", "credentials.tfrc.json", "application_default_credentials.json",
        "login.keychain-db", ".s3cfg", ".boto", ".dockercfg"
    }
)  # fmt: skip
_SECRET_TAILS = (
    (".aws", "credentials"), (".aws", "config"), (".kube", "config"), (".docker", "config.json"),
    ("gh", "hosts.yml"), (".cargo", "credentials.toml"), (".cargo", "credentials"),
    (".gem", "credentials"), (".config", "rclone", "rclone.conf"), (".agent", "agent.db"),
)  # fmt: skip
_SECRET_IN_HOME = frozenset({".npmrc", ".env", ".yarnrc.yml", ".claude.json"})
_KEY_NAME = re.compile(r"\Aid_(rsa|dsa|ecdsa|ed25519|xmss)(_sk)?(\.bak|\.old|~)?\Z")
_PROCESS = re.compile(r"\A/proc/(?:\d+|self|thread-self)(?:/|\Z)")
_CORE = re.compile(
    r"\A/(proc/(kcore|kmem|kallsyms|sysrq-trigger)|dev/(mem|kmem|port|sd|nvme|vd|dm-|disk))"
)
_IGNORED = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


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


@lru_cache(4_096)
def folded(part: str) -> str:
    """A component as the most lenient file system takes it: no case, one normal form, without
    invisible characters, trailing dots and streams, short names."""
    if not part.isascii():
        part = _IGNORED.sub("", unicodedata.normalize("NFKC", part))
    part = part.casefold().partition(":")[0].rstrip(". ") or part
    return ".git" if part == "git~1" else part


def unresolved(path: Path) -> str | None:
    """Why a canonical path is not to be relied on, or None."""
    if len(str(path)) > 4_000:
        return "its path is very long"
    if _INVISIBLE.search(str(path)):
        return f"the name {path.name!a} has invisible characters"
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return f"{path} cannot be resolved ({error.strerror})"
    if stat.S_ISLNK(mode):
        return f"{path} is a link that leads back to itself"
    return None


def special(path: Path) -> str | None:
    """What a path is when it is no regular file and no folder: a device, a pipe, a socket."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or inside(path, _PUBLIC):
        return None
    return f"{path} is a device, pipe or socket"


def linked(path: Path) -> bool:
    """Whether a regular file has further names, which would change with it."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_nlink > 1


def same_file(path: Path, others: Iterable[Path]) -> Path | None:
    """Which of `others` is another name (hard link) of `path`."""
    if not linked(path):
        return None
    for other in others:
        try:
            if other != path and other.samefile(path):
                return other
        except OSError:
            continue
    return None


def known_secrets(home: Path) -> list[Path]:
    """Files with keys that are there, to compare hard links with."""
    names = [home.joinpath(*tail) for tail in _SECRET_TAILS]
    names += [home / name for name in _SECRET_NAMES]
    with suppress(OSError):
        names += list((home / ".ssh").iterdir())[:50]
    return names


def protected(path: Path, home: Path, roots: Iterable[Path] = ()) -> str | None:
    """Why `path` is changed only when the person says so each time, or None.

    A root below a folder of the system, such as /usr/src/app, is the person's.
    """
    parts = [folded(part) for part in path.parts]
    for index, part in enumerate(parts):
        if part in _PROTECTED_FOLDERS:
            following = parts[index + 1] if index + 1 < len(parts) else ""
            if part in _OWN_FOLDERS and following in _FREE_INSIDE_OWN:
                continue
            return f"{path.parts[index]} holds settings, history or keys"
    last = parts[-1]
    if last in _PROTECTED_NAMES or _KEY_NAME.match(last) or _PROTECTED_ENDS.search(last):
        return f"{path.name} is read by other programs when they start"
    if inside(path, (home,)):
        below = tuple(parts[len(home.parts) :])
        if any(below[: len(start)] == tuple(map(folded, start)) for start in _PROTECTED_IN_HOME):
            return f"{path} is run or read by other programs"
    elif belongs_to_system(path, home, roots):
        return f"{path} belongs to the system"
    return None


def belongs_to_system(path: Path, home: Path, roots: Iterable[Path] = ()) -> bool:
    """Whether `path` is below /etc, /usr and the like, in neither the home nor a deeper root."""
    own = (home, *(root for root in roots if len(root.parts) > _SHALLOW))
    if len(path.parts) < 2 or inside(path, own):
        return False
    return path.parts[1] in _SYSTEM or inside(path, _SPOOLS)


def readable_system(path: Path) -> bool:
    """Whether `path` is a place of the system that holds nothing of the person's."""
    return inside(path, _PUBLIC)


def skill_or_tree(path: Path) -> bool:
    """Whether `path` lies in a folder of skills, which programs may be started from."""
    parts = path.parts
    return any(
        part in (".agent", ".agents", ".claude") and parts[at + 1 : at + 2] == ("skills",)
        for at, part in enumerate(parts)
    )


def secret(path: Path, home: Path | None = None) -> str | None:
    """Why `path` is read only when the person says so, or None."""
    parts = [folded(part) for part in path.parts]
    name = parts[-1]
    if _PROCESS.match(str(path)) or _CORE.match(str(path)):
        return f"{path} shows the secrets of a running program"
    if name in _KEY_FOLDERS:
        return f"{path} holds keys"
    if _SECRET_FOLDERS.intersection(parts[:-1]) and not _PUBLIC_IN_SECRET.search(name):
        return f"{path} may hold keys"
    if name == "keys.json" and ".agent" not in parts:
        return None
    known = name in _SECRET_NAMES or _KEY_NAME.match(name)
    if home is not None and path.parent == home and name in _SECRET_IN_HOME:
        known = True
    if known or any(tuple(parts[-len(tail) :]) == tail for tail in _SECRET_TAILS):
        return f"{path} holds keys or passwords"
    return None


def holds_secrets(path: Path, home: Path) -> bool:
    """Whether a search through the folder `path` would read files with keys."""
    if path == home or path in home.parents:
        return True
    return path == Path("/proc") or bool(
        _SECRET_FOLDERS.intersection(folded(p) for p in path.parts)
    )


def fits(path: Path, pattern: str, cwd: Path, home: Path, *, loose: bool = False) -> bool:
    """Whether a path rule's `pattern` covers `path`: as in .gitignore, from the working directory.

    ``//x`` is absolute, ``~/x`` in the home directory, a pattern without a slash matches at any
    depth below the working directory, and a folder covers all that is in it.

    Args:
        loose: letters and their accents as a lenient file system compares them: to refuse.
    """
    base, wanted, anchored = anchor(pattern, cwd, home)
    if loose:
        path = Path(*map(_lenient, path.parts))
        wanted = [_lenient(part) for part in wanted]
    for start in {base, Path(os.path.realpath(base))}:
        if loose:
            start = Path(*map(_lenient, start.parts))
        if inside(path, (start,)):
            parts = path.relative_to(start).parts
            if _fits_parts(parts, wanted if anchored else ["**", *wanted]):
                return True
    return False


def _lenient(part: str) -> str:
    return part if part == "/" else unicodedata.normalize("NFC", part).casefold()


def anchor(pattern: str, cwd: Path, home: Path) -> tuple[Path, list[str], bool]:
    """Where a path rule's pattern begins, its components, and whether it is bound to that place."""
    base = cwd
    if pattern.startswith("//"):
        base, pattern = Path("/"), pattern[1:]
    elif pattern == "~" or pattern.startswith("~/"):
        base, pattern = home, pattern[1:]
        pattern = pattern or "/"
    pattern = pattern.removesuffix("/") or "/"
    anchored = "/" in pattern
    wanted = [part for part in pattern.split("/") if part not in ("", ".")]
    if ".." in wanted:
        last = len(wanted) - wanted[::-1].index("..")
        base = Path(os.path.normpath(base.joinpath(*wanted[:last])))
        wanted = wanted[last:]
    return base, wanted, anchored


def literal(pattern: str, cwd: Path, home: Path) -> Path | None:
    """The one path that a pattern means; None when it has wildcards or is not bound to a place."""
    base, wanted, anchored = anchor(pattern, cwd, home)
    if not anchored or any(set("*?[") & set(part) for part in wanted):
        return None
    return base.joinpath(*wanted)


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
