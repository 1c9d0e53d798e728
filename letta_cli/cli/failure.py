"""Tells a program that `agent run` could not even start: the same object as for a failed run."""

from typing import TextIO

from letta_cli.core.errors import AgentError
from letta_cli.frontends.json_result import error_result, write


def print_result(error: AgentError, out: TextIO) -> None:
    """Print the result object of a run that never was."""
    write(out, error_result(error))
