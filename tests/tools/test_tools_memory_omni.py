"""The one memory tool: six commands on the same blocks as the single tools."""

import pytest

from letta_cli.core.memory import Origin
from letta_cli.core.tool import Display
from letta_cli.tools import ToolContext, ToolOutcome, all_tools, check_arguments

PERSON = Origin("person")
TOOLS = all_tools(omni_memory=True)


@pytest.fixture
def memory(context: ToolContext):
    async def call(command: str, **arguments: object) -> ToolOutcome:
        given = {"command": command, **arguments}
        tool = TOOLS["memory"]
        assert check_arguments(tool.spec, given) is None
        preview: Display | None = tool.preview(given, context)
        assert preview is not None and "\n" not in tool.title(given)
        return await tool.run(given, context)

    return call


def value(context: ToolContext, label: str) -> str:
    return context.store.blocks.find(context.agent_id, label).value


def test_one_set_is_offered_at_a_time() -> None:
    single = list(all_tools())
    assert [name for name in TOOLS if name not in single] == ["memory"]
    assert {name for name in single if name not in TOOLS} == {
        "memory_insert", "memory_replace", "memory_rethink",
    }  # fmt: skip


async def test_a_block_goes_through_its_whole_life(memory, context: ToolContext) -> None:
    made = await memory(
        "create", path="/memories/deploy", file_text="Fridays are off.", description="releases"
    )
    assert made.revision is not None and made.revision.version == 1
    await memory("insert", path="deploy", insert_text="Ask Ada.", insert_line=0)
    await memory("str_replace", path="deploy", old_str="off", new_str="quiet")
    assert value(context, "deploy") == "Ask Ada.\nFridays are quiet."
    assert "Ask Ada." in (await memory("view", path="/memories/deploy")).content
    await memory("rename", path="deploy", new_path="/memories/release")
    await memory("rename", path="release", description="how we release")
    assert "how we release" in (await memory("view")).content
    assert (await memory("delete", path="release")).status == "ok"
    assert "release" not in (await memory("view")).content
    [deleted] = context.store.blocks.deleted(context.agent_id)
    context.store.blocks.restore(deleted.id, origin=PERSON)
    assert value(context, "release") == "Ask Ada.\nFridays are quiet."
    writers = {each.origin.conversation_id for each in context.store.blocks.since(deleted.id, 0)}
    assert writers == {context.conversation.id, None}


@pytest.mark.parametrize(
    "arguments",
    [
        {"command": "create", "path": "human", "file_text": "over it"},
        {"command": "create"},
        {"command": "str_replace", "path": "human", "old_str": "absent", "new_str": "x"},
        {"command": "insert", "path": "nobody", "insert_text": "x"},
        {"command": "insert", "path": "human", "insert_text": "x" * 6_000},
        {"command": "rename", "path": "human"},
        {"command": "rename", "path": "human", "new_path": "persona"},
        {"command": "delete", "path": "law"},
        {"command": "rename", "path": "law", "description": "lore"},
        {"command": "rename", "path": "law", "new_path": "lore"},
    ],
)
async def test_what_cannot_be_done_changes_nothing_and_says_so(
    memory, context: ToolContext, arguments: dict[str, str]
) -> None:
    blocks = context.store.blocks
    blocks.create(context.agent_id, "law", value="x", read_only=True, origin=PERSON)
    before = blocks.list(context.agent_id)
    outcome = await memory(**arguments)
    assert outcome.status == "error"
    assert blocks.list(context.agent_id) == before


async def test_a_model_cannot_fill_every_prompt_with_blocks(memory) -> None:
    outcomes = [await memory("create", path=f"b{number}", file_text="x") for number in range(30)]
    assert [outcome.status for outcome in outcomes].count("error") > 0
    assert "which is the most" in outcomes[-1].content
