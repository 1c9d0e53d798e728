"""A real run without a network: real SQLite, real tools in a real directory, a scripted model."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from letta_cli.agent.budget import ContextMeter
from letta_cli.agent.inbox import Inbox
from letta_cli.agent.loop import run
from letta_cli.agent.policy import SessionPolicy
from letta_cli.agent.prompt import PromptParts, compile_prompt
from letta_cli.agent.shelf import Shelf
from letta_cli.agent.thread import Thread
from letta_cli.agent.turn import Limits, Turn
from letta_cli.core.event import Event
from letta_cli.core.message import Text
from letta_cli.core.permission import Rules
from letta_cli.core.provider import ModelInfo, ProviderSettings
from letta_cli.providers import load
from letta_cli.store import Store, open_store
from letta_cli.tools import all_tools
from letta_cli.workspace.workspace import Workspace


@dataclass
class Stage:
    """Everything a run needs; `play` runs one turn of the script and returns its events."""

    store: Store
    turn: Turn
    record: Path

    async def play(self, text: str = "go") -> list[Event]:
        return [event async for event in run(self.turn, (Text(text),))]

    def stored(self) -> list[tuple[str, str]]:
        """Role and text of every stored message; tool messages as ``name:status``."""
        rows: list[tuple[str, str]] = []
        for message in self.store.messages.read(self.turn.thread.conversation.id):
            returns = [f"{p.name}:{p.status}" for p in message.parts if hasattr(p, "call_id")]
            rows.append((message.role, " ".join(returns) or message.text))
        return rows

    def requests(self) -> list[dict[str, Any]]:
        """What the model was sent, call by call."""
        if not self.record.exists():
            return []
        return [json.loads(line) for line in self.record.read_text().splitlines()]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "app.py").write_text("answer = 41\n")
    return root


@pytest.fixture
def stage(tmp_path: Path, project: Path) -> Callable[..., Stage]:
    def build(
        script: list[dict[str, Any]] | dict[str, Any],
        *,
        mode: str = "bypassPermissions",
        interactive: bool = False,
        limits: Limits | None = None,
        info: ModelInfo | None = None,
        rules: Rules | None = None,
        store: Store | None = None,
        conversation_id: str | None = None,
    ) -> Stage:
        script_file = tmp_path / f"script-{len(list(tmp_path.iterdir()))}.json"
        script_file.write_text(json.dumps(script))
        record = script_file.with_suffix(".requests")
        store = store or open_store(f"sqlite:///{tmp_path}/agent.db")
        agent = store.agents.current()
        if conversation_id is None:
            created = store.conversations.create(agent.id, cwd=str(project), project=str(project))
            conversation_id = created.id
        options = (("script", str(script_file)), ("record", str(record)))
        thread = Thread(store, conversation_id)
        workspace = Workspace(
            project, overflow_dir=tmp_path / "out", environment={"PATH": "/usr/bin:/bin"}
        )

        def compile_now() -> tuple[str, dict[str, int]]:
            blocks = store.blocks.visible(thread.conversation)
            prompt = compile_prompt(PromptParts(blocks), small=False)
            return prompt, {block.id: block.version for block in blocks}

        turn = Turn(
            agent=agent,
            thread=thread,
            store=store,
            provider=load("scripted", ProviderSettings("scripted", options=options)),
            model="scripted/test",
            info=info or ModelInfo("scripted/test", context_window=100_000),
            tools=all_tools(),
            workspace=workspace,
            shelf=Shelf(),
            policy=SessionPolicy(rules or Rules(), mode, interactive=interactive),  # type: ignore[arg-type]
            limits=limits or Limits(max_tries=3),
            inbox=Inbox(),
            meter=ContextMeter(),
            compile_prompt=compile_now,
        )
        return Stage(store, turn, record)

    return build


def names(events: list[Event]) -> list[str]:
    """The types of `events`, without the deltas."""
    return [type(event).__name__ for event in events if not type(event).__name__.endswith("Delta")]


__all__ = ["Stage", "names"]
