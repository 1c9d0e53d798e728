"""What a model is told about a tool, and what kinds of tools there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

ToolKind = Literal["read", "edit", "execute", "memory", "network", "todo", "plan"]
"""Feeds permissions: ``read``, ``memory`` and ``todo`` touch nothing of the person's files;
``plan`` ends plan mode when it is agreed to."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it.

    Attributes:
        parameters: a JSON Schema of type object.
        summary: one line for models with little room.
        concurrent: calls of one step may run together with others.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    kind: ToolKind
    summary: str = ""
    concurrent: bool = False


class Display(TypedDict, total=False):
    """What a frontend may show for a tool return. Every key is optional.

    title: one line, e.g. ``Edit app.py``; text: plain text; diff: unified diff text;
    path: the file concerned; added / removed: line counts; exit_code: of a command;
    todos: list of {content, status}.
    """

    title: str
    text: str
    diff: str
    path: str
    added: int
    removed: int
    exit_code: int
    todos: list[dict[str, str]]
