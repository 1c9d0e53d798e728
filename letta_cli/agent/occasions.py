"""Notices in an open session when there is an occasion to reflect, and has it begun elsewhere.

Nothing waits for it: the reflection is a process of its own, which takes the agent's one lease or
leaves again.
"""

import contextlib
import time
from collections.abc import Callable
from datetime import timedelta

from letta_cli.core.clock import now
from letta_cli.core.errors import StoreError
from letta_cli.core.event import Compacted, Event, Notice, RunFinished, RunStarted
from letta_cli.core.reflection import Occasion, ReflectionSettings
from letta_cli.store.reflections import Reflections

PAUSE_SECONDS = 60.0
"""The least time between two that one session begins."""

LEAST_IDLE_RUNS = 3
"""Fewer new runs than this are not worth a reflection when a terminal is merely idle."""

LONGEST_WAIT = timedelta(hours=24)


def provider_of(handle: str) -> str:
    """``anthropic/`` of ``anthropic/claude-…``."""
    return handle.partition("/")[0] + "/"


class Occasions:
    """One session's eye on `ReflectionSettings`.

    Args:
        begin: starts a process that reflects with a model, and returns at once.
        introduce: the person is told before the first one ever begins, since it may cost them
            money. It then begins with the next occasion, so that they can switch it off.
    """

    def __init__(
        self,
        reflections: Reflections,
        agent_id: str,
        settings: ReflectionSettings,
        begin: Callable[[str, Occasion], None],
        *,
        introduce: bool = False,
    ) -> None:
        self._reflections = reflections
        self._agent_id = agent_id
        self._settings = settings
        self._begin = begin
        self._introduce = introduce
        self._untold = ""
        self._running = False
        self._compacted = False
        self._rested = True
        self._ended_at = time.monotonic()
        self._begun_at = float("-inf")

    def introduction(self) -> str:
        """What the person is to be told now, before the first reflection; told once."""
        model, self._untold = self._untold, ""
        if not model:
            return ""
        self._reflections.set_introduced(self._agent_id)
        return (
            "From now on the agent looks back on its conversations in the background and keeps "
            f"what matters in memory: {self._settings.occasions}, with {model}, for at most "
            f"${self._settings.max_budget_usd:.2f} each time. See what it did: agent reflect log. "
            "Switch it off: agent config set reflection.automatic false"
        )

    def look(self, event: Event | None, model: str) -> None:
        """What is due begins, if no run goes on.

        Args:
            event: what happened in the session; None when nothing did for a while.
            model: the session's; empty for one that is not fit to reflect.
        """
        match event:
            case RunStarted():
                self._running = True
            case Compacted():
                self._compacted = True
            case RunFinished():
                self._running, self._rested = False, False
                self._ended_at = time.monotonic()
            case None:
                self._rest(model)
                return
            case _:
                return
        if self._running:
            return
        every = self._settings.every_turns
        if self._compacted and self._settings.on_compaction:
            self._compacted = self._consider("compaction", model, least=1)
        elif isinstance(event, RunFinished) and every:
            self._consider("turns", model, least=every)

    def _rest(self, model: str) -> None:
        minutes = self._settings.idle_minutes
        if not minutes or self._running or self._rested:
            return
        if time.monotonic() - self._ended_at >= minutes * 60:
            self._rested = True
            self._consider("idle", model, least=LEAST_IDLE_RUNS)

    def _consider(self, occasion: Occasion, model: str, *, least: int) -> bool:
        """Begin one if there is enough to read; returns whether it waits for the introduction."""
        model = self._settings.model or model
        moment = time.monotonic()
        if not model or moment - self._begun_at < PAUSE_SECONDS:
            return False
        provider = "" if self._settings.model else provider_of(model)
        unread = self._reflections.unread_runs(self._agent_id, provider=provider)
        if unread < least or self._must_wait():
            return False
        if self._introduce and not self._reflections.is_introduced(self._agent_id):
            self._untold = model
            return True
        self._introduce = False
        self._begun_at = moment
        self._begin(model, occasion)
        return False

    def _must_wait(self) -> bool:
        """Whether one goes on, or too many failed lately: each failure doubles the wait."""
        if self._reflections.is_going_on(self._agent_id):
            return True
        failures = 0
        newest = self._reflections.list(self._agent_id, limit=6)
        for each in newest:
            if each.state != "failed":
                break
            failures += each.tries
        if not failures:
            return False
        wait = min(LONGEST_WAIT, timedelta(hours=2 ** (min(failures, 6) - 1)))
        return now() - (newest[0].finished_at or newest[0].started_at) < wait


def introduction_after(occasions: Occasions | None, event: Event) -> list[Notice]:
    """What to say before the first reflection in the background, once a run has ended."""
    if occasions is None or not isinstance(event, RunFinished | Compacted):
        return []
    with contextlib.suppress(StoreError):
        if text := occasions.introduction():
            return [Notice("info", text)]
    return []
