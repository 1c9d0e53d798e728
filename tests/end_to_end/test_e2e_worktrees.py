"""Sessions in git worktrees of their own: made, filled, shared in memory, cleared up."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def write(file, content="x\n"):
    return [
        {"tool_calls": [{"name": "Write", "arguments": {"file_path": file, "content": content}}]},
        {"text": "written"},
    ]


def trees(agent):
    folder = agent.project / ".agent" / "worktrees"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def run(agent, *arguments, script=None, env=None):
    env = agent.script(script or [{"text": "hello"}], "worktree") | (env or {})
    return agent.run("run", "go", "--permission-mode", "acceptEdits", *arguments, env=env)


def test_a_named_tree_is_made_with_ignored_files_and_kept(agent):
    agent.repository(**{
        "api.py": "rate = 1\n", ".gitignore": ".env\nsecrets/\n*.log\n",
        ".worktreeinclude": ".env\nsecrets/\napi.py\n",
    })  # fmt: skip
    (agent.project / ".env").write_text("KEY=1\n")
    (agent.project / "secrets").mkdir()
    (agent.project / "secrets" / "token").write_text("t\n")
    (agent.project / "noise.log").write_text("noise\n")
    done = run(agent, "--worktree", "fix", script=write("api.py.new"))
    assert done.returncode == 0, done.stderr
    tree = agent.project / ".agent" / "worktrees" / "fix"
    assert f"Kept: the worktree {tree} on branch worktree-fix" in done.stderr
    assert (tree / "api.py.new").exists() and not (agent.project / "api.py.new").exists()
    assert (tree / ".env").read_text() == "KEY=1\n" and (tree / "secrets" / "token").exists()
    assert not (tree / "noise.log").exists()
    assert agent.git("status", "--porcelain") == ""
    assert agent.git("-C", str(tree), "branch", "--show-current") == "worktree-fix\n"
    again = run(agent, "-w", "fix", script=write("second.py"))
    assert again.returncode == 0 and (tree / "second.py").exists()
    (listed,) = {item["cwd"] for item in agent.json("sessions", "list", "--json")}
    assert Path(listed) == tree


def test_an_unnamed_tree_goes_when_it_is_clean_and_stays_when_it_is_not(agent):
    agent.repository(**{"api.py": "rate = 1\n"})
    done = run(agent, "--worktree")
    assert done.returncode == 0, done.stderr
    assert trees(agent) == [] and "worktree-" not in agent.git("branch")
    done = run(agent, "-w", script=write("new.py"))
    (name,) = trees(agent)
    assert name in done.stderr and "Kept" in done.stderr
    assert f"worktree-{name}" in agent.git("branch")


def test_the_project_memory_is_that_of_the_main_repository(agent):
    agent.repository(**{"api.py": "rate = 1\n"})
    insert = {"label": "project", "new_string": "Deploys on Fridays."}
    learn = [{"tool_calls": [{"name": "memory_insert", "arguments": insert}]}, {"text": "noted"}]
    assert run(agent, "-w", "one", script=learn).returncode == 0
    assert run(agent).returncode == 0
    assert "Deploys on Fridays." in agent.requests("worktree")[-1]["system"]


def test_what_cannot_be_is_refused_with_a_reason(agent):
    outside = run(agent, "-w", "fix")
    assert outside.returncode == 1 and "in no git repository" in outside.stderr
    agent.repository(**{"api.py": "rate = 1\n"})
    for name in ("../up", "a b", ".hidden", "x.lock"):
        refused = run(agent, "-w", name)
        assert refused.returncode == 1 and "no name for a worktree" in refused.stderr
    assert trees(agent) == []


def test_in_the_terminal_a_named_tree_is_asked_about(agent, terminal):
    agent.repository(**{"api.py": "rate = 1\n"})
    for answer, left in (("n", ["fix"]), ("y", [])):
        chat = terminal([{"text": "Here I am."}], f"chat{answer}", "--worktree", "fix")
        chat.wait_for("Ask").enter("hello").wait_for("Here I am.")
        chat.enter("/exit").wait_for("Remove it?")
        chat.type(f"{answer}\r")
        chat.process.wait()
        assert trees(agent) == left
    assert "worktree-fix" not in agent.git("branch")
