"""Runs one command line, and is the one place where an error becomes text and an exit code."""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from itertools import pairwise
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.completion import (
    completion_init,  # pyright: ignore[reportPrivateImportUsage] - has no public name
)
from typer.exceptions import TyperException

from letta_cli.cli.light import LazyGroup, PipeClosed
from letta_cli.cli.table import COMMANDS, FAILURE, Entry, target
from letta_cli.core.errors import AgentError, Conflict, UsageError
from letta_cli.core.exit_codes import INTERRUPTED, OK, TERMINATED
from letta_cli.frontends.sanitize import sanitize

BROKEN_PIPE = 141
"""What a shell reports for a program that the closed pipe ended (128 + SIGPIPE)."""

_GLOBAL = ("-h", "--help")
_OPTIONAL_VALUE = ("-r", "--resume", "-w", "--worktree")


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    _open_closed_streams()
    _forgive_characters()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = run(arguments)
        sys.stdout.flush()
    except (BrokenPipeError, PipeClosed):
        code = BROKEN_PIPE
        _drop_stdout()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SystemExit as request:
        code = request.code if isinstance(request.code, int) else 1
    _leave(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code. Errors for people are printed here."""
    completion_init()
    arguments = with_default_command(arguments)
    try:
        result: Any = LazyGroup().main(arguments, prog_name="agent", standalone_mode=False)
    except AgentError as error:
        return _report(error, arguments)
    except TyperException as error:
        return _report_usage(error, arguments)
    except typer.Abort:
        return INTERRUPTED
    except (BrokenPipeError, PipeClosed):
        raise
    except Exception as error:
        # A bug keeps its traceback; a program that waits for JSON still gets an object.
        _tell_machine(AgentError(f"internal error: {error!r}"), arguments)
        sys.stdout.flush()
        raise
    return result if isinstance(result, int) else OK


def with_default_command(arguments: Sequence[str]) -> list[str]:
    """``agent -c`` is ``agent chat -c``, and ``agent sessions`` is ``agent sessions list``.

    ``-r`` and ``-w`` may stand without words; Typer's options have a value or none, so they get
    an empty one.
    """
    given = list(arguments)
    if not given or (given[0].startswith("-") and given[0] not in _GLOBAL):
        given.insert(0, "chat")
    entry = COMMANDS.get(given[0])
    if entry and entry.default and _wants_default(entry, given[1:2]):
        given.insert(1, entry.default)
    if given[0] not in ("chat", "run"):
        return given
    filled: list[str] = []
    for position, argument in enumerate(given):
        filled.append(argument)
        following = given[position + 1] if position + 1 < len(given) else None
        if argument == "--":
            return filled + given[position + 1 :]
        if argument in _OPTIONAL_VALUE and (following is None or following.startswith("-")):
            filled.append("")
    return filled


def _wants_default(entry: Entry, following: Sequence[str]) -> bool:
    if not following:
        return True
    word = following[0]
    if word.startswith("-"):
        return word not in _GLOBAL
    return bool(entry.others) and word not in (entry.default, *entry.others)


def _report(error: AgentError, arguments: Sequence[str]) -> int:
    _tell_machine(error, arguments)
    # It may quote a server, a file or a memory block.
    _complain(f"error: {sanitize(str(error))}\n")
    return error.exit_code


def _report_usage(error: TyperException, arguments: Sequence[str]) -> int:
    """A wrong command line: Typer's own text, which for a bare group is its help."""
    _tell_machine(UsageError(error.format_message()), arguments)
    show = getattr(error, "show", None)
    if callable(show):
        show()
    else:
        _complain(f"error: {error}\n")
    return error.exit_code


def _tell_machine(error: AgentError, arguments: Sequence[str]) -> None:
    """Print the error as JSON when stdout's reader is a program, even if nothing else parsed."""
    if any(
        f"--output-format={form}" in arguments or ("--output-format", form) in pairwise(arguments)
        for form in ("json", "stream-json")
    ):
        target(FAILURE)(error, sys.stdout)
    elif "--json" in arguments:
        told: dict[str, Any] = {"code": error.code, "message": str(error)}
        if isinstance(error, Conflict):
            told |= {"current": error.current, "version": error.version}
        json.dump({"error": told}, sys.stdout, indent=2)
        sys.stdout.write("\n")


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(text)


def _open_closed_streams() -> None:
    """Give a caller's closed descriptors 0, 1 and 2 to nothing.

    Otherwise the next file that is opened, perhaps the database, would get such a number and be
    written to by whatever prints.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - stays open to the end


def _forgive_characters() -> None:
    """Print ``?`` for what stdout's encoding does not know, rather than nothing at all."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if callable(reconfigure):
        reconfigure(errors="replace")


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)


def _drop_stdout() -> None:
    """Point stdout at nothing, so that flushing what is left cannot fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _leave(code: int) -> NoReturn:
    """End at once: everything is stored and printed by now.

    The interpreter's own end would tear down thousands of modules of the model SDKs and join
    their threads, which takes longer than many a command. Nothing of ours waits for it: the
    store commits before it answers, and kernel locks end with the process.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)
