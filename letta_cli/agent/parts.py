"""What `app.open_session` puts together for a session."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from letta_cli.agent.occasions import Occasions
from letta_cli.agent.policy import SessionPolicy
from letta_cli.agent.shelf import Shelf
from letta_cli.agent.turn import Limits
from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.provider import Effort, ModelInfo, Offer, Provider
from letta_cli.core.reflection import ReflectionSettings
from letta_cli.core.secret import Masker
from letta_cli.store import Store
from letta_cli.tools import Toolbox
from letta_cli.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is ready to be called, and the tools that suit it."""

    handle: str
    provider: Provider
    info: ModelInfo
    tools: Toolbox


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What `app.open_session` puts together for a session.

    Attributes:
        loading: the model named by `handle`, being made ready.
        load_model: makes a model ready by its handle.
        list_offers: asks all providers, that of this handle in any case.
        compile_prompt: the system prompt of a conversation for a profile (small or not), from
            current memory, with the block versions that stand in it.
        wait_seconds: how long to wait for a conversation that another session is using.
        notes: what a person may want to know at the start; `warnings` are those that say what is
            wrong.
        masker: knows the secrets that must not get into the thread.
        untrusted_folder: the folder it works in, when that brings what the person did not trust.
        untrusted_folder_at: the same for any directory.
        trusted: a digest of what of its folder stands in the prompt because the person trusts it.
        occasions: notices when the agent may reflect in the background; None where it never does.
        reflection: of the configuration, for reflections that a person asks for.
        busy_advice: what else can be done where this session runs when the conversation is in use.
    """

    store: Store
    agent: Agent
    conversation: Conversation
    workspace: Workspace
    shelf: Shelf
    policy: SessionPolicy
    limits: Limits
    effort: Effort
    handle: str
    loading: asyncio.Task[Model]
    load_model: Callable[[str], Awaitable[Model]]
    list_offers: Callable[[str], Awaitable[list[Offer]]]
    compile_prompt: Callable[[Conversation, bool], tuple[str, dict[str, int]]]
    terminal: str
    wait_seconds: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    busy_advice: str = ""
    untrusted_folder: str = ""
    untrusted_folder_at: Callable[[str], str] = lambda _directory: ""
    trusted: str = ""
    masker: Masker = field(default_factory=Masker)
    occasions: Occasions | None = None
    reflection: ReflectionSettings = field(default_factory=ReflectionSettings)
