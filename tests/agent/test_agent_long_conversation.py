"""Two thousand turns: what was laid down in the first ones is still known after five compactions.

The model here answers only from what stands in its request, and its notes are sloppy: each time
they tell only what is new.
"""

import dataclasses
import itertools
import re
from collections.abc import AsyncIterator

import pytest

from letta_cli.core.event import Compacted, RunFinished
from letta_cli.core.message import Text
from letta_cli.core.provider import Completed, Delta, ModelInfo, Request, TextChunk
from letta_cli.core.run import Usage
from letta_cli.providers.tokens import estimate, estimate_message

TURNS = 2_000
FILLER = (
    "We looked at one more module of the importer and talked about its names and its tests. " * 8
)


class ForgetfulModel:
    """Knows what its request says and nothing else; counts tokens as a provider does."""

    name = "forgetful"

    def __init__(self) -> None:
        self.prefixes: list[tuple[str, tuple[str, ...]]] = []
        self.notes_written = 0
        self._sizes: dict[str, int] = {}

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        text = self._notes(request) if not request.tools else self._answer(request)
        yield TextChunk(text)
        yield Completed((Text(text),), "end_turn", Usage(input=self._size(request), output=9))

    def _notes(self, request: Request) -> str:
        self.notes_written += 1
        transcript = request.messages[0].text
        port = re.search(r"^\[(\d+)\] user: .*port (\d+)", transcript, re.MULTILINE)
        fact = f"## Facts\n- The port is {port[2]} [{port[1]}]\n" if port else ""
        return f"{fact}## State\nModules were looked at, round {self.notes_written}.\n"

    def _answer(self, request: Request) -> str:
        self.prefixes.append((request.system, tuple(m.id for m in request.messages)))
        question = request.messages[-1].text
        if not question.endswith("?"):
            return "Yes. " + FILLER
        seen = "\n".join(message.text for message in request.messages[:-1])
        pattern = r"PostgreSQL \d+" if "database" in question else r"port (?:is )?\d+"
        found = re.search(pattern, seen)
        return found[0] if found else "I do not know."

    def _size(self, request: Request) -> int:
        for message in request.messages:
            if message.id not in self._sizes:
                self._sizes[message.id] = estimate_message(message)
        return estimate(request.system) + sum(self._sizes[m.id] for m in request.messages)

    async def models(self) -> list[ModelInfo]:
        return []

    async def model_info(self, model: str) -> ModelInfo:
        return ModelInfo(model)

    async def warm(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


@pytest.mark.slow
async def test_after_two_thousand_turns_and_five_compactions_the_first_decision_is_known(stage):
    s = stage([], info=ModelInfo("forgetful/model", context_window=190_000))
    model = ForgetfulModel()
    s.turn = dataclasses.replace(s.turn, provider=model)
    compactions: list[Compacted] = []

    async def say(text: str) -> str:
        events = await s.play(text)
        compactions.extend(event for event in events if isinstance(event, Compacted))
        assert isinstance(events[-1], RunFinished)
        return events[-1].text

    await say("Hello, let us go through the importer.")
    await say("Take port 7421 for it.")
    await say("For storage we decided on PostgreSQL 16, because of its advisory locks.")
    for number in range(4, TURNS):
        await say(f"Module {number}. {FILLER}")
    assert len(compactions) >= 5 and not any(each.failure for each in compactions)
    assert await say("Which database did we settle on?") == "PostgreSQL 16"
    assert await say("And where does it listen?") == "port is 7421"

    summary = s.turn.thread.messages[0].text
    assert "- [5] For storage we decided on PostgreSQL 16" in summary
    assert estimate(summary) < 10_000
    hits = s.store.search.messages(s.turn.agent.id, "advisory locks storage", limit=3)
    assert 5 in [hit.seq for hit in hits], "what was compacted stays searchable"
    broken = [
        later
        for earlier, later in itertools.pairwise(model.prefixes)
        if later[0] != earlier[0] or later[1][: len(earlier[1])] != earlier[1]
    ]
    assert len(broken) == len(compactions), "the prompt cache is lost at compactions only"
