"""Two sessions at the same files: each sees the other, in real terminals and real processes."""

import json
import time

import pytest

pytestmark = pytest.mark.slow


def call(name, **arguments):
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


def edit(old, new, file="api.py"):
    return call("Edit", file_path=file, old_string=old, new_string=new)


def read(file="api.py"):
    return call("Read", file_path=file)


def asked(agent, name):
    """Everything that the model of this script was told, request by request."""
    return [json.dumps(request, ensure_ascii=False) for request in agent.requests(name)]


def test_a_terminal_sees_the_other_ones_edit_of_its_file_and_cannot_overwrite_it(agent, terminal):
    (agent.project / "api.py").write_text("rate = 1\nlimit = 5\n")
    orders = terminal(
        [read(), {"text": "I know it."}, edit("rate = 1", "rate = 9"), read(),
         edit("limit = 5", "limit = 6"), {"text": "Limit is six."}],
        "orders", "-n", "orders", "--permission-mode", "acceptEdits",
    )  # fmt: skip
    orders.wait_for("Ask").enter("look at api.py").wait_for("I know it.")
    billing = terminal(
        [read(), edit("rate = 1", "rate = 2"), {"text": "Rate is two."}, {"text": "I see."}],
        "billing", "-n", "billing", "--permission-mode", "acceptEdits",
    )  # fmt: skip
    billing.wait_for("Ask").enter("raise the rate").wait_for("Rate is two.")
    orders.wait_for('⚠ api.py: also in "billing"')
    orders.enter("change it").wait_for("Limit is six.")
    assert (agent.project / "api.py").read_text() == "rate = 2\nlimit = 6\n"
    told = asked(agent, "orders")
    assert 'Edit radar: api.py is also being changed by conversation \\"billing\\"' in told[2]
    assert "-rate = 1\\n+rate = 2" in told[3]
    assert told[-1].count("Edit radar: api.py") == 1
    billing.enter("anything new?").wait_for("I see.")
    assert (
        'api.py is also being changed by conversation \\"orders\\"' in asked(agent, "billing")[-1]
    )
    billing.wait_for("also being changed by conversation")
    assert billing.end() == 0 and orders.end() == 0


def test_a_continued_conversation_may_edit_what_it_read_while_it_is_the_same(agent):
    (agent.project / "api.py").write_text("rate = 1\n")
    script = agent.script(
        [read(), {"text": "read"}, edit("rate = 1", "rate = 2"), {"text": "edited"}]
    )
    assert agent.run("run", "look", env=script).returncode == 0
    done = agent.run("run", "-c", "edit", "--permission-mode", "acceptEdits", env=script)
    assert done.returncode == 0, done.stderr
    assert (agent.project / "api.py").read_text() == "rate = 2\n"


def test_a_file_that_a_finished_run_changed_still_has_a_name_to_it(agent):
    (agent.project / "api.py").write_text("rate = 1\n")
    gate = agent.root / "gate"
    wait = f"touch {agent.root}/waiting; while [ ! -e {gate} ]; do sleep 0.05; done"
    slow = agent.script(
        [read(), call("Bash", command=wait), edit("rate = 1", "rate = 3"), {"text": "no"}], "slow"
    )
    live = agent.start("run", "go", "--permission-mode", "bypassPermissions", env=slow)
    deadline = time.monotonic() + 30
    while not (agent.root / "waiting").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    quick = agent.script([read(), edit("rate = 1", "rate = 2"), {"text": "done"}], "quick")
    done = agent.run(
        "run", "raise", "-n", "quick one", "--permission-mode", "acceptEdits", env=quick
    )
    assert done.returncode == 0, done.stderr
    gate.touch()
    live.communicate(timeout=60)
    assert (agent.project / "api.py").read_text() == "rate = 2\n"
    assert 'after it was read, by conversation \\"quick one\\"' in asked(agent, "slow")[-1]
