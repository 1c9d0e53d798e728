"""Two people's worth of terminals: real pseudo-terminals, one agent, a scripted model."""

import os
import time


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
