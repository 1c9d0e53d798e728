"""Proves what a sandbox holds back, by trying it: nothing is claimed that was not refused here.

A small program runs confined and tries to write outside, to read what is hidden, to connect to a
socket of this process by network and by name, and to see other processes. A control runs before it
without the sandbox: what fails there anyway would prove nothing.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from letta_cli.workspace.sandbox.confinement import Confinement, confine
from letta_cli.workspace.sandbox.sandbox import NO_SANDBOX, Sandbox, candidates

SECONDS = 10.0
"""The longest one attempt may take."""

_PROGRAM = """
import json, os, socket, sys
inside, outside, secret, protected, port, name, parent = sys.argv[1:]
def can(deed):
    try:
        deed()
    except (OSError, ValueError):
        return False
    return True
def write(path):
    with open(path, "w") as file:
        file.write("x")
def connect(family, address):
    with socket.socket(family) as client:
        client.settimeout(2)
        client.connect(address)
print(json.dumps({
    "inside": can(lambda: write(inside)),
    "outside": can(lambda: write(outside)),
    "secret": can(lambda: open(secret).close()),
    "protected": can(lambda: write(protected)),
    "network": can(lambda: connect(socket.AF_INET, ("127.0.0.1", int(port)))),
    "sockets": can(lambda: connect(socket.AF_UNIX, name)),
    "processes": can(lambda: os.kill(int(parent), 0)),
}))
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was refused to a confined program that an unconfined one could do.

    Attributes:
        writes: to files outside the working tree.
        secrets: reading what is hidden.
        protected: writing protected names inside the tree.
        network: connections to this machine's ports, and so to others.
        sockets: connections to named Unix sockets of this machine.
        processes: seeing and signalling others.
        problem: why the sandbox could not be used at all; empty when it could.
    """

    writes: bool = False
    secrets: bool = False
    protected: bool = False
    network: bool = False
    sockets: bool = False
    processes: bool = False
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether it may be called a boundary: nothing leaves the tree, by file or by network."""
        return not self.problem and self.writes and self.secrets and self.network and self.sockets


def best(environment: Mapping[str, str], folder: Path) -> tuple[Sandbox, Proof]:
    """The best sandbox that holds on this machine, with its proof.

    Args:
        folder: a private folder to try in; nothing is left there.
    """
    problems: list[str] = []
    for sandbox in candidates(environment):
        if sandbox.level == "none":
            break
        proof = prove(sandbox, environment, folder)
        if proof.holds:
            return sandbox, proof
        problems.append(f"{sandbox.level}: {proof.problem or 'does not hold what it promises'}")
    return NO_SANDBOX, Proof(problem="; ".join(problems) or "no sandbox program was found")


def prove(sandbox: Sandbox, environment: Mapping[str, str], folder: Path) -> Proof:
    """Try `sandbox` with real files, sockets and processes. Takes some 100 ms."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="probe-", dir=folder) as room, _sockets(room) as places:
        reach, arguments = _stage(Path(room), environment, *places)
        command = [sys.executable, "-I", "-S", "-c", _PROGRAM, *arguments]
        targets = [Path(argument) for argument in arguments[1:4:2]]
        free = _run(command, reach.cwd)
        for target in targets:
            target.unlink(missing_ok=True)
        confined = _run(sandbox.wrap(command, reach), reach.cwd)
        # Seen from here: in a private folder of the same name a program may write what it likes.
        written = [target.exists() for target in targets]
    if isinstance(free, str):
        return Proof(problem=f"the trial itself failed: {free}")
    if isinstance(confined, str):
        return Proof(problem=confined)
    if not confined["inside"]:
        return Proof(problem="it does not let a command write its own folder")

    confined["outside"], confined["protected"] = written

    def refused(what: str) -> bool:
        return free[what] and not confined[what]

    return Proof(
        writes=refused("outside"),
        secrets=refused("secret"),
        protected=refused("protected"),
        network=refused("network"),
        sockets=refused("sockets"),
        processes=refused("processes"),
    )


def _stage(
    room: Path, environment: Mapping[str, str], port: int, name: str
) -> tuple[Confinement, list[str]]:
    """A small world to be confined in, and the arguments of the program."""
    tree, home, temporary = room / "tree", room / "home", room / "tmp"
    for folder in (tree / ".git" / "hooks", home, temporary, room / "agent"):
        folder.mkdir(parents=True)
    secret = home / "secret"
    secret.write_text("a secret")
    reach = confine(
        tree,
        tree=tree,
        home=home,
        agent_home=room / "agent",
        temporary=temporary,
        environment=environment,
        programs=(Path(sys.prefix), Path(sys.base_prefix)),
    )
    protected = tree / ".git" / "hooks" / "post-checkout"
    paths = [tree / "inside", room / "outside", secret, protected]
    return reach, [*map(str, paths), str(port), name, str(os.getpid())]


@contextlib.contextmanager
def _sockets(room: str) -> Generator[tuple[int, str]]:
    """A port and a named socket of this process that accept connections."""
    # A name of a socket has at most some 100 bytes: by the folder's descriptor it is always short.
    with socket.socket() as port, socket.socket(socket.AF_UNIX) as named:
        port.bind(("127.0.0.1", 0))
        port.listen()
        name = f"{room}/socket"
        named.bind(name)
        named.listen()
        yield port.getsockname()[1], name


def _run(command: list[str], cwd: Path) -> dict[str, bool] | str:
    """What the program found, or why it could not say."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        said = done.stderr.strip().splitlines()
        return said[-1] if said else f"it ended with {done.returncode} and said nothing"
