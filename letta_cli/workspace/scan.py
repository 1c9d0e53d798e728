"""Lists and searches files where ripgrep is not installed.

Runs on its own as a child process (``python scan.py``, a JSON request on standard input), so that
a pattern that never ends can be ended; standard library only. Prints what ripgrep prints with
``--null --line-number``: path, NUL, number, ``:`` or ``-``, text."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

SKIPPED = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".tox", ".ssh", ".gnupg"}
)
"""Folders that nobody means when searching a project, or that hold keys."""

MAX_FILE = 8 * 1024 * 1024
"""Bytes of the largest file that is searched without being named."""

MAX_NAMED_FILE = 1024 * 1024 * 1024
MAX_LINE = 500


def list_files(root: str) -> Iterator[str]:
    """Paths of the files under `root`, from it, without what git ignores."""
    tracked = _git_files(root)
    return iter(tracked) if tracked else _walk(root)


def matches_glob(path: str, pattern: str) -> bool:
    """Whether `path` fits: ``*`` within a name, ``**`` over folders, ``{a,b}`` either.

    A pattern without a slash is compared with the last part of the path, at any depth.
    """
    return any(_matches_one(path, one) for one in _alternatives(pattern))


def _git_files(root: str) -> list[str]:
    command = [
        "git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
        "-c", "safe.bareRepository=explicit", "--no-optional-locks", "ls-files", "-z",
        "--cached", "--others", "--exclude-standard", "--deduplicate",
    ]  # fmt: skip
    try:
        # The repository's own settings must not start programs because somebody searched in it.
        done = subprocess.run(command, cwd=root, capture_output=True, check=False, timeout=15)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode:
        return []
    names = os.fsdecode(done.stdout).split("\0")
    return [name for name in names if name and SKIPPED.isdisjoint(name.split("/")[:-1])]


def _walk(root: str) -> Iterator[str]:
    """Without git's help: reads the .gitignore files on the way."""
    stack: list[tuple[str, tuple[_Rule, ...]]] = [("", ())]
    while stack:
        prefix, above = stack.pop()
        try:
            entries = sorted(os.scandir(f"{root}/{prefix}"), key=lambda entry: entry.name)
        except OSError:
            continue
        rules = above
        if any(entry.name == ".gitignore" and entry.is_file() for entry in entries):
            rules = (*above, *_ignore_rules(f"{root}/{prefix}.gitignore", len(prefix)))
        folders: list[str] = []
        for entry in entries:
            name = prefix + entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in SKIPPED and not _ignored(name, rules, folder=True):
                        folders.append(f"{name}/")
                elif entry.is_file() and not _ignored(name, rules, folder=False):
                    yield name
            except OSError:
                continue
        stack.extend((folder, rules) for folder in reversed(folders))


class _Rule(NamedTuple):
    """A line of a .gitignore: `start` is where a path below its folder begins."""

    start: int
    parts: tuple[str, ...]
    folders_only: bool
    kept: bool


def _ignore_rules(path: str, start: int) -> list[_Rule]:
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            lines = file.read(MAX_FILE).splitlines()
    except OSError:
        return []
    rules: list[_Rule] = []
    for line in lines:
        text = line.rstrip()
        kept = text.startswith("!")
        text = text[kept:]
        if not text or text.startswith("#"):
            continue
        pattern = text.removesuffix("/")
        parts = tuple(pattern.removeprefix("/").split("/"))
        anchored = "/" in pattern
        rules.append(_Rule(start, parts if anchored else ("**", *parts), text != pattern, kept))
    return rules


def _ignored(path: str, rules: tuple[_Rule, ...], *, folder: bool) -> bool:
    """Whether the last rule about `path` ignores it."""
    for rule in reversed(rules):
        if (folder or not rule.folders_only) and _matches_rule(path[rule.start :], rule.parts):
            return not rule.kept
    return False


def _matches_rule(path: str, parts: tuple[str, ...]) -> bool:
    if len(parts) == 2 and parts[0] == "**":
        return _name_pattern(parts[1]).match(path.rsplit("/", 1)[-1]) is not None
    return _matches_parts(tuple(path.split("/")), parts)


