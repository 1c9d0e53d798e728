"""Runs the real program in real processes, with a home and a project of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 60


@dataclass
class Command:
    """One person's machine: a home, a project directory and a script that the model follows."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.root / "home"
        self.project = self.root / "project"
        self.home.mkdir(exist_ok=True)
        self.project.mkdir(exist_ok=True)

    @property
    def database(self) -> Path:
        return self.home / ".agent" / "agent.db"

    def script(self, turns: Any, name: str = "script") -> dict[str, str]:
        """Environment that makes the model follow `turns` and write its requests down."""
        path = self.root / f"{name}.json"
        path.write_text(json.dumps(turns))
        return {
            "AGENT_MODEL": "scripted/test",
            "AGENT_SCRIPT": str(path),
            "AGENT_SCRIPT_RECORD": str(self.root / f"{name}.requests"),
        }

    def requests(self, name: str = "script") -> list[dict[str, Any]]:
        record = self.root / f"{name}.requests"
        return [json.loads(line) for line in record.read_text().splitlines()]

    def env(self, **extra: str) -> dict[str, str]:
        kept = {
            key: os.environ[key]
            for key in ("PATH", "LANG", "TERM", "PYTHONPATH")
            if key in os.environ
        }
        return {**kept, "HOME": str(self.home), "AGENT_TRUST": "1", **self.environment, **extra}

    def start(self, *arguments: str, env: dict[str, str] | None = None, **options: Any):
        """Start ``agent`` without waiting for it."""
        defaults = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        defaults |= {"stderr": subprocess.PIPE, "text": True, "cwd": self.project}
        return subprocess.Popen(
            [sys.executable, "-m", "letta_cli", *arguments],
            env=self.env(**(env or {})),
            **(defaults | options),
        )

    def run(self, *arguments: str, stdin: str | None = None, env: dict[str, str] | None = None):
        """Run ``agent`` to its end; `returncode`, `stdout` and `stderr` as in subprocess."""
        return subprocess.run(
            [sys.executable, "-m", "letta_cli", *arguments],
            env=self.env(**(env or {})),
            cwd=self.project,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def json(self, *arguments: str, env: dict[str, str] | None = None) -> Any:
        """Run and read standard output as JSON; fails with what was on standard error."""
        done = self.run(*arguments, env=env)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def git(self, *arguments: str) -> str:
        """Run git in the project as somebody; returns what it prints."""
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.project, env=self.env(), capture_output=True,
            text=True, timeout=TIMEOUT_SECONDS, check=True,
        )  # fmt: skip
        return done.stdout

    def repository(self, **files: str) -> None:
        """Make the project a repository with one commit of `files` on main."""
        self.git("init", "-q", "-b", "main")
        for name, text in files.items():
            (self.project / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "first")
