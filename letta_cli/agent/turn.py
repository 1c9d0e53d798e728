"""What a run works with: its collaborators and limits, gathered once, by the session."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from letta_cli.agent.budget import ContextMeter
from letta_cli.agent.inbox import Inbox
from letta_cli.agent.radar import Radar
from letta_cli.agent.shelf import Shelf
from letta_cli.agent.thread import Thread
from letta_cli.agent.undo import UndoJournal
from letta_cli.core.agent import Agent
from letta_cli.core.memory import Actor
from letta_cli.core.permission import PermissionMode, Rule, Rules
from letta_cli.core.provider import Effort, ModelInfo, Provider
from letta_cli.core.secret import Masker
from letta_cli.store import Store
from letta_cli.tools import Tool
from letta_cli.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a run ends by itself.

    Attributes:
        max_steps: model calls; None for no limit.
        max_budget_usd: known cost of the run; None for no limit.
        max_tries: of one model request, the first one included.
    """

    max_steps: int | None = None
    max_budget_usd: float | None = None
    max_tries: int = 11


class Policy(Protocol):
    """The person's permissions as they stand now; they may change in mid-run."""

    mode: PermissionMode
    interactive: bool
    roots: tuple[Path, ...]
    readable: tuple[Path, ...]

    def rules(self) -> Rules: ...

    def mode_news(self) -> str:
        """What the model is to know of a change of the mode; empty when there is none."""
        ...

    def remember(self, rule: str) -> Rule:
        """Allow by this rule for the rest of the session."""
        ...


def _no_news() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Turn:
    """The collaborators of one run."""

    agent: Agent
    thread: Thread
    store: Store
    provider: Provider
    model: str
    """The full handle; what stands before the first slash names the provider."""
    info: ModelInfo
    tools: Mapping[str, Tool]
    workspace: Workspace
    shelf: Shelf
    policy: Policy
    limits: Limits
    inbox: Inbox
    meter: ContextMeter
    compile_prompt: Callable[[], tuple[str, dict[str, int]]]
    """Compiles the system prompt from current memory; with the block versions in it."""
    trusted: str = ""
    """A digest of what of the folder the person trusts to stand in the prompt."""
    refresh_tools: Callable[[], str] = _no_news
    """Looks whether there are more tools now; returns what to tell the model of them."""
    effort: Effort = "off"
    untrusted_folder: str = ""
    """The folder it works in, when that brings what the person did not trust."""
    untrusted_folder_at: Callable[[str], str] = lambda _directory: ""
    """The same for any directory."""
    radar: Radar | None = None
    """None where there is no session that others could see."""
    masker: Masker = field(default_factory=Masker)
    """Takes secrets out of what people and tools say, before it is stored or sent."""
    undo: UndoJournal | None = None
    """None where nothing is kept of what calls do to files."""
    own_prompt: bool = False
    """The prompt is no chat's, and is compiled once."""
    actor: Actor = "model"
    """Who writes to memory in this run."""
    skill: str = ""
    """The skill whose text the person sent, if they did."""

    @property
    def model_name(self) -> str:
        return self.model.partition("/")[2]
