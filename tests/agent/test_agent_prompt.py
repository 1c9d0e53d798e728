"""The system prompt: small enough, stable, and in an order that caches well."""

import json
from dataclasses import replace

import pytest

from letta_cli.agent.prompt import PromptParts, compile_prompt, fits_profile
from letta_cli.core.clock import now
from letta_cli.core.memory import MemoryBlock
from letta_cli.providers.tokens import estimate, estimate_tools
from letta_cli.tools import all_tools

BLOCK = MemoryBlock(
    "block-1", "agent-1", "human", "Who the person is", 'Ada & "Bob"', 5000, False,
    "agent", "", 3, now(),
)  # fmt: skip
PARTS = PromptParts(
    blocks=[BLOCK],
    instructions="Use tabs.",
    skills="- review: reviews a change",
    environment=["Directory: /work", "Date: 2026-01-01"],
)


@pytest.mark.parametrize("confined", [False, True])
def test_the_first_request_of_a_plain_chat_costs_under_3000_tokens(confined: bool):
    prompt = compile_prompt(replace(PARTS, instructions=""), small=False)
    total = estimate(prompt) + estimate_tools(
        tool.spec for tool in all_tools(documents=True, confined=confined).values()
    )
    assert total < 3_000, total
    print(json.dumps({"tokens": total}))


def test_the_small_prompt_leaves_room_for_a_small_model():
    assert estimate(compile_prompt(PARTS, small=True)) < 200


def test_the_same_parts_give_the_same_bytes_and_volatile_facts_come_last():
    prompt = compile_prompt(PARTS, small=False)
    assert prompt == compile_prompt(PARTS, small=False)
    later = compile_prompt(replace(PARTS, environment=["Directory: /else"]), small=False)
    common = len([1 for a, b in zip(prompt, later, strict=False) if a == b])
    assert common > 0.9 * len(later)
    assert prompt.index("Use tabs.") < prompt.index("<memory>") < prompt.index("Date:")


def test_a_read_only_block_says_so_and_values_are_given_as_they_are():
    shown = compile_prompt(PromptParts([replace(BLOCK, read_only=True)]), small=False)
    assert 'read_only="true"' in shown and 'Ada & "Bob"' in shown


def test_a_stored_prompt_is_recognised_by_its_profile():
    for small in (True, False):
        prompt = compile_prompt(PARTS, small=small)
        assert fits_profile(prompt, small=small) and not fits_profile(prompt, small=not small)
