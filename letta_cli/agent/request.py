"""Builds the model request of a step: the stored prompt, the same tools, the thread."""

from letta_cli.agent.prompt import fits_profile
from letta_cli.agent.turn import Turn
from letta_cli.core.provider import Request
from letta_cli.providers.tokens import estimate, estimate_message, estimate_tools


def ensure_prompt(turn: Turn) -> str:
    """The conversation's system prompt, compiled and stored when first needed."""
    conversation = turn.thread.conversation
    prompt = conversation.system_prompt
    if prompt is None or not (turn.own_prompt or _holds(turn, prompt, conversation.prompt_trust)):
        prompt, versions = turn.compile_prompt()
        turn.thread.set_prompt(prompt, versions, turn.trusted)
    return prompt


def _holds(turn: Turn, prompt: str, trusted: str) -> bool:
    """Whether a stored prompt suits the model, and the person has not decided otherwise since on
    what of the folder may stand in it."""
    small, omni = turn.info.small, "memory" in turn.tools
    return trusted == turn.trusted and fits_profile(prompt, small=small, omni_memory=omni)


def build(turn: Turn) -> Request:
    """The request of the next step. Only the end of `messages` differs from step to step."""
    return Request(
        model=turn.model_name,
        system=ensure_prompt(turn),
        tools=tuple(tool.spec for tool in turn.tools.values()),
        messages=tuple(turn.thread.messages),
        conversation_id=turn.thread.conversation.id,
        max_output=turn.info.max_output,
        effort=turn.effort,
    )


def context_tokens(turn: Turn) -> int:
    """Tokens the next request takes, measured where possible."""
    return turn.meter.tokens(lambda: fixed_tokens(turn), turn.thread.messages)


def estimated_tokens(turn: Turn) -> int:
    """An estimate of the same, whatever was measured: for comparing before and after."""
    return fixed_tokens(turn) + sum(map(estimate_message, turn.thread.messages))


def fixed_tokens(turn: Turn) -> int:
    """An estimate of what stands before the messages: system prompt and tools."""
    prompt = turn.thread.conversation.system_prompt or ""
    return estimate(prompt) + estimate_tools(tool.spec for tool in turn.tools.values())
