"""`agent sessions show --context`: the window as the model would see it now."""

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
