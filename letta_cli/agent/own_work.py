"""Runs of the agent's own, apart from any chat: what they work with, and how they are set up.

They are ordinary runs of the loop, in conversations of their own kind, and are listed like any
other. Nobody is asked anything in them: what would need a person's word is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from letta_cli.agent.budget import ContextMeter
from letta_cli.agent.inbox import Inbox
from letta_cli.agent.policy import SessionPolicy
from letta_cli.agent.prompt import render_memory
from letta_cli.agent.shelf import Shelf
from letta_cli.agent.thread import Thread
from letta_cli.agent.turn import Limits, Turn
from letta_cli.core.agent import Agent
from letta_cli.core.memory import Actor
from letta_cli.core.permission import Rules
from letta_cli.core.provider import ModelInfo, Provider
from letta_cli.core.reflection import ReflectionSettings
from letta_cli.core.secret import Masker
from letta_cli.store import Store
from letta_cli.tools import Tool
from letta_cli.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Bench:
    """What a run of the agent's own works with.

    Attributes:
        handle: the model's, which `provider` and `info` belong to.
        rules: the person's; what they deny stays denied.
        inbox: an interrupt comes in here.
        masker: knows the secrets that must not get into memory.
    """

    store: Store
    agent: Agent
    handle: str
    provider: Provider
    info: ModelInfo
    workspace: Workspace
    rules: Rules
    limits: Limits
    settings: ReflectionSettings
    inbox: Inbox
    masker: Masker = field(default_factory=Masker)


@dataclass(frozen=True, slots=True)
class Job:
    """What one run of the agent's own is for.

    Attributes:
        system: the prompt; current memory is added to it.
        actor: who writes, for the history of memory.
    """

    system: str
    tools: Mapping[str, Tool]
    limits: Limits
    actor: Actor = "model"


def own_turn(bench: Bench, conversation_id: str, job: Job) -> Turn:
    """A turn in `conversation_id`, whose lease the caller holds."""
    thread = Thread(bench.store, conversation_id)

    def compile_prompt() -> tuple[str, dict[str, int]]:
        blocks = bench.store.blocks.visible(thread.conversation)
        prompt = f"{job.system}\n\n{render_memory(blocks, bench.store.reviews.sources(blocks))}"
        return prompt, {block.id: block.version for block in blocks}

    return Turn(
        agent=bench.agent,
        thread=thread,
        store=bench.store,
        provider=bench.provider,
        model=bench.handle,
        info=bench.info,
        tools=job.tools,
        workspace=bench.workspace,
        shelf=Shelf(),
        policy=SessionPolicy(bench.rules, "dontAsk", interactive=False),
        limits=job.limits,
        inbox=bench.inbox,
        meter=ContextMeter(),
        compile_prompt=compile_prompt,
        own_prompt=True,
        actor=job.actor,
        masker=bench.masker,
    )
