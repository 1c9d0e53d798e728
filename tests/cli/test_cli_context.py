"""`agent sessions show --context`: the window as the model would see it now."""

import pytest
from cli_machine import Machine


def test_the_context_is_printed_by_part_with_its_tokens(machine: Machine) -> None:
    (machine.project / "AGENTS.md").write_text("Use tabs.\n")
    machine.script({"text": "Forty-two."})
    machine.ok("run", "-n", "q", "What is it?")
    machine.ok("memory", "edit", "human", "--text", "Likes tea.")
    told = machine.ok("sessions", "show", "q", "--context")
    assert "of 200,000 tokens (counted by the provider" in told.splitlines()[0]
    for words in ("Memory human", "Tools  ", "compacted beyond", "Use tabs.", "[1] Your messages",
                  "What is it?", "Forty-two.", "Memory news", "It now reads:\nLikes tea."):  # fmt: skip
        assert words in told, words
    view = machine.json("sessions", "show", "q", "--context", "--json")
    assert view["tokens"] == sum(part["tokens"] for part in view["parts"])
    assert view["tokens"] == sum(group["tokens"] for group in view["groups"])
    assert view["free"] == 200_000 - view["tokens"] and view["compaction_threshold"] == 176_000
    assert {part["kind"] for part in view["parts"]} == {"system", "tool", "message", "news"}
    assert [p["seq"] for p in view["parts"] if p["kind"] == "message"] == [1, 2]


def test_a_conversation_without_a_message_or_a_model_has_a_context_too(machine: Machine) -> None:
    view = machine.json("sessions", "show", "default", "--context", "--json")
    assert view["context_window"] is None and view["free"] is None and not view["measured"]
    assert 500 < view["tokens"] < 3_000


@pytest.mark.slow
def test_what_a_conversation_took_adds_up_with_its_summaries(machine: Machine) -> None:
    notes = {
        "when": "Write the notes", "text": "## Goals\nNone.", "repeat": True,
        "usage": {"input": 5_000, "output": 100, "cost_usd": 0.25},
    }  # fmt: skip
    answer = {
        "text": "word " * 900,
        "usage": {"input": 7_000, "output": 900, "cost_usd": 0.01},
        "repeat": True,
    }
    machine.script(notes, answer)
    machine.ok("config", "set", "providers.scripted.contextWindow", "8000")
    costs: list[float] = []
    for number in range(6):
        which = ("--continue",) if number else ("-n", "q")
        said = f"{number} {'word ' * 900}"
        result = machine.json("run", *which, "--output-format", "json", said)
        costs.append(result["total_cost_usd"])
    summaries = round((sum(costs) - 0.06) / 0.25)
    assert summaries > 0
    spent = machine.ok("sessions", "show", "q").splitlines()[3]
    told = f"6 runs, {42_000 + 5_000 * summaries:,} tokens in, {5_400 + 100 * summaries:,} out, "
    assert spent.startswith(told) and f"{summaries} summar" in spent
    assert spent.endswith(f"${sum(costs):.4f}")
