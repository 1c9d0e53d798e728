"""What a tool is: a specification for the model, and functions that run and describe a call."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from letta_cli.core.agent import Conversation
from letta_cli.core.memory import Actor, BlockRevision, Origin
from letta_cli.core.skill import Skill
from letta_cli.core.tool import Display, ToolSpec
from letta_cli.store import Store
from letta_cli.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a call may use.

    Attributes:
        progress: takes output while the tool runs.
        started: takes the id of a process group as soon as one runs for this call.
        untrusted: where text from outside that the model has before it came from.
        actor: who writes, for the history of memory.
        outside_at: of a file: where its text came from, when that is not trusted.
    """

    workspace: Workspace
    store: Store
    agent_id: str
    conversation: Conversation
    run_id: str
    call_id: str
    skills: Sequence[Skill]
    progress: Callable[[str], None]
    started: Callable[[int], None]
    session_id: str = ""
    untrusted: str = ""
    actor: Actor = "model"
    outside_at: Callable[[Path], str] = lambda _path: ""

    @property
    def origin(self) -> Origin:
        """Who writes, for the history of memory."""
        return Origin(self.actor, self.conversation.id, self.run_id, untrusted=self.untrusted)


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a call came to. A failure is a value, with words that say what to do next.

    Attributes:
        content: read by the model.
        display: shown to the person.
        revision: the memory edit that was made, if one was.
        outside: where the content came from when strangers may have written it; see `core.outside`.
    """

    status: Literal["ok", "error"]
    content: str
    display: Display | None = None
    revision: BlockRevision | None = None
    outside: str = ""


def ok(content: str, display: Display | None = None, *, outside: str = "") -> ToolOutcome:
    return ToolOutcome("ok", content, display, outside=outside)


def failed(content: str, display: Display | None = None, *, outside: str = "") -> ToolOutcome:
    return ToolOutcome("error", content, display, outside=outside)


def no_preview(_arguments: Mapping[str, Any], _context: ToolContext) -> Display | None:
    """For tools whose title says all there is to approve."""
    return None


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool.

    Attributes:
        run: does the work; returns failures as values.
        title: one line for people, such as ``Read(src/app.py)``.
        preview: what an approval should show, such as the diff of an edit; changes nothing.
    """

    spec: ToolSpec
    run: Callable[[Mapping[str, Any], ToolContext], Awaitable[ToolOutcome]]
    title: Callable[[Mapping[str, Any]], str]
    preview: Callable[[Mapping[str, Any], ToolContext], Display | None] = no_preview
