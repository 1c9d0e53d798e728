"""Confinement by macOS's sandbox-exec, with a profile written for each command."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from letta_cli.workspace.sandbox.confinement import Confinement


def find(environment: Mapping[str, str]) -> str | None:
    """The program, or None where it is not installed."""
    return shutil.which("sandbox-exec", path=environment.get("PATH"))


def wrap(program: str, command: list[str], reach: Confinement) -> list[str]:
    """The command line that runs `command` with that reach."""
    return [program, "-p", profile(reach), *command]


def profile(reach: Confinement) -> str:
    """The profile: the last rule that fits an operation decides."""
    lines = ["(version 1)", "(allow default)"]
    lines.append("(deny file-write*)")
    lines.append(_rule("deny", "file-read*", reach.hidden))
    # Names may be looked at on the way down: programs resolve the folders above their own.
    lines.append(_rule("allow", "file-read-metadata", reach.hidden))
    lines.append(_rule("allow", "file-read*", (*reach.visible, *reach.writable, reach.temporary)))
    lines.append(_rule("allow", "file-write*", (*reach.writable, reach.temporary)))
    lines.append(_rule("deny", "file-write*", (*reach.read_only, *reach.guarded)))
    lines.append(_rule("deny", "file-read*", reach.secrets))
    lines.append(
        '(allow file-write* (literal "/dev/null") (literal "/dev/tty") (subpath "/dev/fd"))'
    )
    if not reach.network:
        lines.append("(deny network*)")
    lines.append("(deny network-outbound (remote unix-socket))")
    return "\n".join(line for line in lines if line)


def _rule(verdict: str, operation: str, paths: Iterable[Path]) -> str:
    places = " ".join(f"(subpath {_quoted(path)})" for path in paths)
    return f"({verdict} {operation} {places})" if places else ""


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
