"""Bash, TodoWrite, Skill, memory and conversations; the specifications and their checks."""

import dataclasses
import json
from pathlib import Path

from letta_cli.core.memory import Origin
from letta_cli.core.message import Text, ToolCall, ToolReturn
from letta_cli.core.skill import Skill
from letta_cli.store import Store
from letta_cli.tools import ToolContext, all_tools, check_arguments


def test_the_tools_keep_their_order():
    assert list(all_tools()) == [
        "Read", "Write", "Edit", "Grep", "Glob", "Bash", "TodoWrite", "WebFetch", "Skill",
        "memory_insert", "memory_replace", "memory_rethink", "conversation_search",
        "conversation_open", "archival_memory_insert", "archival_memory_search", "ExitPlanMode",
    ]  # fmt: skip


def test_all_specifications_together_stay_small():
    specs = [
        {"name": t.spec.name, "description": t.spec.description, "input_schema": t.spec.parameters}
        for t in all_tools().values()
    ]
    assert len(json.dumps(specs)) / 4 < 1_750
    for tool in all_tools().values():
        assert 5 < len(tool.spec.summary) < 80


def problem(name: str, **arguments: object) -> str:
    return check_arguments(all_tools()[name].spec, arguments) or ""


def test_wrong_arguments_are_explained_to_the_model():
    assert "file_path is missing" in problem("Read")
    assert "old_string and new_string is missing" in problem("Edit", file_path="a")
    assert "did you mean file_path" in problem("Read", file_path="a", filepath="b")
    assert "limit must be a number, not a list" in problem("Read", file_path="a", limit=[1])
    assert "file_path must be a string" in problem("Read", file_path=3)
    assert "todos[0].status must be one of pending" in problem(
        "TodoWrite", todos=[{"content": "x", "status": "later"}]
    )
    assert "todos must be a list" in problem("TodoWrite", todos="x")
    assert "Its arguments are file_path: string, offset: integer (optional)" in problem("Read")


def test_plain_meanings_are_accepted():
    assert not problem("Read", file_path="a", offset="3", limit=None)
    assert not problem("Read", file_path="a", offset=3.0)
    assert not problem("Edit", file_path="a", old_string="", new_string="", replace_all="true")


async def test_bash_tells_output_and_exit_code(call):
    good = await call("Bash", command="echo hello")
    assert (good.status, good.content) == ("ok", "hello")
    assert good.display["exit_code"] == 0
    silent = await call("Bash", command="true")
    assert silent.content == "Exit code 0, no output."
    bad = await call("Bash", command="echo oops >&2; exit 3")
    assert (bad.status, bad.content) == ("error", "oops\nExit code 3")
    assert "command not found" in (await call("Bash", command="no-such-command-x")).content
    assert (await call("Bash", command=" ")).status == "error"
    assert (await call("Bash", command="echo a\0b")).status == "error"


async def test_bash_starts_in_the_working_directory_each_time(call, cwd: Path):
    await call("Bash", command="cd /; export X=1")
    assert (await call("Bash", command="pwd; echo $X")).content == str(cwd)


async def test_bash_times_out_with_advice(call):
    outcome = await call("Bash", command="echo begun; sleep 9", timeout="200")
    assert outcome.status == "error"
    assert "begun" in outcome.content
    assert "Timed out" in outcome.content


async def test_a_substitution_that_changed_no_file_is_told(call, cwd: Path):
    (cwd / "a.ini").write_text("port = 80\n")
    printed = await call("Bash", command="sed 's/port = 80/port = 90/' a.ini")
    assert printed.content.endswith("(nothing changed in a.ini; use Edit to change a file)")
    missed = await call("Bash", command="sed -i 's/nowhere/x/' a.ini")
    assert "nothing changed in a.ini" in missed.content
    done = await call("Bash", command="sed -i 's/80/90/' a.ini")
    assert "nothing changed" not in done.content
    assert "nothing changed" not in (await call("Bash", command="sed -n 1p a.ini")).content


async def test_long_output_names_a_file_that_read_opens(call):
    outcome = await call("Bash", command="seq 10000")
    assert len(outcome.content) < 2_500
    path = outcome.content.rsplit("output is in ", 1)[1].split(";")[0]
    assert "9999\t9999" in (await call("Read", file_path=path, offset=9_999)).content


