"""`agent completion`: prints a script that teaches a shell this program's commands."""

from typing import Annotated

import typer
from typer.completion import (
    get_completion_script,  # pyright: ignore[reportPrivateImportUsage] - has no public name
)

from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.output import say
from letta_cli.core.errors import UsageError

SHELLS = ("bash", "zsh", "fish")

app = new_app()


@app.command(cls=LightCommand)
def completion(shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish")]) -> None:
    """Print the completion script for a shell.

    bash: agent completion bash > ~/.local/share/bash-completion/completions/agent

    zsh: agent completion zsh > a file _agent in a folder of your $fpath

    fish: agent completion fish > ~/.config/fish/completions/agent.fish
    """
    if shell not in SHELLS:
        raise UsageError(f"{shell!r} is none of the shells {', '.join(SHELLS)}.")
    say(get_completion_script(prog_name="agent", complete_var="_AGENT_COMPLETE", shell=shell))
