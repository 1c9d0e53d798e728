"""Two real terminals and one memory: what one stores, the other shows in a line and knows."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_a_terminal_shows_what_another_one_stored_and_the_prompt_has_it_after_compaction(
    agent, terminal
):
    insert = {"label": "human", "new_string": "likes rye"}
    orders = terminal(
        {"context_window": 20_000, "turns": [
            {"text": "Ready."}, {"text": "I know. " + "word " * 6_000},
            {"when": "Write the notes", "text": "Goals: bake."}, {"text": "Still rye."},
        ]},
        "orders", "-n", "orders",
    )  # fmt: skip
    orders.wait_for("Ask").enter("hello").wait_for("Ready.")
    billing = terminal(
        [{"tool_calls": [{"name": "memory_insert", "arguments": insert}]}, {"text": "Stored."}],
        "billing", "-n", "billing", "--permission-mode", "bypassPermissions",
    )  # fmt: skip
    billing.wait_for("Ask").enter("remember: rye").wait_for("Stored.")
    orders.enter("what do I like?").wait_for("I know.").wait_for("❯")
    lines = [line for line in orders.text.splitlines() if "memory: " in line]
    assert len(lines) == 1 and '"human"' in lines[0] and "billing" in lines[0]
    assert "likes rye" in json.dumps(agent.requests("orders")[1]["messages"])
    orders.enter("/compact").wait_for("conversation compacted")
    orders.enter("and now?").wait_for("Still rye.")
    last = agent.requests("orders")[-1]
    assert "likes rye" in last["system"]
    assert "likes rye" not in agent.requests("orders")[1]["system"]
    assert orders.end() == 0 and billing.end() == 0
