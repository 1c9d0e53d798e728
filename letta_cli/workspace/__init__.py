"""What tools act on: the files, processes and repository around one working directory."""

from letta_cli.workspace.files import FileChanged, FileRefused, Files
from letta_cli.workspace.shell import CommandResult, Shell
from letta_cli.workspace.workspace import Todo, Workspace

__all__ = ["CommandResult", "FileChanged", "FileRefused", "Files", "Shell", "Todo", "Workspace"]
