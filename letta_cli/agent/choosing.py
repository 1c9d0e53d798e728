"""Which conversation an invocation asks for, and opening it."""

from collections.abc import Callable
from dataclasses import dataclass

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.ids import parse_citation
from letta_cli.core.memory import Origin
from letta_cli.core.reflection import Occasion
from letta_cli.store import Store
from letta_cli.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What one invocation asks for, beyond the configuration.

    Attributes:
        interactive: somebody is here to be asked.
        conversation: an exact id; nothing remembered overrides it.
        resume: an id, its beginning, a title or words said in it.
        continue_latest: this directory's latest conversation.
        fork: go on in a copy of the chosen conversation.
        agent: name or id; None for the one in use.
        isolate: labels of memory blocks that the conversation gets its own copies of.
        wait_seconds: for a conversation that another session is using.
        reflect_later: begins a reflection in the background: of this agent, with this model, why.
    """

    interactive: bool
    conversation: str | None = None
    resume: str | None = None
    continue_latest: bool = False
    fork: bool = False
    agent: str | None = None
    title: str = ""
    isolate: tuple[str, ...] = ()
    wait_seconds: float = 0.0
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    max_turns: int | None = None
    max_budget_usd: float | None = None
    reflect_later: Callable[[str, str, Occasion], None] | None = None


def open_conversation(
    store: Store,
    agent: Agent,
    workspace: Workspace,
    options: SessionOptions,
    chosen: Conversation | None,
) -> Conversation:
    """The chosen one or its copy, else a new one; all that can be refused was refused before."""
    if chosen is None:
        return store.conversations.create(
            agent.id, cwd=str(workspace.cwd), project=workspace.project, title=options.title
        )
    if options.fork:
        # From a cited turn on, when one was named.
        cited = parse_citation(options.resume or options.conversation or "")
        return store.conversations.fork(chosen.id, upto_seq=cited[1] if cited else None)
    return chosen


def isolate(store: Store, conversation: Conversation, labels: tuple[str, ...]) -> None:
    """Give the conversation its own copies, but of what it has already."""
    blocks = {block.label: block for block in store.blocks.visible(conversation)}
    for label in labels:
        block = blocks.get(label.strip())
        if block is not None and block.scope != "conversation":
            store.sharing.isolate(block.id, conversation.id, origin=Origin("person"))


def existing_conversation(
    store: Store, agent: Agent, workspace: Workspace, options: SessionOptions
) -> Conversation | None:
    if options.conversation is not None:
        if options.conversation == "default":
            return store.conversations.default(agent.id)
        cited = parse_citation(options.conversation)
        return store.conversations.get(cited[0] if cited else options.conversation)
    if options.resume is not None:
        return _resume(store, agent, options.resume)
    if not options.continue_latest:
        if options.fork:
            raise UsageError("--fork needs a conversation: add -c, -r WORDS or --conversation ID.")
        return None
    latest = store.conversations.latest(agent.id, str(workspace.cwd))
    if latest is None:
        raise NotFound(
            f"There is no conversation in {workspace.cwd} to continue. Start one without -c, or "
            "see all with: agent sessions list"
        )
    return latest


def _resume(store: Store, agent: Agent, words: str) -> Conversation:
    found = store.conversations.find(agent.id, words)
    if not found:
        raise NotFound(f"No conversation matches {words!r}. See all with: agent sessions list")
    exact = [item for item in found if words in (item.id, item.title)]
    if len(exact) == 1 or len(found) == 1:
        return (exact or found)[0]
    listed = "\n".join(f"  {item.id}  {item.title}" for item in found[:10])
    raise UsageError(f"{len(found)} conversations match {words!r}; name one by its id:\n{listed}")
