"""The parts of a context window add up to what the model is sent."""

import json

from letta_cli.agent.context import view_turn
from letta_cli.agent.prompt import PromptParts, compile_prompt, sections
from letta_cli.core.clock import now
from letta_cli.core.memory import MemoryBlock, Origin
from letta_cli.core.provider import ModelInfo


def block(label: str, value: str) -> MemoryBlock:
    return MemoryBlock("b", "a", label, f"about {label}", value, 5000, False, "agent", "", 1, now())


PARTS = PromptParts(
    blocks=(block("human", "Likes tea.\n\nEnvironment\n- none"), block("project", "pytest")),
    own="Be kind.",
    instructions="# From AGENTS.md\n\nUse tabs.",
    skills="- deploy: deploys",
    environment=("Directory: /tmp", "System: Linux"),
    files=("app.py",),
)


def test_the_sections_of_a_prompt_are_the_prompt():
    for small in (False, True):
        prompt = compile_prompt(PARTS, small=small)
        found = sections(prompt)
        assert "".join(text for _, text in found) == prompt
        titles = [title for title, _ in found]
        assert {"Skills", "Instructions", "Memory human", "Memory project", "Environment"} <= set(
            titles
        )
        texts = dict(found)
        assert "Use tabs." in texts["Instructions"] and "pytest" in texts["Memory project"]
        assert "Likes tea." in texts["Memory human"]
    assert sections("") == []


async def test_the_view_has_every_part_of_the_next_request_and_the_providers_count(stage):
    read = {"name": "Read", "arguments": {"file_path": "app.py"}}
    s = stage([
        {"tool_calls": [read], "reasoning": "hm"},
        {"text": "41", "usage": {"input": 5_000, "output": 10}}, {"text": "ok"},
    ], info=ModelInfo("scripted/test", context_window=10_000))  # fmt: skip
    estimated = view_turn(s.turn)
    assert not estimated.measured and estimated.tokens < 3_000
    await s.play("What is the answer?")
    human = s.store.blocks.find(s.turn.agent.id, "human")
    s.store.blocks.insert(human.id, "Likes tea.", origin=Origin("person"))
    view = view_turn(s.turn)
    assert view.measured and view.free == 10_000 - view.tokens
    news = [part for part in view.parts if part.kind == "news"]
    assert "Likes tea." in news[0].text and view.tokens - news[0].tokens == 5_010
    groups = view.groups()
    assert {"Memory human", "Tools", "Your messages", "Tool calls", "Tool results", "Reasoning",
            "Answers"} <= set(groups)  # fmt: skip
    assert groups["Tools"][0] == len(s.turn.tools)
    await s.play("And now?")
    (sent,) = s.requests()[-1:]
    spoken = [
        part["text"] for m in sent["messages"] for part in m["parts"] if part["type"] == "text"
    ]
    shown = [part.text for part in view.parts if part.kind in ("message", "news")]
    assert set(spoken) - {"And now?"} <= set(shown)
    prompt = "".join(part.text for part in view.parts if part.kind == "system")
    assert prompt.replace("\n", "") == sent["system"].replace("\n", "")
    assert [tool["name"] for tool in sent["tools"]] == [
        part.title for part in view.parts if part.kind == "tool"
    ]
    read = next(part for part in view.parts if part.title == "Read" and part.kind == "tool")
    assert json.dumps(sent["tools"][0]["parameters"]) in read.text
