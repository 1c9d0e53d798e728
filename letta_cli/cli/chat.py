"""`agent chat`: a conversation in this terminal; with ``-p`` the same as `agent run`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from letta_cli.cli.invocation import Invocation
from letta_cli.cli.light import LightCommand, new_app, takes
from letta_cli.cli.table import HEADLESS, TERMINAL, target
from letta_cli.core.errors import UsageError

app = new_app()


@dataclass(frozen=True, slots=True)
class Chat(Invocation):
    """`agent chat` has one option more than `agent run`."""

    print_answer: Annotated[
        bool, typer.Option("--print", "-p", help="Answer PROMPT and exit, like agent run.")
    ] = False


@app.command(cls=LightCommand)
@takes(Chat)
def chat(invocation: Chat) -> int:
    """Talk to the agent in this terminal. PROMPT, if given, is said first."""
    if invocation.print_answer:
        return target(HEADLESS)(invocation)
    if invocation.has_output_options:
        raise UsageError("Output options need -p: agent chat -p PROMPT, or agent run PROMPT.")
    return target(TERMINAL)(invocation)
