"""Opens the session that an `Invocation` asks for, with a model chosen for it."""

from letta_cli.agent.choosing import SessionOptions
from letta_cli.app import open_session
from letta_cli.cli.invocation import Invocation, split_rules
from letta_cli.cli.reflect_later import background_reflection
from letta_cli.cli.table import CHOICE, target
from letta_cli.config import Config
from letta_cli.session import Session


async def open_invocation(
    invocation: Invocation, config: Config, *, interactive: bool
) -> tuple[Session, Config]:
    """The session, and the configuration with the model that was chosen.

    Raises:
        AgentError: what choosing a model or opening the conversation raises.
    """
    options = session_options(invocation, config, interactive=interactive)
    if not config.model:
        # Not imported where a model is named: it brings the embedded model's download along.
        config = await target(CHOICE)(config, invocation.agent, can_ask=interactive)
    return await open_session(config, options), config


def session_options(invocation: Invocation, config: Config, *, interactive: bool) -> SessionOptions:
    """What the invocation asks for beyond the configuration."""
    return SessionOptions(
        interactive=interactive and not invocation.afk,
        conversation=invocation.conversation,
        resume=invocation.resume,
        continue_latest=invocation.continue_latest,
        fork=invocation.fork,
        agent=invocation.agent,
        title=invocation.title,
        isolate=tuple(invocation.isolate or ()),
        wait_seconds=invocation.wait,
        allowed_tools=split_rules(invocation.allowed_tools),
        disallowed_tools=split_rules(invocation.disallowed_tools),
        max_turns=invocation.max_turns,
        max_budget_usd=invocation.max_budget_usd,
        reflect_later=background_reflection(config),
    )
