"""When a session has a reflection begun: enough turns, a compaction, a rest; never too often."""

from pathlib import Path
from typing import Any

import pytest

from letta_cli.agent import occasions as module
from letta_cli.agent.occasions import Occasions, introduction_after
from letta_cli.core.event import Compacted, RunFinished, RunStarted
from letta_cli.core.message import Text
from letta_cli.core.reflection import ReflectionSettings, Slice
from letta_cli.core.run import Usage
from letta_cli.store import Store, open_store

ENDED = RunFinished("end_turn", "", Usage(), 1)


class Eye:
    """A session's eye on its settings; `begun` is what it had begun."""

    def __init__(self, store: Store, *, introduce: bool = False, **settings: Any) -> None:
        self.store = store
        self.agent = store.agents.current()
        self.conversation = store.conversations.create(self.agent.id, cwd="/p", project="/p")
        self.begun: list[tuple[str, str]] = []
        self.occasions = Occasions(
            store.reflections,
            self.agent.id,
            ReflectionSettings(**settings),
            lambda model, occasion: self.begun.append((model, occasion)),
            introduce=introduce,
        )

    def turn(self, *, compacted: bool = False, model: str = "m/m") -> None:
        run, _ = self.store.runs.start(
            self.conversation.id, "m/m", [Text("go")], expected_head=None
        )
        self.occasions.look(RunStarted(run.id, self.conversation.id, self.agent.id, "m"), model)
        if compacted:
            self.occasions.look(Compacted("auto", 10, 5), model)
        self.store.runs.finish(run.id, "end_turn")
        self.occasions.look(ENDED, model)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path}/agent.db")


def test_every_so_many_turns_of_all_conversations(store: Store):
    eye = Eye(store, every_turns=3)
    eye.turn()
    Eye(store, every_turns=0).turn()
    assert eye.begun == []
    eye.turn()
    assert eye.begun == [("m/m", "turns")]


def test_a_long_history_gives_one_occasion_and_not_many(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    eye = Eye(store, every_turns=3)
    for _ in range(9):
        eye.occasions.look(None, "m/m")
        run, _ = store.runs.start(eye.conversation.id, "m/m", [Text("go")], expected_head=None)
        store.runs.finish(run.id, "end_turn")
    eye.turn()
    assert len(eye.begun) == 1
    own = store.conversations.create(eye.agent.id, cwd="/p", project="/p", kind="reflection")
    some = store.reflections.begin(
        eye.agent.id, own.id, "turns", [Slice(eye.conversation.id, 1, 2)]
    )
    store.reflections.finish(some.id)
    eye.turn()
    eye.turn()
    assert len(eye.begun) == 1, "most is unread still, but only two turns are new"
    eye.turn()
    assert len(eye.begun) == 2


def test_a_pause_lies_between_two(store: Store, monkeypatch: pytest.MonkeyPatch):
    eye = Eye(store, every_turns=1)
    eye.turn()
    eye.turn()
    assert len(eye.begun) == 1
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    eye.turn()
    assert len(eye.begun) == 2


def test_after_a_compaction_when_the_run_is_over(store: Store):
    eye = Eye(store, every_turns=0)
    eye.turn(compacted=True)
    assert eye.begun == [("m/m", "compaction")]
    off = Eye(store, every_turns=0, on_compaction=False)
    off.turn(compacted=True)
    assert off.begun == []


def test_a_compaction_that_a_person_asked_for_begins_one_at_once(store: Store):
    eye = Eye(store, every_turns=0)
    eye.turn()
    eye.occasions.look(Compacted("manual", 10, 5), "m/m")
    assert eye.begun == [("m/m", "compaction")]


def test_a_terminal_that_rests_long_enough_once(store: Store, monkeypatch: pytest.MonkeyPatch):
    eye = Eye(store, every_turns=0, idle_minutes=5)
    for _ in range(3):
        eye.turn()
    eye.occasions.look(None, "m/m")
    assert eye.begun == []
    later = module.time.monotonic() + 301
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    eye.occasions.look(None, "m/m")
    eye.occasions.look(None, "m/m")
    assert eye.begun == [("m/m", "idle")]


def test_a_small_model_begins_none_unless_another_one_is_set(store: Store):
    small = Eye(store, every_turns=1)
    small.turn(model="")
    assert small.begun == []
    other = Eye(store, every_turns=1, model="big/model")
    other.turn(model="")
    assert other.begun == [("big/model", "turns")]


def test_none_while_one_goes_on_nor_soon_after_a_failure(store: Store):
    eye = Eye(store, every_turns=1)
    with store.reflections.alone(eye.agent.id):
        eye.turn()
    store.reflections.refused(eye.agent.id, "turns", "no key")
    eye.turn()
    assert eye.begun == []


def test_before_the_first_one_the_person_is_told_and_it_begins_with_the_next_occasion(store: Store):
    eye = Eye(store, introduce=True, every_turns=1)
    eye.turn()
    assert eye.begun == [], "nothing is spent before they know"
    (told,) = introduction_after(eye.occasions, ENDED)
    assert "every 1 turns" in told.text and "at most $0.10 each time" in told.text
    assert "agent config set reflection.automatic false" in told.text
    eye.turn()
    assert eye.begun == [("m/m", "turns")]
    assert introduction_after(eye.occasions, ENDED) == [], "once"
    again = Eye(store, introduce=True, every_turns=1)
    again.turn()
    assert again.begun == [("m/m", "turns")], "nor in the next terminal"


def test_a_compaction_that_waits_for_the_introduction_is_not_forgotten(store: Store):
    eye = Eye(store, introduce=True, every_turns=0)
    eye.turn(compacted=True)
    assert introduction_after(eye.occasions, ENDED) and eye.begun == []
    eye.turn()
    assert eye.begun == [("m/m", "compaction")]


def test_a_person_who_was_not_shown_it_yet_has_not_been_told(store: Store):
    eye = Eye(store, introduce=True, every_turns=1)
    eye.turn()
    other = Eye(store, introduce=True, every_turns=1)
    other.turn()
    assert other.begun == [] and introduction_after(other.occasions, ENDED)
