"""Bash: run a command and tell how it ended."""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from letta_cli.core.errors import ConfigError
from letta_cli.core.need import Need, needs_of
from letta_cli.core.outside import source
from letta_cli.core.tool import Display, ToolSpec
from letta_cli.permissions.fetching import may_fetch
from letta_cli.tools.arguments import integer, integer_of, schema, text, text_of, texts, texts_of
from letta_cli.tools.paths import one_line
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok
from letta_cli.workspace.shell import CommandResult

_ARGUMENTS = {
    "command": text_of(),
    "timeout": integer_of("milliseconds, default 120000"),
}
_DESCRIPTION = (
    "Run a bash command in the working directory (each call starts there anew, "
    "without input). Prefer Read, Edit, Grep and Glob for files."
)
SPEC = ToolSpec(
    name="Bash",
    description=_DESCRIPTION,
    parameters=schema("command", **_ARGUMENTS),
    kind="execute",
    summary="run a shell command",
)
CONFINED_SPEC = replace(
    SPEC,
    description=f"{_DESCRIPTION} It runs in a sandbox: no network, .git read-only, only the "
    "working tree and /tmp writable.",
    parameters=schema(
        "command",
        **_ARGUMENTS,
        needs=texts_of(
            "only what it cannot do without, the person is asked: network:HOST, network, git, "
            "write:/PATH, read:/PATH, unconfined"
        ),
    ),
)
"""Where commands are confined: with the parameter by which a call asks for more."""

_CONFINED = (
    "(it ran in a sandbox: only the working tree and /tmp can be written, the home folder is "
    "hidden, there is no network)"
)
_BOUNDARY = re.compile(
    r"read-only file system|permission denied|operation not permitted|no such file|resolve|"
    r"network|connect|EROFS|EACCES",
    re.IGNORECASE,
)
_SUBSTITUTION = re.compile(r"\b(sed|perl)\b[^|;&\n]*?\bs([/|#,@])")
_WORD = re.compile(r"[\w./~-]+")
_MOST_WATCHED = 20
_LARGEST_WATCHED = 1_000_000


async def run(
    arguments: Mapping[str, Any], context: ToolContext, *, may_ask: bool = False
) -> ToolOutcome:
    """Run the command; `may_ask` says that the model has the parameter `needs`."""
    command = text(arguments, "command")
    if not command.strip() or "\0" in command:
        return failed("The command is empty or has a NUL character. Give a bash command.")
    try:
        needs = needs_of(arguments)
    except ValueError as error:
        return failed(f"The command was not run: {error}.")
    timeout = integer(arguments, "timeout", 0)
    before = _editable(command, context.workspace.cwd)
    try:
        result = await context.workspace.shell.run(
            command,
            timeout_ms=timeout if timeout > 0 else None,
            needs=needs,
            progress=context.progress,
            started=context.started,
        )
    except OSError as error:
        return failed(f"The command could not be started: {error.strerror or error}.")
    except (ValueError, ConfigError) as error:
        return failed(f"The command was not run: {error}.")
    display = Display(
        title=title(arguments), text=result.output.rstrip(), exit_code=result.exit_code
    )
    lines = report(result, may_ask=may_ask)
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


def report(result: CommandResult, *, may_ask: bool) -> list[str]:
    """What the model reads of it, line by line; `may_ask` as in `run`."""
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
    if result.confined:
        lines += _boundary(result, may_ask=may_ask)
    lines += [
        f"({made} may not be made by a command and was moved to {kept})"
        for made, kept in result.taken_away
    ]
    return lines


def _boundary(result: CommandResult, *, may_ask: bool) -> list[str]:
    """Which part of the sandbox the command ran into, and what would have to be asked for."""
    needs = [Need("host", host) for host in result.refused_hosts] or list(result.needed)
    if needs:
        named = json.dumps([need.text for need in needs])
        refused = ", ".join(result.refused_hosts)
        why = f"it ran in a sandbox, which refused {refused or 'it more than it has'}"
        if not may_ask:
            return [f"({why}; the person can allow {named} in the settings)"]
        return [f"({why}; if it cannot do without, call again with needs {named})"]
    if result.exit_code and _BOUNDARY.search(result.output):
        return [_CONFINED]
    return []


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
    asked = ", ".join(texts(arguments, "needs"))
    with_needs = f" with {one_line(asked)}" if asked else ""
    return f"Bash({one_line(text(arguments, 'command'))}){with_needs}"


def preview(arguments: Mapping[str, Any], _context: ToolContext) -> Display | None:
    return Display(title="Run a command", text=text(arguments, "command"))


TOOL = Tool(SPEC, run, title, preview)
CONFINED_TOOL = Tool(CONFINED_SPEC, partial(run, may_ask=True), title, preview)