@lru_cache(maxsize=256)
def _alternatives(pattern: str) -> tuple[str, ...]:
    """`pattern` with its first ``{a,b}`` written out, and so on; at most 64 of them."""
    found = [pattern]
    done: list[str] = []
    while found and len(found) + len(done) < 64:
        one = found.pop()
        brace = re.search(r"\{([^{}]*,[^{}]*)\}", one)
        if brace is None:
            done.append(one)
        else:
            found += [one[: brace.start()] + a + one[brace.end() :] for a in brace[1].split(",")]
    return tuple(done or found)


def _matches_one(path: str, pattern: str) -> bool:
    pattern = pattern.removeprefix("./").removeprefix("/")
    if "/" not in pattern:
        return _name_pattern(pattern).match(path.rsplit("/", 1)[-1]) is not None
    parts = tuple(path.split("/"))
    return _matches_parts(parts, tuple(pattern.split("/")))


def _matches_parts(parts: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    """Compare part by part; the set of reachable positions keeps many ``**`` linear."""
    reachable = {0}
    for pattern in patterns:
        following: set[int] = set()
        for position in reachable:
            if pattern == "**":
                following.update(range(position, len(parts) + 1))
            elif position < len(parts) and _name_pattern(pattern).match(parts[position]):
                following.add(position + 1)
        reachable = following
    if patterns[-1] == "**":
        return bool(reachable) and max(reachable) == len(parts) and len(parts) > 0
    return len(parts) in reachable


@lru_cache(maxsize=512)
def _name_pattern(pattern: str) -> "re.Pattern[str]":
    return re.compile(translate(pattern))


def _search(request: dict[str, Any]) -> int:
    pattern = request["pattern"]
    try:
        expression = re.compile(
            pattern.encode(), re.MULTILINE | (re.IGNORECASE if request["ignore_case"] else 0)
        )
    except re.error as error:
        sys.stderr.write(f"regex parse error: {error}")
        return 2
    root, only = request["root"], request["only"]
    names = iter([only]) if only else list_files(root)
    found = False
    for name in names:
        if request["glob"] and not matches_glob(name, request["glob"]):
            continue
        data = _text(f"{root}/{name}", MAX_NAMED_FILE if only else MAX_FILE)
        if data is not None and expression.search(data):
            found = _print(name, data, expression, request) or found
    return 0 if found else 1


def _text(path: str, most: int) -> bytes | None:
    """A regular text file of at most `most` bytes, else None."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        info = os.fstat(handle)
        if info.st_mode & 0o170000 != 0o100000 or info.st_size > most:
            return None
        data = os.read(handle, info.st_size + 1)
        return None if b"\0" in data[:4096] else data.replace(b"\r\n", b"\n")
    except OSError:
        return None
    finally:
        os.close(handle)


def _print(
    name: str, data: bytes, expression: "re.Pattern[bytes]", request: dict[str, Any]
) -> bool:
    out = sys.stdout.buffer
    prefix = os.fsencode(name) + b"\0"
    lines = data.split(b"\n")
    hits = [index for index, line in enumerate(lines) if expression.search(line)]
    if request["files_only"]:
        if hits:
            out.write(prefix + b"\n")
        return bool(hits)
    if lines[-1:] == [b""]:
        lines.pop()
        hits = [index for index in hits if index < len(lines)]
    around: int = request["context"]
    last = -1
    for hit in hits:
        for index in range(max(last + 1, hit - around), min(len(lines), hit + around + 1)):
            if index > hit and expression.search(lines[index]):
                break
            if around and last >= 0 and index > last + 1:
                out.write(b"--\n")
            mark = b":" if index == hit else b"-"
            out.write(prefix + b"%d%b%b\n" % (index + 1, mark, lines[index][:MAX_LINE]))
            last = index
    return bool(hits)


if __name__ == "__main__":
    try:
        sys.exit(_search(json.load(sys.stdin)))
    except BrokenPipeError:
        os._exit(0)  # The reader has enough.
