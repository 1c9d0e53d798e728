"""The inline terminal UI: the terminal's own scrollback, and a small live region below it."""

import errno
import sys

from prompt_toolkit.output import create_output
from prompt_toolkit.utils import is_dumb_terminal

from letta_cli.config import Config
from letta_cli.core.exit_codes import TERMINATED
from letta_cli.frontends.interactive.chat import Chat
from letta_cli.frontends.interactive.door import ChatSession
from letta_cli.frontends.interactive.look import look_for
from letta_cli.frontends.interactive.plain import run_plain
from letta_cli.frontends.interactive.stop_signals import stopping_on_signals

__all__ = ["run_interactive"]


async def run_interactive(
    session: ChatSession, *, config: Config, first_prompt: str | None = None
) -> int:
    """Talk with a person on standard input and output until they leave.

    The caller opened the session and closes it afterwards.

    Args:
        first_prompt: sent before anything is typed.

    Returns:
        The process's exit code.
    """
    if is_dumb_terminal():
        return await run_plain(session, sys.stdin, sys.stdout, first_prompt)
    look = look_for(encoding=sys.stdout.encoding, color=not config.no_color)
    chat = Chat(session, config, look, create_output(stdout=sys.stdout))
    try:
        with stopping_on_signals(chat.leave):
            return await chat.run(first_prompt)
    except OSError as error:
        # A terminal that was closed answers every write with EIO.
        if error.errno != errno.EIO:
            raise
        return TERMINATED
