"""`agent run`: one prompt, one answer, an exit code that tells the truth."""

from letta_cli.cli.invocation import Invocation
from letta_cli.cli.light import LightCommand, new_app, takes
from letta_cli.cli.table import HEADLESS, target

app = new_app()


@app.command(cls=LightCommand)
@takes(Invocation)
def run(invocation: Invocation) -> int:
    """Answer PROMPT and exit. Standard input is added to the prompt.

    Nobody is asked: what the rules do not allow is refused, and the exit code says so.
    """
    return target(HEADLESS)(invocation)
