"""A session that plays scripted events on a real store, for driving the terminal UI.

Run as a program it opens the UI on standard input and output:
``fake_session.py DIRECTORY SCRIPT [PROMPT]``, where SCRIPT names one of `SCRIPTS`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from letta_cli.agent.context import ContextView, view_context
from letta_cli.agent.prompt import PromptParts, compile_prompt
from letta_cli.agent.rewind import PastTurn
from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import Busy, Overloaded
from letta_cli.core.event import (
    ApprovalRequested,
    AssistantMessage,
    Compacted,
    Event,
    Notice,
    ReasoningDelta,
    Retrying,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TextDelta,
    ToolCallReady,
    ToolProgress,
    ToolReturned,
)
from letta_cli.core.message import Text, ToolCall, ToolReturn
from letta_cli.core.permission import Answer, Decision, PermissionMode
from letta_cli.core.provider import ModelInfo, Offer
from letta_cli.core.run import Usage
from letta_cli.core.skill import Skill
from letta_cli.store import Store, open_store

USAGE = Usage(input=1200, output=80, cache_read=3000, cost_usd=0.0123)

DIFF = """\
--- a/app.py
+++ b/app.py
@@ -8,5 +8,6 @@
 import sys

-def main(name):
+def main(name: str) -> int:
     print(f"hello {name}")
+    return 0

"""

ANSWER = """\
# What I found

