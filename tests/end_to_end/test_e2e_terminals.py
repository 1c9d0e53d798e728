"""Two people's worth of terminals: real pseudo-terminals, one agent, a scripted model."""

import os
import signal
import time

import pytest

pytestmark = pytest.mark.slow


def remember(fact):
    return {
        "tool_calls": [
            {"name": "memory_insert", "arguments": {"label": "human", "new_string": fact}}
        ]
    }


def test_what_one_terminal_learns_the_other_one_knows_and_shows(agent, terminal):
    first = terminal([{"text": "hello one"}, {"text": "You have a cat."}], "one")
    first.wait_for("Ask").enter("hello").wait_for("hello one")
    second = terminal([remember("Has a cat called Mimi."), {"text": "I will remember."}], "two")
    second.wait_for("Ask").enter("my cat is called Mimi").wait_for("I will remember.")
    first.enter("do I have a pet?").wait_for("You have a cat.")
    assert "human" in first.text
    seen = ["cat called Mimi" in str(request["messages"]) for request in agent.requests("one")]
    assert seen == [False, True]
    assert second.end() == 0 and first.end() == 0


def test_two_terminals_in_one_directory_have_each_their_conversation(agent, terminal):
    first = terminal([{"text": "answer one"}], "one")
    second = terminal([{"text": "answer two"}], "two")
    first.wait_for("Ask").enter("question one").wait_for("answer one")
    second.wait_for("Ask").enter("question two").wait_for("answer two")
    live = [item for item in agent.json("sessions", "list", "--json") if item["state"] != "past"]
    assert len({item["id"] for item in live}) == 2
    assert "question two" not in first.text and "question one" not in second.text
    assert first.end() == 0 and second.end() == 0


def test_an_edit_waits_for_approval_and_happens_after_it(agent, terminal):
    edit = {"name": "Write", "arguments": {"file_path": "hello.py", "content": "print('hi')\n"}}
    one = terminal([{"text": "Creating it.", "tool_calls": [edit]}, {"text": "Created."}], "one")
    one.wait_for("Ask").enter("create hello.py").wait_for("Yes, this once")
    assert not (agent.project / "hello.py").exists()
    time.sleep(0.7)
    one.type("1").wait_for("Created.")
    assert (agent.project / "hello.py").read_text() == "print('hi')\n"
    assert one.end() == 0


def test_escape_interrupts_and_the_conversation_goes_on(agent, terminal):
    one = terminal(
        [
            {"when": "count", "text": "counting sheep", "hang": True},
            {"when": "there", "text": "awake again"},
        ],
        "one",
    )
    one.wait_for("Ask").enter("count").wait_for("counting sheep")
    one.type("\x1b").wait_for("nterrupted")
    one.enter("are you there?").wait_for("awake again")
    assert one.end() == 0
    assert os.path.exists(agent.database)


def test_at_exit_the_command_to_go_on_is_printed_and_it_works(agent, terminal):
    one = terminal([{"text": "first answer"}], "one")
    one.wait_for("Ask").enter("first question").wait_for("first answer")
    one.enter("/exit").wait_for("agent chat -r conv-")
    conversation = "conv-" + one.text.split("agent chat -r conv-")[1].split()[0]
    two = terminal([{"text": "unused"}, {"text": "second answer"}], "two", "-r", conversation)
    two.wait_for("first answer").enter("second question").wait_for("second answer")
    assert two.end() == 0


def test_one_conversation_in_two_terminals_tells_each_of_the_other(agent, terminal):
    script = [
        {"when": "one", "text": "answer one"},
        {"when": "two", "text": "answer two"},
        {"when": "three", "text": "answer three"},
    ]
    first = terminal(script, "one")
    first.wait_for("Ask").enter("question one").wait_for("answer one")
    assert "also open elsewhere" not in first.text
    second = terminal(script, "two", "-c")
    second.wait_for("answer one").wait_for(f"pid {first.process.pid}")
    assert "also open elsewhere (/dev/pts/" in second.text
    second.enter("question two").wait_for("answer two")
    first.enter("question three").wait_for("answer three")
    told = first.text
    order = ["meanwhile, in another terminal", "question two", "answer two", "answer three"]
    places = [told.index(words) for words in order]
    assert places == sorted(places)
    assert told.count("❯ question one") == told.count("❯ question three") == 1
    first.enter("/sessions").wait_for("this one").wait_for("/resume ID")
    assert first.text.count("this one") == 1
    assert second.end() == 0 and first.end() == 0


def test_a_conversation_in_use_says_what_can_be_done_in_the_chat(agent, terminal):
    script = [
        {"when": "one", "text": "answer one"},
        {"when": "count", "text": "counting sheep", "hang": True},
    ]
    first = terminal(script, "one")
    first.wait_for("Ask").enter("question one").wait_for("answer one")
    second = terminal(script, "two", "-c")
    second.wait_for("answer one")
    first.enter("count").wait_for("counting sheep")
    second.enter("and me?").wait_for("is in use").wait_for("/new")
    assert "/fork" in second.text and "--fork" not in second.text and "--wait" not in second.text


def test_what_failed_and_what_was_refused_is_still_seen_when_it_is_opened_again(agent, terminal):
    read = {"name": "Read", "arguments": {"file_path": "absent.py"}}
    remove = {"name": "Bash", "arguments": {"command": "rm -rf build"}}
    one = terminal([{"tool_calls": [read]}, {"tool_calls": [remove]}], "one")
    one.wait_for("Ask").enter("tidy up").wait_for("Yes, this once")
    time.sleep(0.7)
    one.type("n").wait_for("The person refused this call.")
    assert one.end() == 0
    two = terminal([{"text": "unused"}], "two", "-c")
    two.wait_for("The person refused this call.")
    assert "does not exist" in " ".join(two.text.split())
    assert two.end() == 0


def test_a_run_that_was_killed_is_told_when_the_conversation_is_opened(agent, terminal):
    one = terminal([{"text": "half an answer", "hang": True}], "one")
    one.wait_for("Ask").enter("tell me").wait_for("half an answer")
    time.sleep(1.5)
    os.kill(one.process.pid, signal.SIGKILL)
    two = terminal([{"when": "again", "text": "a whole answer"}], "two", "-c")
    two.wait_for("The last run was cut short").wait_for("Ask")
    two.enter("again").wait_for("a whole answer")
    assert two.text.count("The last run was cut short") == 1
    assert two.end() == 0
