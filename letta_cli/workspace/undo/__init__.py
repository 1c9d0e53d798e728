"""What it takes to take changes of files back: their contents, kept apart."""

from letta_cli.workspace.undo.blobs import Blobs
from letta_cli.workspace.undo.pending import Begun
from letta_cli.workspace.undo.restore import Plan, Restored, Target, plan, restore
from letta_cli.workspace.undo.snapshot import NotCovered, TreeSnapshots

__all__ = [
    "Begun",
    "Blobs",
    "NotCovered",
    "Plan",
    "Restored",
    "Target",
    "TreeSnapshots",
    "plan",
    "restore",
]