The *entry point* is `main` in **app.py**, and it does [this](https://example.org/doc):

1. reads the arguments
2. prints a greeting

```python
def main(name: str) -> int:
    return 0
```

| file | lines |
|------|-------|
| app.py | 12 |

> A quote to end with.
"""


@dataclass
class Place:
    cwd: Path
    sandbox: str = ""

    def branch(self) -> str:
        return "main"


@dataclass
class FakeSession:
    """Plays `script` for every message; keeps what the UI did in `log`."""

    store: Store
    cwd: Path
    script: Callable[["FakeSession", str], AsyncIterator[Event]]
    log: list[str] = field(default_factory=list)
    mode: PermissionMode = "default"
    model: str = "scripted/demo"
    notes: tuple[str, ...] = ("AGENTS.md: 1,204 characters",)
    usage: Usage = field(default_factory=Usage)
    context_tokens: int = 4200
    badge: str = ""

    def __post_init__(self) -> None:
        self.session_id = "session-fake"
        self.agent: Agent = self.store.agents.current()
        self.conversation: Conversation = self._create()
        self.workspace = Place(self.cwd)
        self.info = ModelInfo(self.model, context_window=200_000)
        self.skills = [
            Skill("review-change", "Review a change before it is merged", self.cwd, "bundled")
        ]
        self.steers: list[str] = []
        self.answers: asyncio.Queue[Answer] = asyncio.Queue()
        self.cancelled = asyncio.Event()

    def _create(self) -> Conversation:
        return self.store.conversations.create(
            self.agent.id, cwd=str(self.cwd), project=str(self.cwd)
        )

    def send(self, text: str) -> AsyncIterator[Event]:
        self.log.append(f"send {text}")
        return self._play(text)

    def past_turns(self) -> list[PastTurn]:
        return []

    def shell(self, command: str) -> AsyncIterator[Event]:
        self.log.append(f"shell {command}")
        return self._play(command)

    def invoke_skill(self, name: str, arguments: str) -> AsyncIterator[Event]:
        self.log.append(f"skill {name} {arguments}")
        return self._play(arguments)

    async def _play(self, text: str) -> AsyncIterator[Event]:
        self.cancelled.clear()
        if self.script is busy:
            raise Busy("In use by pid 4121 on /dev/pts/7. Fork it with /fork, or open another.")
        conversation = self.conversation.id
        self.store.messages.append(conversation, "user", (Text(text),))
        yield RunStarted("run-1", conversation, self.agent.id, self.model)
        async for event in self.script(self, text):
            if isinstance(event, RunFinished):
                self.store.messages.append(conversation, "assistant", (Text(event.text),))
                self.usage += event.usage
            self.conversation = self.store.conversations.get(conversation)
            yield event

    async def initialise(self, focus: str = "") -> AsyncIterator[Event]:
        self.log.append(f"init {focus}")
        yield Notice("outcome", "Memory block project is now version 2:\n  + pytest")

    async def compact(self, focus: str = "") -> AsyncIterator[Event]:
        self.log.append(f"compact {focus}")
        if focus != "nothing":
            yield Compacted("manual", 120_000, 8_000)
        else:
            yield Notice("outcome", "nothing was compacted: there is little to say")

    async def context(self) -> ContextView:
        return view_context(
            prompt=compile_prompt(PromptParts(self.store.blocks.visible(self.conversation)), small=False),
            tools=[], messages=self.store.messages.window(self.conversation),
            window=200_000, assumed_window=200_000, counted=self.context_tokens,
        )  # fmt: skip

    def recover(self) -> list[str]:
        return self.store.runs.recover(self.conversation.id)

    def steer(self, text: str) -> None:
        self.log.append(f"steer {text}")
        self.steers.append(text)

    def answer(self, request_id: str, answer: Answer) -> None:
        self.log.append(f"answer {answer}")
        self.answers.put_nowait(answer)

    def cancel(self) -> None:
        self.log.append("cancel")
        self.cancelled.set()

    def set_mode(self, mode: PermissionMode) -> None:
        self.log.append(f"mode {mode}")
        self.mode = mode

    async def set_model(self, handle: str) -> None:
        self.log.append(f"model {handle}")
        self.model = handle

    async def switch(self, conversation_id: str) -> None:
        self.conversation = self.store.conversations.get(conversation_id)

    async def new(self) -> None:
        self.conversation = self._create()

    async def fork(self) -> None:
        self.conversation = self.store.conversations.fork(self.conversation.id)

    async def offers(self) -> list[Offer]:
        models = tuple(replace(self.info, handle=f"scripted/{name}") for name in ("demo", "other"))
        embedded = ModelInfo("local/small", context_window=8_000, note="installed")
        return [
            Offer("scripted", models),
            Offer("openai", error="no answer within 5 s"),
            Offer("local", (embedded,)),
        ]

    async def rest(self, seconds: float) -> bool:
        """Sleep; True when the run was cancelled meanwhile."""
        try:
            await asyncio.wait_for(self.cancelled.wait(), seconds)
        except TimeoutError:
            return False
        return True


def finished(text: str, stop: str = "end_turn", **changes: Any) -> RunFinished:
    return RunFinished(stop, text, USAGE, 1, **changes)  # pyright: ignore[reportArgumentType]


async def answer(session: FakeSession, text: str) -> AsyncIterator[Event]:
    """Reasoning, then Markdown in small pieces."""
    yield StepStarted(1)
    for _ in range(3):
        yield ReasoningDelta("The person wants to know where it starts. ")
        await session.rest(0.1)
    for start in range(0, len(ANSWER), 7):
        yield TextDelta(ANSWER[start : start + 7])
        await session.rest(0.005)
    yield AssistantMessage("message-1", 2, ANSWER, "thought", (), USAGE)
    yield StepFinished(1, USAGE, 4280, 200_000)
    yield finished(ANSWER)


async def echo(session: FakeSession, text: str) -> AsyncIterator[Event]:
    """Answers at once, with what was said."""
    yield StepStarted(1)
    yield TextDelta(f"You said: {text}")
    yield AssistantMessage("message-1", 2, f"You said: {text}", "", (), USAGE)
    yield finished(f"You said: {text}")


async def tools(session: FakeSession, text: str) -> AsyncIterator[Event]:
    """Reads a file, edits it after approval, runs a command, keeps a list."""
    yield StepStarted(1)
    read = ToolCall("call-1", "Read", {"file_path": "app.py"})
    edit = ToolCall("call-2", "Edit", {"file_path": "app.py"})
    yield ToolCallReady(read, "Read(app.py)")
    content = "\n".join(f"line {number}" for number in range(1, 31))
    yield ToolReturned(ToolReturn("call-1", "Read", "ok", content), 0.01)
    shown = {"title": "Edit app.py", "diff": DIFF, "path": "app.py", "added": 2, "removed": 1}
    yield ToolCallReady(edit, "Edit(app.py)")
    decision = Decision("ask", "Edits need your word in this mode.", suggestion="Edit(app.py)")
    yield ApprovalRequested("request-1", edit, "Edit(app.py)", decision, shown)
    waiting = asyncio.create_task(session.answers.get())
    stop = asyncio.create_task(session.cancelled.wait())
    await asyncio.wait({waiting, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not waiting.done():
        waiting.cancel()
        yield finished("", "cancelled", exit_code=130)
        return
    said = waiting.result()
    if not said.allow:
        refused = ToolReturn("call-2", "Edit", "denied", f"The person refused. {said.message}")
        yield ToolReturned(refused, 0.0)
        yield finished("", "cancelled" if not said.message else "end_turn")
        return
    yield ToolReturned(ToolReturn("call-2", "Edit", "ok", "edited", shown), 0.2)
    run = ToolCall("call-3", "Bash", {"command": "pytest -q"})
    yield ToolCallReady(run, "Bash(pytest -q)")
    for number in range(6):
        yield ToolProgress("call-3", f"test {number} passed\n")
        await session.rest(0.1)
    output = "\n".join(f"test {number} passed" for number in range(40))
    yield ToolReturned(
        ToolReturn("call-3", "Bash", "error", output, {"text": output, "exit_code": 1}), 12.0
    )
    todos = [
        {"content": "read the file", "status": "completed"},
        {"content": "run the tests", "status": "in_progress"},
        {"content": "write it up", "status": "pending"},
    ]
    todo = ToolCall("call-4", "TodoWrite", {})
    yield ToolCallReady(todo, "TodoWrite(3 items)")
    yield ToolReturned(ToolReturn("call-4", "TodoWrite", "ok", "", {"todos": todos}), 0.0)
    yield Notice("memory", "human was changed in “billing” just now: prefers tabs")
    await session.rest(0.5)
    yield TextDelta("Done.")
    yield AssistantMessage("message-5", 6, "Done.", "", (), USAGE)
    yield finished("Done.")


async def slow(session: FakeSession, text: str) -> AsyncIterator[Event]:
    """Talks until it is steered or interrupted."""
    yield StepStarted(1)
    yield TextDelta("Working on it.\n\nStill")
    for _ in range(600):
        if session.steers:
            said = session.steers.pop(0)
            yield AssistantMessage("message-1", 2, "Working on it.\n\nStill here.", "", (), USAGE)
            yield Notice("steer", said)
            yield StepStarted(2)
            yield TextDelta(f"Heard: {said}")
            yield finished(f"Heard: {said}")
            return
        if await session.rest(0.1):
            yield finished("Working on it.", "cancelled", exit_code=130)
            return
    yield finished("Working on it.")


async def deaf(session: FakeSession, text: str) -> AsyncIterator[Event]:
    """Never hears what is said in mid-run; the second message gets an answer."""
    yield StepStarted(1)
    first = len(session.log) < 2
    for _ in range(100):
        if session.steers or not first:
            break
        await session.rest(0.1)
    await session.rest(0.5 if first else 0)
    yield TextDelta(f"Answer to {text}")
    yield finished(f"Answer to {text}")


async def retries(session: FakeSession, text: str) -> AsyncIterator[Event]:
    """Overloaded once, then an error."""
    yield StepStarted(1)
    yield Retrying(1, 10, 3.0, "overloaded", "The provider is overloaded.", 529)
    await session.rest(2.5)
    yield TextDelta("Half an ans")
    raise Overloaded("The provider is still overloaded. Try again in a few minutes.")


async def busy(session: FakeSession, text: str) -> AsyncIterator[Event]:
    """Never used: the conversation belongs to another session; see `FakeSession._play`."""
    yield finished("")


async def hostile(session: FakeSession, text: str) -> AsyncIterator[Event]:
    """Everything that comes from outside tries to take over the terminal."""
    evil = "\x1b[2J\x1b]0;owned\x07[bold red]m[/] \x9b31m"
    yield StepStarted(1)
    call = ToolCall("call-1", "Bash", {"command": evil})
    yield ToolCallReady(call, f"Bash({evil})")
    yield ToolProgress("call-1", evil)
    yield ToolReturned(ToolReturn("call-1", "Bash", "error", f"{evil}out"), 0.1)
    yield Notice("memory", f"{evil}news")
    yield TextDelta(f"{evil}text\n\n```{evil}\n{evil}code\n```\n")
    yield finished("text")


SCRIPTS = {
    script.__name__: script for script in (answer, echo, tools, slow, deaf, retries, hostile, busy)
}


async def main(directory: Path, script: str, first_prompt: str | None) -> int:
    from letta_cli.frontends.interactive import run_interactive

    store = open_store(f"sqlite:///{directory / 'agent.db'}")
    session = FakeSession(store, directory, SCRIPTS[script])
    editor = next((word[9:] for word in sys.argv if word.startswith("--editor=")), "")
    config: Any = SimpleNamespace(
        reflows=True,
        no_color="--no-color" in sys.argv,
        editor=editor,
        history_file=directory / "history",
    )
    try:
        code = await run_interactive(session, config=config, first_prompt=first_prompt)
    finally:
        (directory / "log").write_text("\n".join(session.log), encoding="utf-8")
        store.close()
    return code


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    sys.exit(asyncio.run(main(Path(words[0]), words[1], words[2] if len(words) > 2 else None)))
