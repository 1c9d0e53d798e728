"""The text of a summary: how it is asked for, read from a model's reply, and written.

A model writes prose and new statements. What earlier summaries held is carried on by the program:
a statement leaves the list only when the model says that it no longer holds, or for want of room.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from letta_cli.agent.record import MOST_WORDS, Entry, Record, cut
from letta_cli.agent.transcript import shorten
from letta_cli.providers.tokens import estimate

SYSTEM = """\
You write the notes that will replace the older part of a conversation between a person and a \
coding agent. The agent goes on from your notes alone, so keep what it needs and nothing else."""

TASK = """\
{earlier}The messages, each with its number in brackets:
{transcript}

Write the notes under exactly these headings, leaving out empty ones:
## Goals
What the person wants, in their words where they matter.
## Decisions
New ones only. A line each: "- what was decided and why [number of the message]".
## Facts
New ones only: names, values, paths, commands with their outcomes, errors word for word. A line \
each, with the number of the message.
## State
What is done, what was seen to work or to fail, and where the work stands.
## Next
What is left to do, the next step first.
## Outdated
Numbers of statements known before that no longer hold: "- [number]".
Be short and exact.{focus}"""

PROGRAM = "Kept by the program"
_SECTIONS = ("Goals", "Decisions", "Facts", "State", "Next", "Outdated")
_LEDGER = "Decisions and facts"
_NAMES = rf"({_LEDGER}|{'|'.join(_SECTIONS)})"
_HEADING = re.compile(
    rf"^(?:#+[ *]*{_NAMES}\b[^:\n]*:?|\**{_NAMES}(?: and why)?\**:)[ *]*(.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBER = re.compile(r"\[(?:message )?#?(\d+)\]")
_NOTHING = re.compile(r"\W*(none|nothing|n/a|no)( new)?( \w+)?\W*", re.IGNORECASE)
_WORDS = re.compile(r"\w+")
_TURNING = re.compile(
    r".*\d.*|no|not|never|none|without|instead|longer|except|unless|only|but|don|t|cannot|stop"
)
"""A word that makes another statement of one: a number, a negation."""

_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")


@dataclass(frozen=True, slots=True)
class Notes:
    """What a summary says in words.

    Attributes:
        ledger: statements that are carried on, oldest first.
    """

    goals: str = ""
    state: str = ""
    next: str = ""
    ledger: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """Tokens that the parts of a summary may take."""

    words: int
    ledger: int
    files: int
    request: int
    results: int
    skills: int


def read_summary(text: str) -> Notes:
    """The notes in a stored summary; one in no known form is all `state`."""
    found = _sections(text.partition(f"\n## {PROGRAM}\n")[0])
    ledger = tuple(_entries(found.get(_LEDGER.lower(), ""), lambda seq: True))
    if not found:
        return Notes(state=text.strip())
    return Notes(found.get("goals", ""), found.get("state", ""), found.get("next", ""), ledger)


def task(earlier: Notes, transcript: str, focus: str) -> str:
    """What the model is asked."""
    known = "\n".join(map(_line, earlier.ledger))
    said = [f"Goals so far: {earlier.goals}" if earlier.goals else ""]
    said.append(f"State before: {earlier.state}" if earlier.state else "")
    said.append(f"Next, as planned before: {earlier.next}" if earlier.next else "")
    said.append(f"Known already, do not repeat:\n{known}" if known else "")
    before = "\n".join(each for each in said if each)
    return TASK.format(
        earlier=f"{before}\n\n" if before else "",
        transcript=transcript,
        focus=f"\nGive most room to: {focus}" if focus else "",
    )


def merge(earlier: Notes, reply: str, record: Record, cited: range) -> Notes:
    """The notes after a model's `reply`.

    Args:
        record: of the messages that the reply is about; what the person laid down in them and
            the reply does not cite is taken over word for word.
        cited: seqs that the reply may cite.
    """
    found = _sections(reply)
    outdated = {int(number) for number in _NUMBER.findall(found.get("outdated", ""))}
    kept = [entry for entry in earlier.ledger if not entry.seq or entry.seq not in outdated]
    known = {entry.seq for entry in kept}
    told = f"{found.get('decisions', '')}\n{found.get('facts', '')}"
    new = list(_entries(told, lambda seq: seq in cited or seq in known))
    covered = {entry.seq for entry in new} | outdated
    said = [entry for entry in record.laid_down if entry.seq not in covered]
    new = [entry for entry in new if not any(_restates(entry, old) for old in kept)]
    ledger = unique([*kept, *sorted([*said, *new], key=lambda entry: entry.seq)])
    state = found.get("state", "") if found else reply.strip()
    return Notes(
        found.get("goals", "") or earlier.goals,
        state or earlier.state,
        found.get("next", "") or ("" if found else earlier.next),
        ledger,
    )


def extract(earlier: Notes, transcript: str, record: Record, why: str) -> Notes:
    """Notes without a model: what was known, what the person laid down, the newest messages."""
    goals = earlier.goals
    if not goals and record.request is not None:
        goals = cut(record.request.words)
    said = f"(The model could not write notes: {why} This is an extract.)\n"
    before = f"Before: {earlier.state}\n" if earlier.state else ""
    return Notes(
        goals,
        f"{said}{before}{transcript}",
        earlier.next,
        unique([*earlier.ledger, *record.laid_down]),
    )


def write(
    notes: Notes,
    record: Record,
    room: Room,
    *,
    conversation_id: str,
    last: int,
    results: str = "",
    outside: str = "",
) -> str:
    """The summary as it is stored.

    Args:
        record: of all messages that are out of the window.
        last: seq of the newest one of them.
        results: what the newest tools returned, if that is not in the window itself.
        outside: says what of it came from outside; see `agent.provenance`.
    """
    head = (
        f"Notes on messages 1 to {last}, which are out of the window now. [N] is message N: "
        f"conversation_open {conversation_id}:N shows it, conversation_search finds words."
    )
    notes = _fitted(notes, room)
    ledger = _ledger(notes.ledger, room.ledger)
    parts = [head, _section("Goals", notes.goals), _section(_LEDGER, ledger)]
    parts += [_section("State", notes.state), _section("Next", notes.next)]
    request = record.request
    asked = f"[{request.seq}] {shorten(request.words, room.request)}" if request else ""
    kept = [
        outside,
        _files(record, room.files),
        _titled("Open work", "\n".join(map(_todo, record.todos))),
        _titled("The person's newest message out of the window", asked),
        _titled("The newest results, shortened", shorten(results, room.results)),
        _skills(record, room.skills),
    ]
    program = "\n".join(each for each in kept if each)
    return "\n".join(each for each in (*parts, f"## {PROGRAM}", program) if each)


def _sections(text: str) -> dict[str, str]:
    """The bodies under the known headings, by heading in lower case."""
    marks = list(_HEADING.finditer(text))
    found: dict[str, str] = {}
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=False):
        body = text[mark.end() : end]
        whole = f"{mark[3]}\n{body}".strip()
        name = (mark[1] or mark[2]).lower()
        found[name] = f"{found[name]}\n{whole}".strip() if name in found else whole
    return found


def _entries(text: str, may_cite: Callable[[int], bool]) -> Iterable[Entry]:
    for line in text.splitlines():
        numbers = [int(number) for number in _NUMBER.findall(line)]
        statement = cut(_NUMBER.sub("", _BULLET.sub("", line)))
        if len(statement) > 2 and not _NOTHING.fullmatch(statement):
            yield Entry(statement, next((seq for seq in numbers if may_cite(seq)), 0))


def _restates(entry: Entry, old: Entry) -> bool:
    """Whether a statement says again, in other words, what another said: models like to."""
    words, before = set(_WORDS.findall(entry.text.lower())), set(_WORDS.findall(old.text.lower()))
    new = words - before
    return len(new) <= len(words) * 0.3 and not any(map(_TURNING.fullmatch, new))


def unique(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Each statement once, in order of its first mention."""
    seen: dict[str, Entry] = {}
    for entry in entries:
        seen.setdefault(re.sub(r"\W+", " ", entry.text).strip().lower(), entry)
    return tuple(seen.values())


