"""CPU time of the program's own work in one step of a run, with 200 messages in the window.

The model answers at once and the tool does nothing, so what is left is ours: the memory check,
the request, the conversion to each provider's wire format, the journal and the events. Beside it
stand what any program would pay: bare SQLite commits of the same number.

    python scripts/bench/steps.py [--messages 200] [--steps 50]
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from letta_cli.agent.budget import ContextMeter
from letta_cli.agent.inbox import Inbox
from letta_cli.agent.loop import run
from letta_cli.agent.policy import SessionPolicy
from letta_cli.agent.prompt import PromptParts, compile_prompt
from letta_cli.agent.radar import Radar
from letta_cli.agent.thread import Thread
from letta_cli.agent.turn import Limits, Turn
from letta_cli.core.event import StepFinished
from letta_cli.core.message import Text, ToolCall
from letta_cli.core.permission import Rules
from letta_cli.core.provider import Completed, Delta, ModelInfo, Request
from letta_cli.core.run import Usage
from letta_cli.store import open_store
from letta_cli.tools import all_tools
from letta_cli.workspace.workspace import Workspace


class InstantModel:
    """Asks for one small read in every step, without any delay."""

    name = "instant"

    def __init__(self, steps: int) -> None:
        self.left = steps

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.left -= 1
        usage = Usage(input=len(request.messages) * 40, output=20)
        if self.left > 0:
            call = ToolCall(f"call-{self.left}", "Read", {"file_path": "a.txt"})
            yield Completed((Text("next"), call), "end_turn", usage)
        else:
            yield Completed((Text("done"),), "end_turn", usage)


def build(folder: Path, messages: int, steps: int) -> Turn:
    store = open_store(f"sqlite:///{folder}/agent.db")
    agent = store.agents.current()
    conversation = store.conversations.create(agent.id, cwd=str(folder), project=str(folder))
    for number in range(messages // 2):
        store.messages.append(conversation.id, "user", (Text(f"question {number} " * 20),))
        store.messages.append(conversation.id, "assistant", (Text(f"answer {number} " * 40),))
    thread = Thread(store, conversation.id)
    blocks = store.blocks.visible(thread.conversation)
    workspace = Workspace(folder, overflow_dir=folder, environment={})
    (folder / "a.txt").write_text("a line\n" * 50)
    presence = store.sessions.open(
        conversation_id=conversation.id, cwd=str(folder), branch="", terminal=""
    )
    versions = {block.id: block.version for block in blocks}
    return Turn(
        agent=agent,
        thread=thread,
        store=store,
        provider=InstantModel(steps),  # type: ignore[arg-type]
        model="instant/model",
        info=ModelInfo("instant/model", context_window=1_000_000),
        tools=all_tools(),
        workspace=workspace,
        radar=Radar(store, workspace, presence.session_id),
        skills=(),
        policy=SessionPolicy(Rules(), "bypassPermissions", interactive=False),
        limits=Limits(),
        inbox=Inbox(),
        meter=ContextMeter(),
        compile_prompt=lambda: (compile_prompt(PromptParts(blocks), small=False), versions),
    )


async def measure(turn: Turn) -> list[float]:
    """CPU milliseconds of each step, children left out."""
    spent: list[float] = []
    mark = time.process_time()
    async for event in run(turn, (Text("go"),)):
        if isinstance(event, StepFinished):
            spent.append((time.process_time() - mark) * 1000)
            mark = time.process_time()
    return spent


def commits(folder: Path, number: int) -> float:
    """CPU milliseconds of `number` bare commits, the floor under any journal."""
    import apsw

    connection = apsw.Connection(str(folder / "bare.db"))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (x)")
    mark = time.process_time()
    for _ in range(number):
        connection.execute("INSERT INTO t VALUES ('x')")
    return (time.process_time() - mark) * 1000 / number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--steps", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        turn = build(Path(folder), options.messages, options.steps)
        spent = asyncio.run(measure(turn))[1:]
        bare = commits(Path(folder), 50)
    median = statistics.median(spent)
    python = sys.version.split()[0]
    print(f"{options.messages} messages in the window, {len(spent)} steps, Python {python}")
    print(f"own work a step  median {median:6.2f} ms  max {max(spent):6.2f} ms  (goal: under 10)")
    print(f"bare commit      median {bare:6.2f} ms  a step is worth {median / bare:.1f} of them")


if __name__ == "__main__":
    main()
