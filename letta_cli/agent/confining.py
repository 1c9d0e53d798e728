"""Ties the sandbox of a session to its rules, and to the start of its model."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from letta_cli.agent.parts import Model
from letta_cli.core.permission import Rules
from letta_cli.permissions import held_back
from letta_cli.workspace.workspace import Workspace


def hold_back(workspace: Workspace, rules: Rules, home: Path) -> None:
    """Let the sandbox, if there is one, hold what rules refuse; and begin to try it."""
    confined = workspace.shell.confined
    if confined is None:
        return
    back = held_back(rules, workspace.cwd, home)
    held = replace(
        confined.held,
        unreadable=back.unreadable,
        unwritable=back.unwritable,
        hosts=back.hosts,
        whole=back.whole,
    )
    workspace.shell.confined = replace(confined, held=held)
    confined.trial.start()


def once_confined(
    workspace: Workspace, load: Callable[[str], Awaitable[Model]]
) -> Callable[[str], Awaitable[Model]]:
    """`load`, which also waits until it is known that commands are confined as the settings say.

    The function that is returned raises ConfigError when nothing here confines them.
    """

    async def prepare(handle: str) -> Model:
        model = await load(handle)
        if workspace.shell.confined is not None:
            await asyncio.to_thread(workspace.shell.confined.ensure)
        return model

    return prepare
