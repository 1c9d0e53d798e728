"""Which commands there are: name to the module that is imported when it is called.

`agent --help` is written from this table alone, so that it imports no command.
"""

import importlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """Attributes:
    target: ``module:name`` of the command's `typer.Typer`, in this package.
    summary: one line for ``agent --help``.
    default: the sub-command that the bare command stands for, if any.
    others: sub-commands beside a default that takes an argument: ``agent backup PATH``.
    """

    target: str
    summary: str
    default: str = ""
    others: tuple[str, ...] = ()


COMMANDS: dict[str, Entry] = {
    "chat": Entry("chat:app", "Talk to the agent in this terminal (the default)."),
    "run": Entry("run:app", "Answer one prompt and exit: for scripts and CI."),
    "sessions": Entry("sessions:app", "List, search, fork, export conversations.", "list"),
    "search": Entry("search:app", "Search all conversations, memory and passages."),
    "memory": Entry("memory:app", "Read and change what the agent remembers.", "list"),
    "remember": Entry("remember:app", "Store one thing in memory, as you say it."),
    "passages": Entry("passages:app", "Archival memory: list, show, add, delete.", "list"),
    "files": Entry("files:app", "Documents that the agent opens, searches and cites.", "list"),
    "reflect": Entry(
        "reflect:app",
        "Look back on conversations and edit memory; review it.",
        "now",
        ("log", "show", "undo"),
    ),
    "learn": Entry(
        "learn:app",
        "Turn a conversation into a skill; accept or drop it.",
        "from",
        ("list", "show", "accept", "drop"),
    ),
    "skills": Entry("skills:app", "Show the skills found here.", "list"),
    "agents": Entry("agents:app", "List, create, choose and move agents.", "list"),
    "models": Entry("models:app", "List models; fetch the embedded one.", "list"),
    "import": Entry("importing:app", "Bring in the histories of Claude Code, Codex and pi."),
    "db": Entry("db:app", "Move everything to another database; bring its index up to date."),
    "config": Entry("settings:app", "Show settings and their origins; change them.", "list"),
    "permissions": Entry(
        "permissions:app", "Show, try and change the rules on what may be done.", "list"
    ),
    "undo": Entry("undo:app", "Take back what a conversation did to files."),
    "secrets": Entry("secrets:app", "Keep values for commands, unseen by the model.", "list"),
    "backup": Entry(
        "backup:app", "Copy the database, verified; list the copies.", "make", ("list",)
    ),
    "restore": Entry("restore:app", "Put a backup in the place of the database."),
    "doctor": Entry("doctor:app", "Check this installation; repair it."),
    "trust": Entry(
        "trust:app", "Decide what a folder's own files may do.", "folder", ("list", "remove")
    ),
    "completion": Entry("completion:app", "Print a completion script for a shell."),
}

FREQUENT = (
    ("-c, --continue", "Go on with this directory's latest conversation."),
    (
        "-r, --resume [WORDS]",
        "Go on with the conversation of this id, title or words; without words: choose.",
    ),
    ("-m, --model PROVIDER/MODEL", "The model to use."),
    ("-C, --cd DIR", "Work in this directory."),
    ("-p, --print", "Answer PROMPT and exit, like agent run."),
)
"""Options of `agent chat` that ``agent --help`` shows as well, in the same words."""

HEADLESS = "headless:run_headless"
TERMINAL = "interactive:run_in_terminal"
FAILURE = "failure:print_result"
WORKTREE = "worktree:own_tree"
CHOICE = "model_choice:choose_model"
IN_USE = "model_choice:model_in_use"
REPAIR = "repair:repair"
INSIDE = "inside:refuse"
"""Refuses commands by which a person decides."""

TRUST = "trust_question:asked"
REFLECT = "reflecting:run_reflection"
LEARN = "learning:run_learning"
CONTEXT = "context:show_context"
"""What commands do once their options are read; asking for help loads none of it."""


REMOVING = ("remove", "drop", "delete", "unset", "rm")
"""Words for one thing: every list of commands shows one of them and takes them all."""


def same_command(word: str, commands: Collection[str]) -> str:
    """The one of `commands` that `word` means: itself, or the one that removes for all of these."""
    if word in commands or word not in REMOVING:
        return word
    return next((name for name in REMOVING if name in commands), word)


def target(name: str) -> Any:
    """Import and return the ``module:name`` of this table."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(f"letta_cli.cli.{module}"), attribute)
