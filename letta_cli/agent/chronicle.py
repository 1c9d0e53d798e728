"""Notes on a conversation that no model writes: turn by turn, what was asked and what came of it.

For models of the small profile. Seen with the embedded one: it took tool calls for decisions of
the person, stated twice what was known, and broke off; none of it could be told from the truth.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from letta_cli.agent.notes import Notes, unique
from letta_cli.agent.record import SENTENCE, Entry, Record, cut
from letta_cli.core.message import Message, ToolCall, ToolReturn

_TELLS = re.compile(
    r"\b(is|are|was|were|am|has|have|means|called|named|lives?|uses?|runs?|belongs?)\b",
    re.IGNORECASE,
)
"""Words of sentences that state something. English, as `agent.record`."""

MOST_ASKED, MOST_ANSWERED, MOST_COMMAND = 160, 160, 60
MOST_TOLD = 5
"""Statements that are taken from one message of the person."""


def chronicle(earlier: Notes, evicted: Sequence[Message], record: Record) -> Notes:
    """The notes after `evicted`, which leaves the window.

    Args:
        record: of these messages; what the person laid down in them goes into the ledger.
    """
    said = [message for message in evicted if message.role == "user" and not _is_skill(message)]
    told = [entry for message in said for entry in _told(message, record)]
    ledger = sorted([*record.laid_down, *told], key=lambda entry: entry.seq)
    goals = earlier.goals or (_short(said[0].words, MOST_ASKED) if said else "")
    lines = "\n".join(_turns(evicted))
    state = "\n".join(each for each in (earlier.state, lines) if each)
    return Notes(goals, state, earlier.next, unique([*earlier.ledger, *ledger]))


def _told(message: Message, record: Record) -> list[Entry]:
    """What the person stated in a message, word for word, beside what they laid down."""
    known = {entry.text for entry in record.laid_down}
    found: list[Entry] = []
    for sentence in SENTENCE.split(message.words):
        text = cut(sentence)
        question = text.endswith("?")
        if text and text not in known and not question and _TELLS.search(text):
            found.append(Entry(text, message.seq))
    return found[:MOST_TOLD]


def _turns(messages: Sequence[Message]) -> Iterator[str]:
    """A line for each message of the person, with what was done about it."""
    turn: list[Message] = []
    for message in messages:
        if message.role == "user" and turn:
            yield _line(turn)
            turn = []
        turn.append(message)
    if turn:
        yield _line(turn)


def _line(turn: Sequence[Message]) -> str:
    first = turn[0]
    asked = "the same turn" if first.role != "user" else f"“{_short(first.words, MOST_ASKED)}”"
    if first.role == "user" and _is_skill(first):
        asked = "a skill was sent"
    answers = [message.text for message in turn if message.role == "assistant" and message.text]
    done = list(dict.fromkeys(_deeds(turn)))
    if answers:
        done.append(f"answered “{_short(answers[-1], MOST_ANSWERED)}”")
    return f"- [{first.seq}] {asked}: {'; '.join(done) or 'no answer yet'}"


def _deeds(turn: Iterable[Message]) -> Iterator[str]:
    """What was changed, run and remembered."""
    calls: dict[str, ToolCall] = {}
    for message in turn:
        calls |= {call.id: call for call in message.tool_calls}
        for part in message.parts:
            if not isinstance(part, ToolReturn) or part.call_id not in calls:
                continue
            given = calls[part.call_id].arguments
            if part.name in ("Edit", "Write") and part.status == "ok":
                yield f"changed {given.get('file_path', '')}"
            elif part.name == "Bash":
                yield f"ran {_short(str(given.get('command', '')), MOST_COMMAND)} ({part.status})"
            elif part.name.startswith("memory") and part.status == "ok":
                yield "wrote to memory"


def _is_skill(message: Message) -> bool:
    return message.words.lstrip().startswith("<skill_content")


def _short(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
