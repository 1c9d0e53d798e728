"""An edit of a file that somebody changed since it was read: refused, and told who and what."""

from dataclasses import replace
from pathlib import Path

import pytest

from letta_cli.core.touch import Touch
from letta_cli.store import Store
from letta_cli.tools import ToolContext, all_tools
from letta_cli.workspace import Workspace


@pytest.fixture
def billing(context: ToolContext, store: Store, cwd: Path, tmp_path: Path):
    """Another session of the same agent in the same directory, which writes like the first."""
    conversation = store.conversations.create(
        context.agent_id, cwd=str(cwd), project=str(cwd), title="billing"
    )
    workspace = Workspace(cwd, overflow_dir=tmp_path / "output", environment={})
    other = replace(
        context, workspace=workspace, conversation=conversation, session_id="session-billing"
    )

    async def call(name: str, **arguments: object):
        outcome = await all_tools()[name].run(arguments, other)
        store.touches.record(
            other.session_id, conversation.id, other.workspace.files.take_touches()
        )
        return outcome

    return call


@pytest.mark.parametrize("tool", ["Edit", "Write"])
async def test_a_refusal_names_the_other_session_and_shows_its_change(
    call, billing, cwd: Path, tool: str
):
    (cwd / "api.py").write_text("rate = 1\nlimit = 5\n")
    await call("Read", file_path="api.py")
    await billing("Read", file_path="api.py")
    await billing("Edit", file_path="api.py", old_string="rate = 1", new_string="rate = 2")
    arguments = (
        {"old_string": "rate = 1", "new_string": "rate = 3"}
        if tool == "Edit"
        else {"content": "mine\n"}
    )
    refused = await call(tool, file_path="api.py", **arguments)
    assert refused.status == "error"
    assert 'by conversation "billing" (conv-' in refused.content
    assert " s ago" in refused.content and "Use Read on it again" in refused.content
    assert "-rate = 1\n+rate = 2" in refused.content
    assert (cwd / "api.py").read_text() == "rate = 2\nlimit = 5\n"
    await call("Read", file_path="api.py")
    good = await call("Edit", file_path="api.py", old_string="limit = 5", new_string="limit = 6")
    assert good.status == "ok"
    assert (cwd / "api.py").read_text() == "rate = 2\nlimit = 6\n"


@pytest.mark.parametrize("tool", ["Edit", "Write"])
@pytest.mark.parametrize("name", ["src/../api.py", "ABSOLUTE", "link.py", "other/api.py"])
async def test_one_file_by_another_name_is_the_same_file(
    call, billing, context: ToolContext, store: Store, cwd: Path, tool: str, name: str
):
    (cwd / "src").mkdir()
    (cwd / "api.py").write_text("rate = 1\n")
    (cwd / "link.py").symlink_to("api.py")
    (cwd / "other").symlink_to(".")
    await call("Read", file_path=name.replace("ABSOLUTE", str(cwd / "api.py")))
    await billing("Read", file_path="api.py")
    await billing("Edit", file_path="api.py", old_string="rate = 1", new_string="rate = 2")
    arguments = (
        {"old_string": "rate = ", "new_string": "rates = "}
        if tool == "Edit"
        else {"content": "mine\n"}
    )
    refused = await call(tool, file_path="api.py", **arguments)
    assert refused.status == "error"
    assert 'by conversation "billing" (conv-' in refused.content
    assert (cwd / "api.py").read_text() == "rate = 2\n"
    store.touches.record("me", context.conversation.id, context.workspace.files.take_touches())
    assert [writer.name for writer in store.touches.shared("me")]


async def test_what_a_resumed_conversation_read_is_not_overwritten_when_it_changed_since(
    call, billing, context: ToolContext, store: Store, cwd: Path
):
    (cwd / "api.py").write_text("rate = 1\n")
    await call("Read", file_path="api.py")
    store.touches.record("past", context.conversation.id, context.workspace.files.take_touches())
    await billing("Read", file_path="api.py")
    await billing("Edit", file_path="api.py", old_string="rate = 1", new_string="rate = 2")
    # As a new process does when the conversation is opened again.
    context.workspace.files.begin(store.touches.known(context.conversation.id))
    for tool, arguments in (
        ("Write", {"content": "mine\n"}),
        ("Edit", {"old_string": "rate = 2", "new_string": "rate = 3"}),
    ):
        refused = await call(tool, file_path="api.py", **arguments)
        assert refused.status == "error" and 'conversation "billing"' in refused.content
    assert (cwd / "api.py").read_text() == "rate = 2\n"


async def test_a_change_that_no_session_made_is_another_programs(call, cwd: Path):
    (cwd / "a.txt").write_text("one\n")
    await call("Read", file_path="a.txt")
    (cwd / "a.txt").write_text("two\n" * 5_000)
    refused = await call("Edit", file_path="a.txt", old_string="one", new_string="1")
    assert "by another program" in refused.content
    assert refused.content.endswith("(more changed)") and len(refused.content) < 4_000


async def test_what_was_read_before_a_resume_counts_while_it_is_the_same(
    call, context: ToolContext, cwd: Path
):
    (cwd / "same.txt").write_text("one\n")
    (cwd / "other.txt").write_text("one\n")
    files = context.workspace.files
    same, other = files.read("same.txt"), files.read("other.txt")
    files.begin({str(same.path): same.sha256, str(other.path): other.sha256})
    (cwd / "other.txt").write_text("two\n")
    good = await call("Edit", file_path="same.txt", old_string="one", new_string="1")
    assert good.status == "ok"
    refused = await call("Edit", file_path="other.txt", old_string="two", new_string="2")
    assert "changed on disk after it was read, by another program" in refused.content


async def test_touches_are_kept_one_a_file_and_the_last_counts(call, context: ToolContext, cwd):
    (cwd / "a.txt").write_text("one\n")
    await call("Read", file_path="a.txt")
    await call("Edit", file_path="a.txt", old_string="one", new_string="1")
    await call("Read", file_path="a.txt")
    (touch,) = context.workspace.files.take_touches()
    assert isinstance(touch, Touch) and touch.kind == "write"
    assert context.workspace.files.take_touches() == []
