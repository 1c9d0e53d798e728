"""Bash: run a command and tell how it ended."""

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from letta_cli.core.outside import source
from letta_cli.core.tool import Display, ToolSpec
from letta_cli.permissions.fetching import may_fetch
from letta_cli.tools.arguments import integer, integer_of, schema, text, text_of
from letta_cli.tools.paths import one_line
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok
from letta_cli.workspace.shell import CommandResult

SPEC = ToolSpec(
    name="Bash",
    description="Run a bash command in the working directory (each call starts there anew, "
    "without input). Prefer Read, Edit, Grep and Glob for files.",
    parameters=schema(
        "command", command=text_of(), timeout=integer_of("milliseconds, default 120000")
    ),
    kind="execute",
    summary="run a shell command",
)

_CONFINED = (
    "(it ran in a sandbox: only the working tree and /tmp can be written, and the home folder is "
    "hidden; a person may allow the network or the repository with sandbox.network, sandbox.git)"
)
_SUBSTITUTION = re.compile(r"\b(sed|perl)\b[^|;&\n]*?\bs([/|#,@])")
_WORD = re.compile(r"[\w./~-]+")
_MOST_WATCHED = 20
_LARGEST_WATCHED = 1_000_000


async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    command = text(arguments, "command")
    if not command.strip() or "\0" in command:
        return failed("The command is empty or has a NUL character. Give a bash command.")
    timeout = integer(arguments, "timeout", 0)
    before = _editable(command, context.workspace.cwd)
    try:
        result = await context.workspace.shell.run(
            command,
            timeout_ms=timeout if timeout > 0 else None,
            progress=context.progress,
            started=context.started,
        )
    except OSError as error:
        return failed(f"The command could not be started: {error.strerror or error}.")
    display = Display(
        title=title(arguments), text=result.output.rstrip(), exit_code=result.exit_code
    )
    lines = _report(result)
    if before and before == _editable(command, context.workspace.cwd):
        lines.append(f"(nothing changed in {', '.join(before)}; use Edit to change a file)")
    content = "\n".join(lines)
    good = result.exit_code == 0 and not result.timed_out
    outside = "" if result.offline or not may_fetch(command) else source("command", command)
    return (ok if good else failed)(content, display, outside=outside)


def _editable(command: str, cwd: Path) -> dict[str, tuple[int, str]]:
    """The files that a sed or perl substitution names, and their state.

    Small models take such a command for done when it only printed, or matched nothing.
    """
    if not _SUBSTITUTION.search(command):
        return {}
    states: dict[str, tuple[int, str]] = {}
    for name in _WORD.findall(command)[-_MOST_WATCHED:]:
        path = cwd / name
        with suppress(OSError):
            if path.is_file() and path.stat().st_size <= _LARGEST_WATCHED:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                states[name] = (path.stat().st_size, digest)
    return states


def _report(result: CommandResult) -> list[str]:
    lines: list[str] = []
    output = result.output.strip("\n")
    if output:
        lines.append(output)
    if result.overflow is not None:
        lines.append(f"(the whole output is in {result.overflow}; Read it in parts)")
    if result.stopped:
        lines.append(
            "(background processes that held the output open were ended; to keep one running "
            "use: nohup COMMAND >FILE 2>&1 &)"
        )
    elif result.left_running:
        lines.append("(processes started by this command still run in the background)")
    if result.timed_out:
        lines.append(
            f"Timed out after {result.seconds:.0f} s; the command and its processes were ended. "
            "Give a longer timeout, or run less."
        )
    elif result.exit_code:
        lines.append(f"Exit code {result.exit_code}{_meaning(result.exit_code)}")
    elif not output:
        lines.append("Exit code 0, no output.")
    if result.confined and result.exit_code:
        lines.append(_CONFINED)
    lines += [
        f"({made} may not be made by a command and was moved to {kept})"
        for made, kept in result.taken_away
    ]
    return lines


def _meaning(code: int) -> str:
    match code:
        case 126:
            return " (not executable)"
        case 127:
            return " (command not found)"
        case negative if negative < 0:
            return f" (ended by signal {-negative})"
        case _:
            return ""


def title(arguments: Mapping[str, Any]) -> str:
    return f"Bash({one_line(text(arguments, 'command'))})"


def preview(arguments: Mapping[str, Any], _context: ToolContext) -> Display | None:
    return Display(title="Run a command", text=text(arguments, "command"))


TOOL = Tool(SPEC, run, title, preview)
