"""Histories of Claude Code, Codex and pi become conversations that can be searched and resumed."""

import os
import sys
from pathlib import Path
from typing import Any

import histories_of_others as others
import pytest
from histories_of_others import CWD, Claude, append, text, thinking, use, write

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.message import Message, Reasoning, Text, ToolCall, ToolReturn
from letta_cli.portable import lines
from letta_cli.portable.histories import PROGRAMS, Report, find_histories, import_history
from letta_cli.store import Store

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def bring(store: Store, agent: Agent, kind: str, path: Path, **how: Any) -> Report:
    return import_history(store, agent.id, kind, path, **how)


def thread_of(store: Store, report: Report) -> tuple[Conversation, list[Message]]:
    return (
        store.conversations.get(report.conversation_id),
        store.messages.read(report.conversation_id),
    )


def roles(messages: list[Message]) -> list[str]:
    return [each.role for each in messages]


def assert_well_formed(messages: list[Message]) -> None:
    """Each call has exactly one return, in the message after it; no return is without a call."""
    for before, after in zip([None, *messages], [*messages, None], strict=True):
        called = [call.id for call in before.tool_calls] if before else []
        returned = (
            [part.call_id for part in after.parts if isinstance(part, ToolReturn)] if after else []
        )
        assert called == returned


def claude_file(tmp_path: Path, *entries: dict[str, Any] | str, name: str = "5f0c") -> Path:
    return write(tmp_path / "projects" / "-srv-shop" / f"{name}.jsonl", *entries)