async def test_todos_are_kept_per_conversation_and_shown(call, context: ToolContext):
    todos = [
        {"content": "first", "status": "completed"},
        {"content": "second", "status": "in_progress"},
    ]
    outcome = await call("TodoWrite", todos=todos)
    assert outcome.content == "List kept: 1 of 2 done. Next: second"
    assert outcome.display["todos"] == todos
    assert context.workspace.todos[context.conversation.id] == todos


async def test_a_skill_is_loaded_by_name(context: ToolContext, tmp_path: Path):
    path = tmp_path / "x" / "SKILL.md"
    path.parent.mkdir()
    path.write_text("---\nname: deploy\ndescription: d\n---\nDeploy $ARGUMENTS.")
    skills = [
        Skill("deploy", "d", path, "user"),
        Skill("secret", "d", path, "user", model_invocable=False),
    ]
    context = dataclasses.replace(context, skills=skills)
    skill = all_tools()["Skill"]
    assert (
        "Deploy to test."
        in (await skill.run({"skill": "deploy", "args": "to test"}, context)).content
    )
    missing = await skill.run({"skill": "deplyo"}, context)
    assert "Did you mean deploy? Skills: deploy." in missing.content
    assert (await skill.run({"skill": "secret"}, context)).status == "error"
    path.unlink()
    assert (await skill.run({"skill": "deploy"}, context)).status == "error"


async def test_memory_edits_return_the_new_text_with_its_origin(call, context: ToolContext):
    outcome = await call("memory_insert", label="human", new_string="Likes tea.")
    assert outcome.status == "ok"
    assert "Likes tea." in outcome.content
    assert "of 5,000 characters" in outcome.content
    assert outcome.revision is not None
    assert outcome.revision.origin == Origin("model", context.conversation.id, "run-1")
    await call("memory_insert", label="human", new_string="Name: Kim", insert_line=0)
    outcome = await call("memory_replace", label="human", old_string="tea", new_string="coffee")
    assert "Name: Kim\n" in outcome.content
    assert outcome.content.endswith("Likes coffee.")
    assert "-Likes tea." in outcome.display["diff"]
    outcome = await call("memory_rethink", label="human", new_memory="Kim. Coffee.")
    assert outcome.content.endswith(":\nKim. Coffee.")


async def test_memory_failures_carry_the_current_text(call, context: ToolContext):
    missing = await call("memory_insert", label="nobody", new_string="x")
    assert "no memory block 'nobody'" in missing.content
    assert "persona" in missing.content
    await call("memory_rethink", label="human", new_memory="a b a")
    for old in ("z", "a"):
        outcome = await call("memory_replace", label="human", old_string=old, new_string="x")
        assert outcome.status == "error"
        assert outcome.revision is None
        assert "The block human now reads:\na b a" in outcome.content
    long = await call("memory_insert", label="human", new_string="x" * 6_000)
    assert long.status == "error"
    assert "5 of 5,000 characters" in long.content


async def test_an_edit_that_changes_nothing_is_no_revision(call):
    await call("memory_rethink", label="human", new_memory="same")
    outcome = await call("memory_rethink", label="human", new_memory="same")
    assert outcome.content.startswith("Nothing changed")


async def test_past_conversations_are_found_and_opened(call, context: ToolContext, store: Store):
    agent = context.agent_id
    other = store.conversations.create(agent, cwd="/elsewhere", project="/elsewhere")
    store.messages.append(other.id, "user", [Text("The staging password hint is: blue heron.")])
    store.messages.append(
        other.id, "assistant", [Text("Noted."), ToolCall("c1", "Bash", {"command": "ls"})]
    )
    store.messages.append(other.id, "tool", [ToolReturn("c1", "Bash", "ok", "a.txt")])
    found = await call("conversation_search", query="blue heron staging")
    citation = f"{other.id}:1"
    assert citation in found.content
    opened = await call("conversation_open", citation=f"see {citation}", after=2)
    assert "blue heron" in opened.content
    assert "Bash(command='ls')" in opened.content
    assert "Bash ok: a.txt" in opened.content
    assert "/elsewhere" in opened.content
    nothing = await call("conversation_search", query="zebra")
    assert "Try fewer or other words" in nothing.content


