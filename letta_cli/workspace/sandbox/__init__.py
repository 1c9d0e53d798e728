"""The boundary for commands: what the kernel lets them reach, whatever they are."""

from letta_cli.workspace.sandbox.confinement import Confinement, Grant, confine
from letta_cli.workspace.sandbox.probe import Proof, best, prove
from letta_cli.workspace.sandbox.sandbox import NO_SANDBOX, Level, Sandbox, candidates

__all__ = [
    "NO_SANDBOX", "Confinement", "Grant", "Level", "Proof", "Sandbox", "best", "candidates",
    "confine", "prove",
]  # fmt: skip
