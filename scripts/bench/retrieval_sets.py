"""What `retrieval.py` searches: messages of conversations, and questions with known answers."""

import json
import re
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from letta_cli.core.message import Part, Role, Text, ToolCall, ToolReturn

HERE = Path(__file__).parent
DIFF_MAX = 6_000
COMMITS_MAX = 1_500
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
    log = _git(
        repository, "log", "--no-merges", f"-{COMMITS_MAX}", "--format=%H%x09%ct%x09%s"
    ).splitlines()
    for line in reversed(log):
        commit, seconds, subject = line.split("\t", 2)
        diff = _git(repository, "show", "--format=", "--stat", "--patch", "-U2", commit)
        if not diff.strip() or len(subject.split()) < 3:
            continue
        at = datetime.fromtimestamp(int(seconds), UTC)
        part = ToolReturn("c", "Bash", "ok", diff[:DIFF_MAX])
        made.questions.append((subject, frozenset({len(made.said)})))
        made.said.append(Said(commit, "tool", at, (part,)))
    return made


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
