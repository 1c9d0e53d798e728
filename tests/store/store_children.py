"""Runs pieces of code in real processes that share one database."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PRELUDE = """
import os, sys, time
from letta_cli.store import open_store
from letta_cli.core.memory import Origin
from letta_cli.core.message import Text, ToolCall, ToolReturn
from letta_cli.core.run import Usage
from letta_cli.core.errors import *
url, *args = sys.argv[1:]
"""


def url_of(folder: Path) -> str:
    """The database that belongs to a test's folder: a server's when its fixture made one."""
    note = folder.parent / "postgres.url"
    return note.read_text() if note.exists() else f"sqlite:///{folder}/agent.db"


def start(folder: Path, code: str, *args: object) -> subprocess.Popen[str]:
    """Start a process that has ``open_store``, ``url`` and ``args``."""
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code, url_of(folder), *(str(arg) for arg in args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def finish(children: Sequence[subprocess.Popen[str]], seconds: float = 60) -> list[str]:
    """Wait for all; their outputs, in order. A child that fails fails the test."""
    outputs: list[str] = []
    for child in children:
        out, err = child.communicate(timeout=seconds)
        assert child.returncode == 0, err
        outputs.append(out.strip())
    return outputs


def run(folder: Path, code: str, *args: object) -> str:
    return finish([start(folder, code, *args)])[0]


def wait_for_line(child: subprocess.Popen[str]) -> str:
    """The next line a child prints; fails when it ends instead."""
    assert child.stdout is not None
    line = child.stdout.readline().strip()
    assert line, child.stderr.read() if child.stderr else ""
    return line


def kill(child: subprocess.Popen[str]) -> None:
    """End it as a power switch would, and collect it."""
    child.kill()
    child.communicate(timeout=30)
