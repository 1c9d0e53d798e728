"""A first look at a project: what its own files say about it, found without a model.

Bounded in files, bytes and time, so that it is as quick in a large repository as in a small one.
Reads only files whose names are known to describe a project, and none that lie outside of it.
"""

import json
import os
import re
import subprocess
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

from letta_cli.workspace.scan import list_files

MOST_FILES = 20_000
_MOST_BYTES = 200_000
_LANGUAGES = {
    "py": "Python", "ts": "TypeScript", "tsx": "TypeScript", "js": "JavaScript", "go": "Go",
    "rs": "Rust", "java": "Java", "kt": "Kotlin", "rb": "Ruby", "php": "PHP", "c": "C", "h": "C",
    "cpp": "C++", "cc": "C++", "hpp": "C++", "cs": "C#", "swift": "Swift", "scala": "Scala",
    "sh": "Shell", "sql": "SQL", "html": "HTML", "css": "CSS", "md": "Markdown", "tex": "TeX",
}  # fmt: skip
_BUILD_FILES = {
    "Cargo.toml": "cargo build, cargo test",
    "go.mod": "go build ./..., go test ./...",
    "pom.xml": "mvn test",
    "build.gradle": "gradle test",
    "build.gradle.kts": "gradle test",
    "CMakeLists.txt": "cmake -B build && cmake --build build",
    "Gemfile": "bundle install",
}
_TARGET = re.compile(r"^([a-zA-Z][\w-]*)\s*:(?!=)", re.MULTILINE)
_RUN = re.compile(r"^\s*(?:- )?run:\s*(?!\|)(\S.*)$", re.MULTILINE)
_WORDS = 600


@dataclass(slots=True)
class Survey:
    """What was found.

    Attributes:
        about: the project's name and what it says of itself.
        commands: how it is built and tested, each with the file that says so.
        layout: folders and files of the top level.
        commits: subjects of the newest commits.
    """

    files: int = 0
    about: list[str] = field(default_factory=list[str])
    languages: list[str] = field(default_factory=list[str])
    commands: list[str] = field(default_factory=list[str])
    layout: list[str] = field(default_factory=list[str])
    commits: list[str] = field(default_factory=list[str])

    def text(self) -> str:
        """For a model that is to look further."""
        more = "more than " if self.files >= MOST_FILES else ""
        parts = [f"{more}{self.files:,} files. {self.block()}"]
        if self.commits:
            parts.append("Newest commits:\n" + "\n".join(f"- {line}" for line in self.commits))
        return "\n".join(parts)

    def block(self) -> str:
        """As a memory block: only what stays true for a while."""
        parts = [*self.about]
        if self.languages:
            parts.append(f"Written in {', '.join(self.languages)}.")
        if self.commands:
            parts.append("Commands:\n" + "\n".join(f"- {line}" for line in self.commands))
        if self.layout:
            parts.append("Layout: " + ", ".join(self.layout))
        return "\n".join(parts)


def take_survey(root: Path) -> Survey:
    """Look at the project whose top folder is `root`. Files that cannot be read are left out."""
    names = list(islice(list_files(str(root)), MOST_FILES))
    top = Counter(name.partition("/")[0] for name in names)
    folders = {name.partition("/")[0] for name in names if "/" in name}
    kinds = Counter(_LANGUAGES.get(name.rpartition(".")[2].lower(), "") for name in names)
    return Survey(
        files=len(names),
        about=_about(root, top),
        languages=[kind for kind, _ in kinds.most_common(5) if kind][:4],
        commands=_commands(root, names),
        layout=[f"{n}/ ({top[n]})" if n in folders else n for n, _ in top.most_common(25)],
        commits=_commits(root),
    )


def _about(root: Path, top: Mapping[str, int]) -> list[str]:
    found: list[str] = []
    project = _table(_toml(root, "pyproject.toml"), "project") or _table(
        _toml(root, "Cargo.toml"), "package"
    )
    for facts in (project, _json(root, "package.json")):
        if name := facts.get("name"):
            found.append(f"{name}: {facts.get('description') or 'no description'}"[:_WORDS])
    readme = next((name for name in sorted(top) if name.lower().startswith("readme")), "")
    if said := _first_paragraph(_read(root, readme)):
        found.append(f"{readme} says: {said}")
    return found[:3]


def _first_paragraph(text: str) -> str:
    """The first prose of a document: no heading, picture, badge or markup."""
    for paragraph in re.split(r"\n\s*\n", text):
        line = " ".join(paragraph.split())
        if len(line) > 20 and not re.match(r"[#<!\[=`|-]", line):
            return line[:_WORDS]
    return ""


def _commands(root: Path, names: list[str]) -> list[str]:
    there = {name for name in names if "/" not in name}
    found: list[str] = []
    for script, command in _table(_json(root, "package.json"), "scripts").items():
        found.append(f"npm run {script}: {command} (package.json)"[:160])
    python = _toml(root, "pyproject.toml")
    if "pytest" in _table(python, "tool") or "pytest.ini" in there:
        found.append("pytest (configured in the project)")
    for script in _table(_table(python, "project"), "scripts"):
        found.append(f"{script}: installed command (pyproject.toml)")
    for makefile in sorted(there & {"Makefile", "makefile", "justfile"}):
        targets = list(dict.fromkeys(_TARGET.findall(_read(root, makefile))))[:15]
        tool = "just" if makefile == "justfile" else "make"
        found += [f"{tool} {', '.join(targets)} ({makefile})"] if targets else []
    found += [f"{usual} ({name})" for name, usual in _BUILD_FILES.items() if name in there]
    scripts = [n for n in names if re.fullmatch(r"(scripts|bin)/[\w.-]+", n)]
    found += [f"{', '.join(scripts[:12])} (scripts of the project)"] if scripts else []
    flows = [n for n in names if n.startswith(".github/workflows/") or n == ".gitlab-ci.yml"]
    runs = [line for name in flows[:5] for line in _RUN.findall(_read(root, name))]
    found += [f"CI runs: {line.strip()[:120]}" for line in dict.fromkeys(runs)]
    return found[:25]


def _commits(root: Path) -> list[str]:
    command = ["git", "-c", "core.fsmonitor=false", "log", "-15", "--format=%s"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = done.stdout.decode(errors="replace").splitlines() if done.returncode == 0 else []
    return [line[:120] for line in lines]


def _read(root: Path, name: str) -> str:
    """The beginning of a file of the project; empty when it is none, or lies elsewhere."""
    path = root / name
    try:
        inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
        if not name or not inside or not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode(errors="replace")
    except OSError:
        return ""


def _toml(root: Path, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(root, name))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _json(root: Path, name: str) -> dict[str, Any]:
    try:
        value: Any = json.loads(_read(root, name) or "{}")
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _table(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = values.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
