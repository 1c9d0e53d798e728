"""``!command``: the person runs a command; it and its output stand in the thread, unanswered."""

import asyncio
import time
from collections.abc import AsyncGenerator

from letta_cli.agent.inbox import Inbox
from letta_cli.agent.thread import Thread
from letta_cli.core.errors import UsageError
from letta_cli.core.event import Event, ToolCallReady, ToolProgress, ToolReturned
from letta_cli.core.ids import new_id
from letta_cli.core.message import Text, ToolCall, ToolReturn
from letta_cli.core.need import Need
from letta_cli.core.outside import source
from letta_cli.core.secret import Masker, StreamMasker
from letta_cli.core.tool import Display
from letta_cli.permissions.fetching import may_fetch
from letta_cli.tools import bash
from letta_cli.workspace.shell import CommandResult
from letta_cli.workspace.workspace import Workspace

TOLD = "I ran this command myself; no answer is needed yet. What it printed:"
INTERRUPTED = "(the person interrupted it)"


async def run_own(
    command: str, workspace: Workspace, thread: Thread, inbox: Inbox, masker: Masker
) -> AsyncGenerator[Event, None]:
    """Run `command` to its end, or until it is interrupted, and append it to the thread.

    No rule is asked and no sandbox confines it: the person typed it. It gets the environment that
    the agent's commands get, and what it prints is masked like theirs, since the model reads it.

    Raises:
        UsageError: there is no command, or it cannot be started.
    """
    if not command or "\0" in command:
        raise UsageError("Write the command behind the exclamation mark: !git status")
    call = ToolCall(new_id("call"), bash.SPEC.name, {"command": command})
    yield ToolCallReady(call, bash.title(call.arguments))
    begun = time.monotonic()
    printed = ""
    stream = StreamMasker(masker)
    result: CommandResult | None = None
    async for piece in inbox.until_cancelled(_play(command, workspace)):
        if isinstance(piece, str):
            printed = (printed + piece)[-workspace.shell.max_output :]
            if clean := stream.feed(piece):
                yield ToolProgress(call.id, clean)
        else:
            result = piece
    if result is None:
        text = "\n".join(filter(None, [printed.strip("\n"), INTERRUPTED]))
        good, shown = False, Display(title=bash.title(call.arguments), text=text)
    else:
        text = "\n".join(bash.report(result, may_ask=False))
        good = result.exit_code == 0 and not result.timed_out
        shown = Display(
            title=bash.title(call.arguments),
            text=result.output.rstrip(),
            exit_code=result.exit_code,
        )
    outside = source("command", command) if may_fetch(command) else ""
    printed = masker.mask(text)
    thread.append("user", [Text(masker.mask(f"!{command}")), Text(TOLD), Text(printed, outside)])
    returned = ToolReturn(
        call.id,
        call.name,
        "ok" if good else "error",
        printed,
        masker.mask_all(dict(shown)),
        outside,
    )
    yield ToolReturned(returned, time.monotonic() - begun)


async def _play(command: str, workspace: Workspace) -> AsyncGenerator[str | CommandResult, None]:
    """What it prints, piece by piece, then what it came to. Ended with its processes when left."""
    pieces: asyncio.Queue[str] = asyncio.Queue()
    shell = workspace.shell
    running = asyncio.create_task(
        shell.run(
            command,
            timeout_ms=shell.max_timeout_ms,
            needs=(Need("unconfined"),),
            progress=pieces.put_nowait,
        )
    )
    try:
        while not running.done():
            coming = asyncio.create_task(pieces.get())
            await asyncio.wait({running, coming}, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                yield coming.result()
            else:
                coming.cancel()
        while not pieces.empty():
            yield pieces.get_nowait()
        try:
            yield running.result()
        except (OSError, ValueError) as error:
            raise UsageError(f"The command could not be started: {error}.") from error
    finally:
        if not running.done():
            running.cancel()
            await asyncio.wait({running})
