"""What `retrieval.py` searches: messages of conversations, and questions with known answers."""

import ast
import json
import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from letta_cli.core.message import Part, Role, Text, ToolCall, ToolReturn

HERE = Path(__file__).parent
DIFF_MAX = 6_000
COMMITS_MAX = 1_500
FILES_MAX = 5
"""A commit that changed more files is not asked for file by file."""
FUNCTIONS_MAX, ASKED_MAX = 3_000, 500
ADVERSARIAL = 5
"""LoCoMo's category of questions that have no answer."""


@dataclass(frozen=True)
class Said:
    """One message. Those of one `thread` belong to one conversation, in their order."""

    thread: str
    role: Role
    at: datetime
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """Its words alone, as a plain index would take them."""
        found = [part.text for part in self.parts if isinstance(part, Text)]
        found += [part.content for part in self.parts if isinstance(part, ToolReturn)]
        return "\n".join(found)


@dataclass
class Set:
    """Attributes:
    questions: each with the places of the messages in `said` that answer it.
    """

    name: str
    said: list[Said] = field(default_factory=list)
    questions: list[tuple[str, frozenset[int]]] = field(default_factory=list)


def locomo(path: Path) -> Set:
    """LoCoMo's JSON (Maharana et al., 2024): all conversations, all questions with evidence."""
    made = Set("LoCoMo")
    for sample in json.loads(path.read_text(encoding="utf-8")):
        talk, places = sample["conversation"], {}
        sessions = sorted(
            (int(found[1]), value)
            for key, value in talk.items()
            if (found := re.fullmatch(r"session_(\d+)", key))
        )
        for number, turns in sessions:
            date = talk[f"session_{number}_date_time"]
            at = datetime.strptime(date, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
            for turn in turns:
                places[turn["dia_id"]] = len(made.said)
                role: Role = "user" if turn["speaker"] == talk["speaker_a"] else "assistant"
                picture = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
                words = f"{turn['speaker']}: {turn['text']}{picture}"
                made.said.append(Said(sample["sample_id"], role, at, (Text(words),)))
        for entry in sample["qa"]:
            # Some ids are written D8:6; D9:17 or D:11:26.
            ids = re.findall(r"D:?(\d+):(\d+)", " ".join(entry["evidence"]))
            names = [f"D{int(session)}:{int(turn)}" for session, turn in ids]
            answers = frozenset(places[name] for name in names if name in places)
            if answers and entry["category"] != ADVERSARIAL:
                made.questions.append((entry["question"], answers))
    return made


def commits(repository: Path) -> Set:
    """A repository's own commits: the subject is the question, the diff what is looked for."""
    made = Set(f"commits of {repository.name}")
    for commit, at, subject in _log(repository):
        diff = _git(repository, "show", "--format=", "--stat", "--patch", "-U2", commit)
        if diff.strip():
            made.questions.append((subject, frozenset({len(made.said)})))
            made.said.append(_returned(commit, at, diff))
    return made


def changed_files(repository: Path) -> Set:
    """The same, its Python files one by one: all of a commit's are looked for."""
    made = Set(f"files of commits of {repository.name}")
    for commit, at, subject in _log(repository):
        names = _git(repository, "show", "--format=", "--name-only", commit, "--", "*.py")
        first = len(made.said)
        for name in names.splitlines():
            diff = _git(repository, "show", "--format=", "--patch", "-U2", commit, "--", name)
            if diff.strip():
                made.said.append(_returned(commit, at, diff))
        if 0 < len(made.said) - first <= FILES_MAX:
            made.questions.append((subject, frozenset(range(first, len(made.said)))))
    return made


def functions(folder: Path) -> Set:
    """Python functions without their docstrings, whose first sentences are the questions."""
    made = Set(f"functions of {folder.name}")
    found = [each for path in sorted(folder.rglob("*.py")) for each in _functions_of(path)]
    random.Random(1).shuffle(found)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for sentence, code in found[:FUNCTIONS_MAX]:
        if len(sentence.split()) > 3 and len(made.questions) < ASKED_MAX:
            made.questions.append((sentence, frozenset({len(made.said)})))
        made.said.append(_returned(str(len(made.said)), at, code))
    return made


def _functions_of(path: Path) -> list[tuple[str, str]]:
    """Of each function, the first sentence of its docstring, or nothing, and its code."""
    if {"test", "tests", "site-packages"}.intersection(path.parts):
        return []
    try:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
    except (UnicodeDecodeError, SyntaxError):
        return []
    lines = source.splitlines()
    found: list[tuple[str, str]] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        doc = ast.get_docstring(node) or ""
        body = node.body[1:] if doc else node.body
        if body and node.body[0].lineno > node.lineno:
            head = lines[node.lineno - 1 : node.body[0].lineno - 1]
            code = "\n".join([*head, *lines[body[0].lineno - 1 : node.end_lineno]])
            sentence = re.split(r"(?<=[.])\s|\n\n", doc)[0]
            found.append((" ".join(sentence.split()), code))
    return found


def _log(repository: Path) -> Iterator[tuple[str, datetime, str]]:
    """Commits whose subject says something, the oldest first."""
    log = _git(repository, "log", "--no-merges", f"-{COMMITS_MAX}", "--format=%H%x09%ct%x09%s")
    for line in reversed(log.splitlines()):
        commit, seconds, subject = line.split("\t", 2)
        if len(subject.split()) > 2:
            yield commit, datetime.fromtimestamp(int(seconds), UTC), subject


def _returned(thread: str, at: datetime, text: str) -> Said:
    return Said(thread, "tool", at, (ToolReturn("c", "Bash", "ok", text[:DIFF_MAX]),))


def transcripts() -> Set:
    """Conversations with this program, written for this purpose, and what one asks of them."""
    made = Set("own transcripts")
    places: dict[tuple[int, int], int] = {}
    for index, talk in enumerate(json.loads((HERE / "transcripts.json").read_text("utf-8"))):
        at = datetime.fromisoformat(talk["date"]).replace(tzinfo=UTC)
        for number, (role, *rest) in enumerate(talk["turns"], start=1):
            places[index, number] = len(made.said)
            at += timedelta(minutes=1)
            if role == "call":
                # The call and what it returned stand together, so that each turn is one message.
                name, argument, result = rest
                parts: tuple[Part, ...] = (
                    ToolCall("c", name, {"argument": argument}),
                    ToolReturn("c", name, "ok", result),
                )
                role = "tool"
            else:
                parts = (Text(rest[0]),)
            made.said.append(Said(talk["title"], role, at, parts))
    asked = json.loads((HERE / "transcript_questions.json").read_text("utf-8"))
    made.questions = [
        (question, frozenset(places[talk, turn] for talk, turn in answers))
        for question, answers in asked
    ]
    return made


def _git(repository: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(repository), *arguments],
        capture_output=True,
        check=True,
        text=True,
        errors="replace",
    ).stdout
