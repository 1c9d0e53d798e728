"""Branch switches under other live sessions: asked before, told after; real git, real terminals."""

import json
import time

import pytest

pytestmark = pytest.mark.slow


def call(name, **arguments):
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


def switch(branch="dev"):
    return [call("Bash", command=f"git switch {branch}"), {"text": "Switched or not."}]


def test_headless_a_switch_under_a_live_session_needs_a_rule_for_exactly_it(agent, terminal):
    agent.repository(**{"api.py": "rate = 1\n"})
    agent.git("branch", "dev")
    billing = terminal([{"text": "Here I am."}, {"text": "I noticed."}], "billing", "-n", "billing")
    billing.wait_for("Ask").enter("hello").wait_for("Here I am.")
    for rules in ((), ("--allowedTools", "Bash(git *)")):
        env = agent.script(switch(), f"refused{len(rules)}")
        done = agent.run("run", "go", "--permission-mode", "bypassPermissions", *rules, env=env)
        assert done.returncode != 0
        assert 'git switch changes the files under another session: "billing" (/dev/' in done.stderr
        assert agent.git("branch", "--show-current") == "main\n"
    allowed = ("--allowedTools", "Bash(git switch dev)", "-n", "mover")
    done = agent.run("run", "go", *allowed, env=agent.script(switch(), "allowed"))
    assert done.returncode == 0, done.stderr
    assert agent.git("branch", "--show-current") == "dev\n"
    billing.wait_for('⚠ "mover" switched the branch from main to dev')
    billing.enter("what now?").wait_for("I noticed.")
    told = json.dumps(agent.requests("billing")[-1], ensure_ascii=False)
    assert 'Edit radar: \\"mover\\" switched the branch from main to dev' in told
    assert billing.end() == 0


def test_a_person_is_asked_and_told_whose_files_it_changes(agent, terminal):
    agent.repository(**{"api.py": "rate = 1\n"})
    agent.git("branch", "dev")
    billing = terminal([{"text": "Here I am."}], "billing", "-n", "billing")
    billing.wait_for("Ask").enter("hello").wait_for("Here I am.")
    mover = terminal(switch(), "mover", "--permission-mode", "bypassPermissions")
    mover.wait_for("Ask").enter("go to dev").wait_for("Yes, this once")
    mover.wait_for('"billing"')
    assert "for the rest of this session" not in mover.text
    assert agent.git("branch", "--show-current") == "main\n"
    time.sleep(0.7)
    mover.type("1").wait_for("Switched or not.")
    assert agent.git("branch", "--show-current") == "dev\n"
    assert mover.end() == 0 and billing.end() == 0


def test_in_a_tree_of_ones_own_nobody_is_asked(agent, terminal):
    agent.repository(**{"api.py": "rate = 1\n"})
    agent.git("branch", "dev")
    agent.git("worktree", "add", "-q", "-b", "other", str(agent.root / "tree"))
    billing = terminal([{"text": "Here I am."}], "billing", "-n", "billing")
    billing.wait_for("Ask").enter("hello").wait_for("Here I am.")
    done = agent.run(
        "run", "go", "-C", str(agent.root / "tree"), "--permission-mode", "bypassPermissions",
        env=agent.script(switch(), "mover"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert agent.git("-C", str(agent.root / "tree"), "branch", "--show-current") == "dev\n"
    assert billing.end() == 0