def test_a_claude_history_is_a_conversation_with_its_title_place_dates_and_calls(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    claude = Claude()
    path = claude_file(
        tmp_path,
        {"type": "file-history-snapshot", "messageId": "x", "snapshot": {}},
        claude.user("Fix the rounding in the basket"),
        claude.says(thinking("look first"), id_="m1"),
        claude.says(text("I look at it."), id_="m1"),
        claude.says(use("toolu_1", "Read", file_path="basket.py"), id_="m1"),
        claude.says(use("toolu_2", "Bash", command="pytest"), id_="m1"),
        claude.result("toolu_2", [text("1 failed")], is_error=True),
        claude.result("toolu_1", "total = round(total)"),
        claude.says(text("It rounds twice.")),
        {"type": "ai-title", "aiTitle": "Basket rounding", "sessionId": claude.session},
    )
    report = bring(store, agent, "claude", path)
    conversation, messages = thread_of(store, report)

    assert (report.state, report.added) == ("new", 5)
    assert (conversation.title, conversation.cwd) == ("Basket rounding", CWD)
    assert f"{conversation.created_at:%Y-%m-%d %H:%M}" == "2026-03-04 10:00"
    assert f"{conversation.updated_at:%Y-%m-%d %H:%M:%S}" == "2026-03-04 10:00:08"
    assert roles(messages) == ["notice", "user", "assistant", "tool", "assistant"]
    assert "Claude Code" in messages[0].text
    assert messages[2].parts == (
        Reasoning("look first"),
        Text("I look at it."),
        ToolCall("toolu_1", "Read", {"file_path": "basket.py"}),
        ToolCall("toolu_2", "Bash", {"command": "pytest"}),
    )
    assert messages[3].parts == (
        ToolReturn("toolu_1", "Read", "ok", "total = round(total)"),
        ToolReturn("toolu_2", "Bash", "error", "1 failed"),
    )
    assert_well_formed(messages)
    hit = store.search.messages(agent.id, "rounds twice")[0]
    assert hit.conversation_id == conversation.id


def test_what_the_program_says_in_the_persons_place_is_no_prompt(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    claude = Claude()
    path = claude_file(
        tmp_path,
        claude.user("Caveat: commands below", isMeta=True),
        claude.user("<command-name>/model</command-name>"),
        claude.user("Rename the shop"),
        claude.says(text("Done.")),
        claude.user("[Request interrupted by user]"),
        {"type": "attachment", "uuid": "q1", "timestamp": "2026-03-04T10:30:00Z",
         "attachment": {"type": "queued_command", "prompt": "and the logo"}},
    )  # fmt: skip
    conversation, messages = thread_of(store, bring(store, agent, "claude", path))
    assert conversation.title == "Rename the shop"
    assert [each.text for each in messages if each.role == "user"] == [
        "Rename the shop",
        "and the logo",
    ]


def test_an_interrupted_call_gets_a_return_and_what_was_said_meanwhile_comes_after_it(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    claude = Claude()
    path = claude_file(
        tmp_path,
        claude.user("Run it"),
        claude.says(use("toolu_1", "Bash", command="sleep 99")),
        claude.user("stop"),
        claude.says(text("Stopped.")),
        claude.result("toolu_9", "a result without a call"),
    )
    _, messages = thread_of(store, bring(store, agent, "claude", path))
    assert_well_formed(messages)
    assert roles(messages) == ["notice", "user", "assistant", "tool", "user", "assistant", "notice"]
    (lost,) = messages[3].parts
    assert isinstance(lost, ToolReturn)
    assert lost.status == "unknown"
    assert "a result without a call" in messages[6].text


def test_a_second_import_of_the_same_file_adds_nothing(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    claude = Claude()
    path = claude_file(tmp_path, claude.user("Hello"), claude.says(text("Hi.")))
    first = bring(store, agent, "claude", path)
    assert bring(store, agent, "claude", path).state == "unchanged"
    os.utime(path, (1, 1))
    assert bring(store, agent, "claude", path).state == "unchanged"
    assert store.conversations.get(first.conversation_id).head == 3
    assert len(store.conversations.list(agent.id)) == 1


def test_a_history_that_grew_is_continued_in_the_same_conversation(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    claude = Claude()
    path = claude_file(tmp_path, claude.user("Hello"), claude.says(text("Hi.")))
    first = bring(store, agent, "claude", path)
    append(path, claude.user("More"), claude.says(text("Of what?")))
    second = bring(store, agent, "claude", path)
    assert (second.state, second.added) == ("continued", 2)
    assert second.conversation_id == first.conversation_id
    assert roles(thread_of(store, second)[1]) == [
        "notice", "user", "assistant", "user", "assistant",
    ]  # fmt: skip


def test_a_call_that_was_open_at_the_first_import_has_its_result_after_the_second(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    claude = Claude()
    path = claude_file(
        tmp_path, claude.user("List"), claude.says(use("toolu_1", "Bash", command="ls"))
    )
    first = bring(store, agent, "claude", path)
    store.conversations.rename(first.conversation_id, "My name for it")
    append(path, claude.result("toolu_1", "basket.py"), claude.says(text("One file.")))
    second = bring(store, agent, "claude", path)
    conversation, messages = thread_of(store, second)
    assert (second.state, conversation.id) == ("rewritten", first.conversation_id)
    assert conversation.title == "My name for it"
    assert messages[3].parts == (ToolReturn("toolu_1", "Bash", "ok", "basket.py"),)
    assert_well_formed(messages)
    assert len(store.search.messages(agent.id, "List")) == 1


def test_a_history_that_went_on_here_and_there_becomes_two_conversations(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    claude = Claude()
    path = claude_file(tmp_path, claude.user("Hello"), claude.says(text("Hi.")))
    first = bring(store, agent, "claude", path)
    store.messages.append(first.conversation_id, "user", (Text("said here"),))
    append(path, claude.user("said there"))
    second = bring(store, agent, "claude", path)
    assert second.state == "branched"
    assert second.conversation_id != first.conversation_id
    assert thread_of(store, first)[1][-1].text == "said here"
    assert thread_of(store, second)[1][-1].text == "said there"
    assert bring(store, agent, "claude", path).state == "unchanged"


def test_a_conversation_that_was_deleted_here_is_not_brought_back(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    claude = Claude()
    path = claude_file(tmp_path, claude.user("Hello"), claude.says(text("Hi.")))
    store.conversations.delete(bring(store, agent, "claude", path).conversation_id)
    assert bring(store, agent, "claude", path).state == "deleted"
    append(path, claude.user("More"))
    assert bring(store, agent, "claude", path).state == "deleted"
    assert store.conversations.list(agent.id) == []


def test_broken_lines_are_skipped_and_counted(
    store: Store, agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LINE_MAX", 4_000)
    claude = Claude()
    path = claude_file(
        tmp_path,
        "{not json",
        claude.user("Hello"),
        "[1, 2]",
        "x" * 9_000,
        {"type": "assistant", "message": {"content": [{"type": "tool_use", "name": "no id"}]}},
        {"type": "user", "message": "no object"},
        claude.says(text("Hi \ud800.")),
        "[" * 3_000,
    )
    with path.open("ab") as file:
        file.write(b'{"type": "user", "message": {"content": "cut o')
    report = bring(store, agent, "claude", path)
    assert (report.broken, report.added) == (6, 3)


def test_a_pipe_or_a_folder_is_refused_and_never_waited_for(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    pipe = tmp_path / "session.jsonl"
    os.mkfifo(pipe)
    report = bring(store, agent, "claude", pipe)
    assert report.state == "refused"
    assert "not a regular file" in report.detail


def test_credentials_are_masked_everywhere(store: Store, agent: Agent, tmp_path: Path) -> None:
    key = "sk-ant-" + "a1B2" * 10
    claude = Claude()
    path = claude_file(
        tmp_path,
        claude.user(f"My key is {key}"),
        claude.says(use("toolu_1", "Bash", command=f"export KEY={key}")),
        claude.result("toolu_1", f"KEY={key}"),
    )
    report = bring(store, agent, "claude", path)
    conversation, messages = thread_of(store, report)
    assert report.masked == 3
    assert key not in str(messages) + conversation.title
    assert "sk-a…" in messages[1].text


def test_a_summary_stands_for_what_came_before_when_the_conversation_goes_on(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    claude = Claude()
    path = claude_file(
        tmp_path,
        claude.user("The first question"),
        claude.says(text("The first answer")),
        {"type": "system", "subtype": "compact_boundary", "uuid": "s1"},
        claude.user("They asked one question.", isCompactSummary=True),
        claude.user("The second question"),
        claude.says(text("The second answer")),
    )
    conversation, messages = thread_of(store, bring(store, agent, "claude", path))
    assert roles(messages) == ["notice", "user", "assistant", "summary", "user", "assistant"]
    window = store.messages.window(conversation)
    assert [each.text for each in window] == [
        "They asked one question.", "The second question", "The second answer",
    ]  # fmt: skip
    assert store.search.messages(agent.id, "first answer")


def test_going_back_is_told_where_it_happened(store: Store, agent: Agent, tmp_path: Path) -> None:
    claude = Claude()
    first, answer = claude.user("Plan A"), claude.says(text("Here is A."))
    again = claude.user("Plan B") | {"parentUuid": None}
    other = claude.user("Plan C") | {"parentUuid": answer["uuid"]}
    path = claude_file(tmp_path, first, answer, again, claude.says(text("B.")), other)
    _, messages = thread_of(store, bring(store, agent, "claude", path))
    assert roles(messages) == [
        "notice", "user", "assistant", "user", "assistant", "notice", "user",
    ]  # fmt: skip
    assert "went back" in messages[5].text


def test_subagents_are_left_out_unless_they_are_asked_for(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    claude = Claude()
    path = claude_file(
        tmp_path,
        claude.user("Look for it", isSidechain=True),
        claude.line("assistant", {"content": [text("Found.")]}, isSidechain=True),
        name="agent-17",
    )
    assert bring(store, agent, "claude", path).state == "subagent"
    assert bring(store, agent, "claude", path, subagents=True).added == 3


def test_a_dry_run_says_what_would_be_done_and_stores_nothing(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    claude = Claude()
    path = claude_file(tmp_path, claude.user("Hello"), claude.says(text("Hi.")))
    report = bring(store, agent, "claude", path, dry_run=True)
    assert (report.state, report.added, report.title) == ("new", 3, "Hello")
    assert store.conversations.list(agent.id) == []
    assert bring(store, agent, "claude", path).state == "new"


def test_a_codex_history_keeps_each_kind_of_call(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    path = write(tmp_path / "rollout-2026.jsonl", *others.codex_session())
    conversation, messages = thread_of(store, bring(store, agent, "codex", path))
    assert conversation.title == "Why does the basket test fail?"
    assert conversation.cwd == CWD
    assert roles(messages) == [
        "notice",
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
        "assistant",
    ]
    assert messages[2].parts[:2] == (
        Reasoning("Run it first"),
        ToolCall("call_1", "shell", {"command": ["bash", "-lc", "pytest -q"]}),
    )
    assert messages[3].parts[0] == ToolReturn("call_1", "shell", "error", "1 failed")
    assert messages[4].parts == (ToolCall("call_2", "apply_patch", {"input": "*** Begin Patch"}),)
    assert_well_formed(messages)


def packed(path: Path, keep: float = 1.0) -> Path:
    """As Codex packs a history that nobody used for a week."""
    data = zstd.compress(path.read_bytes())
    target = path.with_name(f"{path.name}.zst")
    target.write_bytes(data[: int(len(data) * keep)])
    path.unlink()
    return target


def test_a_codex_history_that_was_packed_meanwhile_is_the_same_conversation(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    folder = tmp_path / "sessions"
    path = write(folder / "rollout-2026.jsonl", *others.codex_session())
    first = bring(store, agent, "codex", path)
    (found,) = find_histories(PROGRAMS["codex"], [folder])
    packed(path)
    (found,) = find_histories(PROGRAMS["codex"], [folder])
    assert found.name == "rollout-2026.jsonl.zst"
    again = bring(store, agent, "codex", found)
    assert (again.state, again.conversation_id) == ("unchanged", first.conversation_id)
    write(path, *others.codex_session())
    assert find_histories(PROGRAMS["codex"], [folder]) == [path], "the plain one beside it counts"


def test_a_packed_codex_history_is_read_whole_and_a_torn_one_as_far_as_it_goes(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    path = packed(write(tmp_path / "rollout-2026.jsonl", *others.codex_session()))
    conversation, messages = thread_of(store, bring(store, agent, "codex", path))
    assert conversation.title == "Why does the basket test fail?" and len(messages) == 7
    torn = packed(write(tmp_path / "rollout-2027.jsonl", *others.codex_session()), keep=0.5)
    report = bring(store, agent, "codex", torn)
    assert report.broken == 1 or report.state == "empty"
    garbage = tmp_path / "rollout-2028.jsonl.zst"
    garbage.write_bytes(b"not packed at all")
    assert bring(store, agent, "codex", garbage).broken == 1


def test_without_the_library_a_packed_history_is_refused_with_what_to_do(
    store: Store, agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(write(tmp_path / "rollout-2026.jsonl", *others.codex_session()))
    for name in ("backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delattr("backports.zstd", raising=False)
    report = bring(store, agent, "codex", path)
    assert report.state == "refused" and "letta-cli[zstd]" in report.detail


def test_an_old_codex_history_of_bare_items_is_understood(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    path = write(
        tmp_path / "rollout-2025.jsonl",
        {"id": "old-1", "timestamp": "2025-07-01T09:00:00Z", "instructions": None},
        {"record_type": "state"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"type": "function_call", "name": "shell", "arguments": "{broken", "call_id": "c1"},
        {"type": "function_call_output", "call_id": "c1", "output": {"content": "no", "success": False}},
    )  # fmt: skip
    conversation, messages = thread_of(store, bring(store, agent, "codex", path))
    assert f"{conversation.created_at:%Y-%m-%d}" == "2025-07-01"
    assert messages[2].parts == (ToolCall("c1", "shell", {}, malformed="{broken"),)
    assert messages[3].parts == (ToolReturn("c1", "shell", "error", "no"),)


def test_a_pi_history_keeps_its_branch_its_compaction_and_its_name(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    path = write(tmp_path / "2026_pi-1.jsonl", *others.pi_session())
    conversation, messages = thread_of(store, bring(store, agent, "pi", path))
    assert conversation.title == "The invoices"
    assert roles(messages) == [
        "notice", "user", "assistant", "tool", "assistant", "user", "assistant", "summary",
        "notice", "user", "notice",
    ]  # fmt: skip
    assert_well_formed(messages)
    assert messages[2].tool_calls[0].id == "call_9_fc_77"
    window = [each.text for each in store.messages.window(conversation)]
    assert window[:3] == [
        "Invoice 7 is paid by Norden.", "And who pays it?", "The firm Norden pays.",
    ]  # fmt: skip


def test_two_different_histories_of_one_name_are_two_conversations(
    store: Store, agent: Agent, tmp_path: Path
) -> None:
    one, two = others.pi_session(), others.pi_session()
    two[2]["message"]["content"][0]["text"] = "Something else"
    paths = [write(tmp_path / "a" / "x.jsonl", *one), write(tmp_path / "b" / "x.jsonl", *two)]
    made = {bring(store, agent, "pi", path).conversation_id for path in paths}
    assert len(made) == 2
    for path in paths:
        os.utime(path, (1, 1))
        assert bring(store, agent, "pi", path).state == "unchanged"
