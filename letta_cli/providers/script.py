"""A script of the scripted provider: reading the file, and which of its turns comes next.

The rules stand in `scripted`'s docstring. Choosing is a pure function of the script, of how far a
conversation is, and of what was said last.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from letta_cli.core.errors import ConfigError
from letta_cli.core.message import Message
from letta_cli.providers.shapes import as_object

Turn = Mapping[str, Any]

_SPOKEN = ("text", "reasoning", "tool_calls", "usage", "stop_reason", "progress")
_CHOSEN = ("when", "repeat", "comment")
_PLAYED = ("error", "cut", "hang", "delay_ms", "chunk")
KEYS = frozenset((*_SPOKEN, *_CHOSEN, *_PLAYED))
"""What a turn may hold."""


_FORM = (
    'It is JSON such as [{"text": "first answer"}, {"text": "{input}", "repeat": true}]; the '
    'README tells all of it under "Without a model".'
)


@dataclass(frozen=True, slots=True)
class Script:
    """Attributes:
    facts: what the script says of its model beside the turns.
    """

    path: str
    turns: tuple[Turn, ...]
    facts: Mapping[str, Any]


@dataclass(slots=True)
class Position:
    """How far one conversation is.

    Attributes:
        answers: how many were given in all.
        ordered: how many of them came from turns without a condition.
        spent: indexes of turns that will not come again.
    """

    answers: int = 0
    ordered: int = 0
    spent: set[int] = field(default_factory=set[int])

    def catch_up(self, script: Script, messages: Sequence[Message]) -> None:
        """Learn from the messages how far the conversation is, when this process saw less."""
        spoken = [i for i, message in enumerate(messages) if message.role == "assistant"]
        if len(spoken) <= self.answers:
            return
        seen = Position()
        for end in spoken:
            index = _matching(script.turns, told_last(messages[:end]), seen.spent)
            seen.count(script, index)
        self.answers, self.ordered = seen.answers, max(seen.ordered, self.ordered)
        self.spent |= seen.spent

    def count(self, script: Script, index: int | None) -> None:
        """Note that the turn at `index` answered; None for the next one in order."""
        self.answers += 1
        if index is None or not script.turns[index].get("when"):
            self.ordered += 1
        elif not script.turns[index].get("repeat"):
            self.spent.add(index)


def read_script(path: str) -> Script:
    """Read a list of turns, JSON lines, or an object with ``turns``.

    Raises:
        ConfigError: the file cannot be read or is none of these.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        if path.endswith(".jsonl"):
            data: Any = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            data = json.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"Cannot read the script {path}: {error}. {_FORM}") from error
    facts = as_object(data)
    turns: Any = facts.get("turns") if facts else data
    if not isinstance(turns, list) or not all(
        isinstance(turn, dict) for turn in cast("list[Any]", turns)
    ):
        raise ConfigError(f"The script {path} is no list of turns and holds none. {_FORM}")
    for number, turn in enumerate(cast("list[Turn]", turns), start=1):
        _check_turn(path, number, turn)
    return Script(path, tuple(cast("list[Turn]", turns)), facts)


def _check_turn(path: str, number: int, turn: Turn) -> None:
    unknown = sorted(set(turn) - KEYS)
    if unknown:
        raise ConfigError(
            f"Turn {number} of the script {path} has {', '.join(unknown)}, which means nothing. "
            f"A turn may have: {', '.join(sorted(KEYS))}."
        )
    try:
        re.compile(turn.get("when") or "")
    except (re.error, TypeError) as error:
        raise ConfigError(
            f"Turn {number} of the script {path} has no regular expression in 'when': {error}."
        ) from error


def told_last(messages: Sequence[Message]) -> str:
    """All that came in since the model spoke last."""
    new: list[str] = []
    for message in reversed(messages):
        if message.role == "assistant":
            break
        for part in reversed(message.parts):
            text = getattr(part, "text", None) or getattr(part, "content", "")
            if text:
                new.append(text)
    return "\n".join(reversed(new))


def fails(turn: Turn) -> bool:
    """Whether the turn ends without a message."""
    return bool(turn.get("error") or turn.get("cut") or turn.get("hang"))


def choose(position: Position, script: Script, told: str) -> int:
    """The index of the turn that comes next.

    Raises:
        ConfigError: none is left.
    """
    index = _matching(script.turns, told, position.spent)
    if index is not None:
        return index
    answers = 0
    last: int | None = None
    for index, turn in enumerate(script.turns):
        if turn.get("when"):
            continue
        if not fails(turn):
            last = index
            if answers == position.ordered:
                return index
            answers += 1
        elif answers == position.ordered and index not in position.spent:
            return index
    if last is not None and script.turns[last].get("repeat"):
        return last
    raise ConfigError(
        f"The script {script.path} has no turn left: it holds {answers} answers, this is request "
        f'{position.answers + 1}. Add one, or give the last one "repeat": true.'
    )


def _matching(turns: Sequence[Turn], told: str, spent: Collection[int]) -> int | None:
    for index, turn in enumerate(turns):
        pattern = turn.get("when")
        if pattern and index not in spent and re.search(pattern, told):
            return index
    return None
