"""Starts this program again as a process of its own that nobody waits for, without a terminal."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def start_apart(*arguments: str, cwd: Path, environment: Mapping[str, str] | None = None) -> None:
    """Start ``agent ARGUMENTS`` and return at once.

    Args:
        environment: this process's own when None. Others can read the arguments, not this.

    Raises:
        OSError: no process can be started.
    """
    subprocess.Popen(
        [sys.executable, "-P", "-m", "letta_cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=cwd,
        env=environment,
        start_new_session=True,
    )
