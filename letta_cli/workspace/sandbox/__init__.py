"""The boundary for commands: what the kernel lets them reach, whatever they are."""

from letta_cli.workspace.sandbox.confinement import Confinement, confine
from letta_cli.workspace.sandbox.probe import Proof, best, prove
from letta_cli.workspace.sandbox.proxy import HostProxy
from letta_cli.workspace.sandbox.sandbox import NO_SANDBOX, Level, Sandbox, candidates
from letta_cli.workspace.sandbox.symptoms import needed
from letta_cli.workspace.sandbox.trial import Trial

__all__ = [
    "NO_SANDBOX", "Confinement", "HostProxy", "Level", "Proof", "Sandbox", "Trial", "best",
    "candidates", "confine", "needed", "prove",
]  # fmt: skip
