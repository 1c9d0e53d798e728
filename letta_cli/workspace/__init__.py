"""What tools act on: the files, processes and repository around one working directory.

Its names are imported when they are used: listing commands only ask which repository they stand
in, and need neither processes nor searches for that.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from letta_cli.workspace.files import FileChanged, FileRefused, Files
    from letta_cli.workspace.shell import CommandResult, Shell
    from letta_cli.workspace.workspace import Todo, Workspace

__all__ = ["CommandResult", "FileChanged", "FileRefused", "Files", "Shell", "Todo", "Workspace"]

_HOMES = {
    "CommandResult": "shell",
    "FileChanged": "files",
    "FileRefused": "files",
    "Files": "files",
    "Shell": "shell",
    "Todo": "workspace",
    "Workspace": "workspace",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
