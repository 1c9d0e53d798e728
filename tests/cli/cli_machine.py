"""Runs the real command line in real processes, with a home and a project of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from letta_cli.store import Store, open_store

TIMEOUT_SECONDS = 60


@dataclass
class Machine:
    """One person's machine. `environ` is added to what every command gets."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.user_home = self.root / "ada"
        self.home = self.user_home / ".agent"
        self.project = self.root / "project"
        self.user_home.mkdir()
        self.project.mkdir()

    def env(self) -> dict[str, str]:
        kept = {
            name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ
        }
        own = {"HOME": str(self.user_home), "TERM": "xterm-256color", "AGENT_TRUST": "1"}
        return {**kept, **own, **self.environ}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "letta_cli", *arguments]

    def run(self, *arguments: str, stdin: str | bytes = b"") -> subprocess.CompletedProcess[str]:
        """Run ``agent`` to its end."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            self.command(*arguments),
            env=self.env(),
            cwd=self.project,
            input=data,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def ok(self, *arguments: str, stdin: str | bytes = b"") -> str:
        """Run ``agent``, which must succeed; returns standard output."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Run ``agent``, which must succeed and print JSON."""
        return json.loads(self.ok(*arguments))

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start ``agent`` without waiting for it."""
        given: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        return subprocess.Popen(
            self.command(*arguments),
            env=self.env(),
            cwd=self.project,
            text=True,
            **(given | options),
        )

    def script(self, *turns: dict[str, Any]) -> None:
        """From now on the model says what `turns` say."""
        path = self.root / "script.json"
        path.write_text(json.dumps(list(turns)))
        self.environ |= {"AGENT_MODEL": "scripted/test", "AGENT_SCRIPT": str(path)}

    def store(self) -> Store:
        self.home.mkdir(mode=0o700, exist_ok=True)
        return open_store(f"sqlite:///{self.home / 'agent.db'}")
