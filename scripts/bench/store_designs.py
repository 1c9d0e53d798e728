"""Ways to let many processes write one SQLite file, ours and those one would try first.

Each is the product's own store with another lock around its transactions, so that schema,
statements and durability are the same and only the design differs.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from letta_cli.core.errors import Holder
from letta_cli.core.memory import Origin
from letta_cli.core.message import Part, Role, Text, ToolCall, ToolReturn
from letta_cli.store import Store, open_store
from letta_cli.store.locks import KernelLock, Lock

MODEL = Origin("model")
LINE = "{name} {number:06d}"
TURN = "Please make the login test pass; it fails since the session cookie got a shorter life. " * 4


@dataclass(frozen=True, slots=True)
class Design:
    """One way to write.

    Attributes:
        lock: made for a database file; None for the product's own.
        busy_seconds: how long SQLite itself polls for its lock.
        whole: a turn is one transaction, and an edit is made on the current text.
    """

    lock: Callable[[Path], Lock] | None = None
    busy_seconds: float = 30.0
    whole: bool = True


class NoLock:
    """Leaves the waiting to SQLite."""

    def __init__(self, _database: Path) -> None:
        pass

    def acquire(self, wait_seconds: float) -> bool:
        return True

    def release(self) -> None:
        pass

    def holder(self) -> Holder | None:
        return None


class PollingLock(NoLock):
    """Tries again and again, with a random pause in between."""

    def __init__(self, database: Path) -> None:
        self._lock = plain_lock(database)

    def acquire(self, wait_seconds: float) -> bool:
        end = time.monotonic() + wait_seconds
        while not self._lock.acquire(0):
            if time.monotonic() > end:
                return False
            time.sleep(random.uniform(0.0003, 0.02))
        return True

    def release(self) -> None:
        self._lock.release()


def plain_lock(database: Path) -> Lock:
    return KernelLock(database.with_name("plain.lock"), "bench")


DESIGNS = {
    "ours": Design(),
    "flock without a queue": Design(plain_lock),
    "polled flock": Design(PollingLock),
    "BEGIN IMMEDIATE, 30 s": Design(NoLock),
    "BEGIN IMMEDIATE, 5 s": Design(NoLock, busy_seconds=5),
    "read, then write": Design(NoLock, whole=False),
}


class Writer:
    """One process's hand on the database: turns to its own conversation, edits to one block."""

    def __init__(self, url: str, design: Design, name: str) -> None:
        self.store: Store = open_store(url, reason="bench")
        agent = self.store.agents.current()
        self._design = design
        self._agent_id = agent.id
        self._block = self.store.blocks.find(agent.id, "load").id
        self._name = name
        self.conversation = self.store.conversations.create(agent.id, cwd="/b", project="/b").id
        database = self.store.database
        if design.lock is not None:
            # Under the hood on purpose: the product has no such switches.
            inside: Any = database
            inside._lock = design.lock(Path(url.removeprefix("sqlite:///")))
            inside._session().connection.set_busy_timeout(int(design.busy_seconds * 1000))
        self.turns = self.edits = 0

    def append_turn(self) -> None:
        head = 3 * self.turns
        call = ToolCall(f"call-{head}", "Bash", {"command": "pytest -q tests/test_login.py"})
        turn: Sequence[tuple[Role, Sequence[Part]]] = [
            ("user", [Text(TURN)]),
            ("assistant", [Text(TURN), call]),
            ("tool", [ToolReturn(call.id, call.name, "ok", TURN * 3)]),
        ]
        if self._design.whole:
            self.store.messages.extend(self.conversation, turn, expected_head=head)
        else:
            for role, parts in turn:
                self.store.messages.append(self.conversation, role, parts)
        self.turns += 1

    def edit_block(self) -> None:
        old = LINE.format(name=self._name, number=self.edits)
        new = LINE.format(name=self._name, number=self.edits + 1)
        if self._design.whole:
            self.store.blocks.replace(self._block, old, new, origin=MODEL)
        else:
            value = self.store.blocks.find(self._agent_id, "load").value
            lines = [new if line.startswith(self._name) else line for line in value.split("\n")]
            self.store.blocks.rethink(self._block, "\n".join(lines), origin=MODEL)
        self.edits += 1


def first_text(names: Sequence[str]) -> str:
    """The shared block before anyone has edited it: a line for each writer."""
    return "\n".join(LINE.format(name=name, number=0) for name in names)


def edits_kept(text: str) -> dict[str, int]:
    """How many of its edits each writer finds in the shared block."""
    return {name: int(number) for name, number in (line.split() for line in text.split("\n"))}
