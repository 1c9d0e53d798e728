"""Hundreds of commands and paths with the decision that is right, from files that people can read.

The worst is an unsafe allow, then a denial that is missed; a needless question comes last.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from letta_cli.core.permission import Decision
from letta_cli.permissions import decide_path, decide_shell

HERE = Path(__file__).parent
_SIGNS = {"⏎": "\n", "␉": "\t"}


@dataclass
class Case:
    verdict: str
    what: str
    line: int
    kind: str = ""
    mode: str = "default"
    rules: dict[str, list[str]] = field(default_factory=dict)

    def holds(self, decision: Decision) -> bool:
        if self.verdict == "hold":
            return decision.verdict in ("ask", "deny")
        return decision.verdict == self.verdict


def cases(name: str) -> Iterator[Case]:
    """The cases of a file; see its head for the form."""
    mode, rules = "default", {}
    for number, line in enumerate((HERE / name).read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("=="):
            mode, rules = "default", {}
        elif line.startswith("@"):
            key, _, value = line[1:].strip().partition(":")
            if key == "mode":
                mode = value.strip()
            else:
                rules = {**rules, key: re.split(r", (?=[A-Z*])", value.strip())}
        else:
            verdict, rest = line.split(None, 1)
            kind = ""
            if name == "path_cases.txt":
                kind, rest = rest.split(None, 1)
            what = re.sub(r"\s+# .*\Z", "", rest)
            what = re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), what)
            for sign, meaning in _SIGNS.items():
                what = what.replace(sign, meaning)
            yield Case(verdict, what, number, kind, mode, rules)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home directory that the heads of the files describe."""
    home = tmp_path_factory.mktemp("world") / "home"
    repo = home / "repo"
    for folder in (repo / "src", repo / ".git" / "hooks", repo / "vendor/lib/.git", home / "other",
                   home / "repo-evil", home / ".ssh", home / ".aws"):  # fmt: skip
        folder.mkdir(parents=True)
    for file in (repo / "src/a.py", repo / "src/b.py", repo / ".env", home / ".ssh/id_ed25519",
                 home / ".ssh/id_ed25519.pub", home / ".netrc", home / "other/notes.md", repo / "README.md",
                 home / ".aws/credentials"):  # fmt: skip
        file.write_text("x\n")
    (repo / "way-out").symlink_to(home / "other")
    (repo / "innocent").symlink_to(home / ".ssh/id_ed25519")
    (repo / "src/deep/er").mkdir(parents=True)
    (repo / "docs").symlink_to(repo / "src/deep/er")
    (repo / ".mvn").mkdir()
    (repo / "env-link").symlink_to(".env")
    (repo / "gitlink").symlink_to(".git")
    (repo / "deep").symlink_to("/")
    (repo / "loop").symlink_to("loop")
    os.mkfifo(repo / "pipe")
    return home


@pytest.fixture(scope="module")
def linked(world: Path) -> Path:
    """The same with hard links, of which some programs are wary."""
    repo = world / "repo"
    if not (repo / "hard").exists():
        (repo / "extra.py").write_text("x\n")
        os.link(repo / "extra.py", repo / "hard")
        os.link(world / ".ssh/id_ed25519", repo / "hardkey")
        os.link(repo / ".env", repo / "hardenv")
    return world


def told(case: Case, decision: Decision) -> str:
    return f"{case.line}: {case.what!r} [{case.mode}]: {decision.verdict}, not {case.verdict}: {decision.reason}"


def test_every_shell_case_is_decided_as_it_should_be(world: Path):
    wrong: list[str] = []
    count = 0
    for case in cases("shell_cases.txt"):
        decision = decide_shell(
            case.what,
            case.rules,
            world / "repo",
            mode=case.mode,
            home=world,  # type: ignore[arg-type]
        )
        count += 1
        if not case.holds(decision):
            wrong.append(told(case, decision))
    assert not wrong, "\n".join(wrong)
    assert count >= 500


def test_every_path_case_is_decided_as_it_should_be(linked: Path):
    wrong: list[str] = []
    count = 0
    for case in cases("path_cases.txt"):
        decision = decide_path(
            case.what,
            case.kind,
            case.rules,
            [linked / "repo"],
            mode=case.mode,
            home=linked,  # type: ignore[arg-type]
        )
        count += 1
        if not case.holds(decision):
            wrong.append(told(case, decision))
    assert not wrong, "\n".join(wrong)
    assert count >= 130


def test_everyday_work_needs_few_questions(world: Path):
    """A question is needless when the command only looks, or when it would be asked for ever."""
    needless: list[str] = []
    everyday = list(cases("everyday.txt"))
    for case in everyday:
        decision = decide_shell(case.what, {}, world / "repo", home=world)
        if decision.verdict == "allow":
            assert case.verdict == "free", case.what
            continue
        rules = {"allow": list(decision.remedy)}
        again = decide_shell(case.what, rules, world / "repo", home=world)
        if case.verdict == "free" or again.verdict != "allow":
            needless.append(f"{case.what}: {decision.reason}")
    assert len(everyday) >= 100
    assert len(needless) <= len(everyday) * 0.05, needless