async def test_a_long_message_is_read_to_its_last_word_page_by_page(
    call, context: ToolContext, store: Store
):
    conversation_id = context.conversation.id
    long = "".join(f"line {number} of the log\n" for number in range(1_500)) + "the last word"
    ran = ToolCall("c1", "Bash", {"command": "cat log"})
    store.messages.append(conversation_id, "assistant", [ran])
    store.messages.append(conversation_id, "tool", [ToolReturn("c1", "Bash", "ok", long)])
    store.messages.append(conversation_id, "user", [Text("short")])
    citation = f"{conversation_id}:2"
    around = (await call("conversation_open", citation=citation)).content
    assert "offset=0 shows it whole" in around and "short" in around
    offset, pages = 0, []
    for _ in range(9):
        content = (await call("conversation_open", citation=citation, offset=offset)).content
        page, more, rest = content.partition("\n\n")[2].partition("\n(of ")
        pages.append(page)
        if not more:
            break
        offset = int(rest.rpartition("=")[2].rstrip(")"))
    assert len(pages) > 2
    assert "".join(pages).partition("Bash ok: ")[2] == long
    beyond = await call("conversation_open", citation=citation, offset=10**9)
    assert "nothing is at" in beyond.content


async def test_odd_queries_and_citations_are_answered(call, context: ToolContext, store: Store):
    for query in ('"', "a AND", "NEAR(", "*", "", "x" * 5_000, "日本"):
        assert (await call("conversation_search", query=query)).status == "ok"
    assert "is no citation" in (await call("conversation_open", citation="x")).content
    missing = await call("conversation_open", citation="conv-00000000-0000:1")
    assert (missing.status, "conversation_search" in missing.content) == ("error", True)
    beyond = await call("conversation_open", citation=f"{context.conversation.id}:99")
    assert beyond.status == "error"


async def test_a_search_does_not_find_the_call_that_asks(call, context: ToolContext, store: Store):
    store.messages.append(context.conversation.id, "user", [Text("where is the heron host?")])
    asking = ToolCall(context.call_id, "conversation_search", {"query": "heron host"})
    store.messages.append(context.conversation.id, "assistant", [asking])
    found = await call("conversation_search", query="heron host")
    assert f"{context.conversation.id}:1 " in found.content
    assert f"{context.conversation.id}:2 " not in found.content


async def test_another_agents_conversations_stay_closed(call, store: Store):
    stranger = store.agents.create("stranger")
    conversation = store.conversations.create(stranger.id, cwd="/x", project="/x")
    store.messages.append(conversation.id, "user", [Text("private heron")])
    assert "heron" not in (await call("conversation_search", query="private")).content
    outcome = await call("conversation_open", citation=f"{conversation.id}:1")
    assert (outcome.status, "private heron" in outcome.content) == ("error", False)


async def test_archival_memory_keeps_texts_under_tags_and_finds_them(call):
    kept = await call(
        "archival_memory_insert", content="The staging host is blue-heron", tags=["ops"]
    )
    assert kept.status == "ok"
    assert "passage-" in kept.content
    await call("archival_memory_insert", content="Herons eat fish", tags=["birds", "sea"])
    found = await call("archival_memory_search", query="heron", tags=["ops"])
    assert "blue-heron" in found.content
    assert "fish" not in found.content
    assert "fish" in (await call("archival_memory_search", query="fish", top_k=1)).content
    tagged = await call("archival_memory_search", query="", tags=["sea", "birds"])
    assert "Herons eat fish" in tagged.content and "blue-heron" not in tagged.content
    assert "blue-heron" in (await call("archival_memory_search", query=" ")).content
    none = await call("archival_memory_search", query="", tags=["desert"])
    assert none.content == "Nothing is in archival memory with desert."
    assert "Nothing" in (await call("archival_memory_search", query="zebra")).content
    assert (await call("archival_memory_insert", content="  ")).status == "error"


async def test_conversation_search_is_narrowed_by_role_and_date_and_says_what_is_wrong(
    call, context: ToolContext
):
    append = context.store.messages.append
    append(context.conversation.id, "user", [Text("a heron came by")])
    append(context.conversation.id, "assistant", [Text("that heron was grey")])
    found = await call("conversation_search", query="heron", role="assistant", since="1d")
    assert "grey" in found.content
    assert "came by" not in found.content
    assert (
        "without filters" in (await call("conversation_search", query="heron", until="3d")).content
    )
    wrong = await call("conversation_search", query="heron", since="soon")
    assert (wrong.status, "2026-05-31" in wrong.content) == ("error", True)
