"""Runs one command line, and is the one place where an error becomes text and an exit code."""

import contextlib
import errno
import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from functools import partial
from itertools import pairwise
from types import FrameType
from typing import Any, NoReturn, TextIO

import typer
from typer.completion import (
    completion_init,  # pyright: ignore[reportPrivateImportUsage] - has no public name
)
from typer.exceptions import TyperException

from letta_cli.cli.light import LazyGroup, PipeClosed
from letta_cli.cli.signals import ending_signals
from letta_cli.cli.table import COMMANDS, FAILURE, INSIDE, Entry, same_command, target
from letta_cli.core.errors import AgentError, Conflict, UsageError
from letta_cli.core.exit_codes import FAILED, INTERRUPTED, OK
from letta_cli.core.personal import PERSONAL
from letta_cli.frontends.sanitize import sanitize

BROKEN_PIPE = 141
"""What a shell reports for a program that the closed pipe ended (128 + SIGPIPE)."""

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What the system says when an output takes no more."""

_GLOBAL = ("-h", "--help")
_FLAGS = ("-c", "--continue", "-y", "--yes", "--trust", "--afk", "--yolo", "--fork")
_OPTIONAL_VALUE = ("-r", "--resume", "-w", "--worktree")


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    _open_closed_streams()
    _forgive_characters()
    for number, code in ending_signals().items():
        signal.signal(number, partial(_end, code))
    try:
        code = run(arguments)
        sys.stdout.flush()
    except (BrokenPipeError, PipeClosed):
        code = BROKEN_PIPE
        _drop_stdout()
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        _complain(f"error: standard output cannot be written: {error.strerror}\n")
        code = FAILED
        _drop_stdout()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SystemExit as request:
        code = request.code if isinstance(request.code, int) else 1
    _leave(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code. Errors for people are printed here."""
    completion_init()
    try:
        arguments = with_default_command(arguments)
        if arguments[0] in PERSONAL:
            target(INSIDE)(arguments)
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

    What reads like words to the agent is said to it: ``agent "fix the bug"``, ``agent fix it``.

    ``-r`` and ``-w`` may stand without words; Typer's options have a value or none, so they get
    an empty one.

    Raises:
        UsageError: a command stands behind options, and would be said to the agent.
    """
    given = list(arguments)
    if late := _late_command(given):
        rest = shlex.join([*given[late:], *given[:late]])
        raise UsageError(
            f"Write the command first: agent {rest}\n"
            f"To say it to the agent: agent chat {shlex.join([*given[:late], '--'])} "
            f"{shlex.quote(' '.join(given[late:]))}"
        )
    if not given or (given[0].startswith("-") and given[0] not in _GLOBAL) or _is_said(given):
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


def _late_command(given: Sequence[str]) -> int:
    """Where a command stands behind options, or 0: ``-C DIR sessions list``, ``-c undo``."""
    for at, word in enumerate(given):
        before = given[at - 1] if at else ""
        if word.startswith("-") and word not in (*_GLOBAL, "--"):
            continue
        if not before.startswith("-"):
            # Neither an option nor the value of one: the first word.
            return at if at and word in COMMANDS else 0
        if before in _FLAGS:
            return at if word in COMMANDS else 0
    return 0


def _wants_default(entry: Entry, following: Sequence[str]) -> bool:
    if not following:
        return True
    word = following[0]
    if word.startswith("-"):
        return word not in _GLOBAL
    known = (entry.default, *entry.others)
    return bool(entry.others) and same_command(word, known) not in known


def _is_said(given: Sequence[str]) -> bool:
    """Whether the first words are meant for the agent; one word alone may be a mistyped command."""
    first, *others = given
    if first in COMMANDS or first.startswith("-"):
        return False
    if len(first.split()) > 1:
        return True
    several = bool(others) and not others[0].startswith("-")
    return several and not get_close_matches(first, COMMANDS)


def _report(error: AgentError, arguments: Sequence[str]) -> int:
    _tell_machine(error, arguments)
    # It may quote a server, a file or a memory block.
    _complain(f"error: {sanitize(str(error))}\n")
    return error.exit_code


def _report_usage(error: TyperException, arguments: Sequence[str]) -> int:
    """A wrong command line: Typer's own text, which for a bare group is its help."""
    message = error.format_message()
    _tell_machine(UsageError(message), arguments)
    context: Any = getattr(error, "ctx", None)
    if context is None:
        _complain(f"error: {sanitize(message, whole=True)}\n")
    elif message == context.get_help():
        # A bare group: nothing was wrong but that it was not finished.
        _complain(f"{message}\n")
    else:
        _complain(
            f"error: {sanitize(message, whole=True)}\n{context.get_usage()}\n"
            f"Try '{context.command_path} -h' for help.\n"
        )
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
    """Give a caller's closed descriptors 0 and 2 to nothing, and 1 to a pipe without a reader.

    Otherwise the next file that is opened, perhaps the database, would get such a number and be
    written to by whatever prints. What is printed to nobody is lost, which is no success.
    """
    if getattr(sys, "stdin") is None:  # noqa: B009 - typed as never None
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - stays open to the end
    if getattr(sys, "stdout") is None:  # noqa: B009
        sys.stdout = _unread()
    if getattr(sys, "stderr") is None:  # noqa: B009
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _unread() -> TextIO:
    """Descriptor 1 as the end of a pipe that nobody reads: a write fails as a closed pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    if writer != 1:
        os.dup2(writer, 1)
        os.close(writer)
    return open(1, "w", encoding="utf-8")


def _forgive_characters() -> None:
    """Print ``?`` for what stdout's encoding does not know, rather than nothing at all."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if callable(reconfigure):
        reconfigure(errors="replace")


def _end(code: int, number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(code)


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