def _line(entry: Entry) -> str:
    return f"- [{entry.seq}] {entry.text}" if entry.seq else f"- {entry.text}"


def _ledger(entries: Sequence[Entry], room: int) -> str:
    """All statements; for want of room first shortened, then the newest of the middle left out.

    What was laid down first is what everything later stands on, so the oldest third stays.
    """
    lines = [_line(entry) for entry in entries]
    for width in (MOST_WORDS + 20, 120, 60):
        lines = [line if len(line) <= width else f"{line[: width - 1]}…" for line in lines]
        if sum(map(estimate, lines)) <= room:
            return "\n".join(lines)
    first = _while_fitting(lines, room // 3)
    newest = _while_fitting(lines[: len(first) - 1 if first else None : -1], room - room // 3)
    left = len(lines) - len(first) - len(newest)
    gap = [f"- … {left} more: conversation_search finds them"] if left > 0 else []
    return "\n".join([*first, *gap, *reversed(newest)])


def _while_fitting(lines: Sequence[str], room: int) -> list[str]:
    taken: list[str] = []
    for line in lines:
        room -= estimate(line)
        if room < 0:
            break
        taken.append(line)
    return taken


def _fitted(notes: Notes, room: Room) -> Notes:
    goals = shorten(notes.goals, room.words // 4)
    following = shorten(notes.next, room.words // 4)
    left = room.words - estimate(goals) - estimate(following)
    return replace(notes, goals=goals, next=following, state=shorten(notes.state, left))


def _section(title: str, body: str) -> str:
    """A section that can be read again: no line of it looks like a heading of ours."""
    body = _HEADING.sub(lambda mark: f"({mark[0].strip('#* ')})", body.strip())
    return f"## {title}\n{body}" if body else ""


def _titled(title: str, body: str) -> str:
    return f"{title}:\n{body}" if body.strip() else ""


def _files(record: Record, room: int) -> str:
    changed = _while_fitting([f"{p} [{seq}]" for p, seq in reversed(record.changed.items())], room)
    read = [path for path in reversed(record.read) if path not in record.changed]
    room -= sum(map(estimate, changed))
    lines = [f"Files changed, newest first: {', '.join(changed)}" if changed else ""]
    seen = _while_fitting(read, room)
    lines.append(f"Files read: {', '.join(seen)}" if seen else "")
    return "\n".join(line for line in lines if line)


def _todo(todo: dict[str, str]) -> str:
    marks = {"completed": "x", "in_progress": ">"}
    return f"- [{marks.get(todo.get('status', ''), ' ')}] {cut(todo.get('content', ''))}"


def _skills(record: Record, room: int) -> str:
    """The texts of the newest skills, as far as there is room; the others by name."""
    texts: list[str] = []
    named: list[str] = []
    for name, entry in reversed(record.skills.items()):
        size = estimate(entry.text)
        if size <= room and not named:
            room -= size
            texts.append(entry.text)
        else:
            named.append(name)
    if named:
        names = ", ".join(named[:10])
        texts.append(f"Also loaded before: {names}. Load one again with Skill to go on with it.")
    return _titled("Skills in use", "\n".join(texts))
