"""The ways to confine a command on this machine, and which of them holds what it promises."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from letta_cli.workspace.sandbox import bubblewrap, landlock, seatbelt
from letta_cli.workspace.sandbox.confinement import Confinement

Level = Literal["bubblewrap", "landlock", "sandbox-exec", "none"]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One way to confine commands.

    Attributes:
        program: what does it; the running Python for Landlock.
    """

    level: Level
    program: str = ""

    def wrap(self, command: list[str], reach: Confinement) -> list[str]:
        """The command line that runs `command` with that reach; `command` itself at level none."""
        match self.level:
            case "bubblewrap":
                return bubblewrap.wrap(self.program, command, reach)
            case "sandbox-exec":
                return seatbelt.wrap(self.program, command, reach)
            case "landlock":
                return landlock.wrap(self.program, command, _for_landlock(reach))
            case "none":
                return command

    @property
    def protects_inside(self) -> bool:
        """Whether protected names inside the working tree are held back, too."""
        return self.level in {"bubblewrap", "sandbox-exec"}

    @property
    def knows_hosts(self) -> bool:
        """Whether the network can be opened for single hosts."""
        return self.level == "bubblewrap"


NO_SANDBOX = Sandbox("none")


def candidates(environment: Mapping[str, str]) -> list[Sandbox]:
    """What this machine may be able to do, the best first; never empty."""
    found: list[Sandbox] = []
    if sys.platform == "linux" and (program := bubblewrap.find(environment)):
        found.append(Sandbox("bubblewrap", program))
    if sys.platform == "darwin" and (program := seatbelt.find(environment)):
        found.append(Sandbox("sandbox-exec", program))
    if landlock.is_usable():
        found.append(Sandbox("landlock", sys.executable))
    return [*found, NO_SANDBOX]


def _for_landlock(reach: Confinement) -> dict[str, object]:
    hidden = [str(path) for path in (*reach.hidden, *reach.secrets)]
    writable = [str(path) for path in (*reach.writable, reach.temporary)]
    visible = [str(path) for path in reach.visible]
    # The launcher is read after the confinement has begun only by Python itself.
    python = [sys.prefix, sys.base_prefix, str(Path(landlock.__file__))]
    readable = landlock.open_paths(hidden, [*visible, *python])
    devices = ["/dev/null", "/dev/zero", "/dev/tty", "/dev/pts", "/dev/ptmx", "/dev/shm"]
    return {
        "readable": readable,
        "writable": [*writable, *devices],
        "network": reach.network,
    }
