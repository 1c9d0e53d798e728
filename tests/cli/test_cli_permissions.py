"""`agent permissions`: rules are listed, tried and changed, and each documented form decides."""

import json
from pathlib import Path

import pytest
from cli_machine import Machine


@pytest.mark.parametrize(
    ("rule", "call", "other"),
    [
        ("Bash(npm run build)", "npm run build", "npm run build --x"),
        ("Bash(npm run *)", "npm run lint -- --fix", "npm runs"),
        ("Bash(git add:*)", "git add src/a.py", "git commit"),
        ("Edit(src/**)", "Edit(src/deep/a.py)", "Edit(other.py)"),
        ("Edit(/src/**)", "Write(src/a.py)", "Write(a.py)"),
        ("Read(//etc/hosts)", "Read(/etc/hosts)", "Read(/etc/passwd)"),
        ("Edit(~/notes/**)", "Edit(~/notes/a.md)", "Edit(~/other/a.md)"),
        ("WebFetch(domain:example.com)", "WebFetch(docs.example.com)", "WebFetch(example.org)"),
        ("mcp__server__*", "mcp__server__click", "mcp__other__click"),
        ("Bash", "make", "Edit(src/a.py)"),
    ],
)
def test_each_documented_form_decides_over_its_calls_alone(
    machine: Machine, rule: str, call: str, other: str
):
    def tried(text: str, *flags: str) -> dict[str, object]:
        return json.loads(machine.run("permissions", "test", text, "--json", *flags).stdout)

    allowed = tried(call, "--allowedTools", rule)
    assert (allowed["verdict"], allowed["rule"] is not None) == ("allow", True)
    assert tried(call, "--disallowedTools", rule)["verdict"] == "deny"
    assert tried(other, "--allowedTools", rule)["verdict"] == "ask"


def test_rules_are_added_listed_with_their_place_and_removed(machine: Machine):
    assert machine.run("permissions", "add", "deny", "Read(./.env)").returncode == 0
    assert machine.run("permissions", "add", "ask", "Bash(git push:*)", "--project").returncode == 0
    listed = json.loads(machine.run("permissions", "list", "--json").stdout)
    assert [(each["list"], each["rule"]) for each in listed["rules"]] == [
        ("deny", "Read(./.env)"), ("ask", "Bash(git push:*)"),
    ]  # fmt: skip
    assert "project settings" in listed["rules"][1]["source"]
    told = machine.run("permissions", "test", "bash -c 'cat .env'").stdout
    assert told.startswith("deny: Refused by the rule Read(./.env) of user settings")
    assert machine.run("permissions", "remove", "deny", "Read(./.env)").returncode == 0
    assert machine.run("permissions", "test", "cat .env").stdout.startswith("allow")
    again = machine.run("permissions", "remove", "deny", "Read(./.env)")
    assert again.returncode == 1 and "does not stand in" in again.stderr


def test_a_project_cannot_allow(machine: Machine):
    done = machine.run("permissions", "add", "allow", "Bash(npm test)", "--project")
    assert done.returncode == 2 and "only your own may" in done.stderr


def test_a_dead_rule_and_a_wrong_example_are_told(machine: Machine):
    machine.run("permissions", "add", "allow", "Bash(sudo *)")
    assert "never applies: sudo runs any other command" in machine.run("permissions", "list").stderr
    done = machine.run("permissions", "add", "dany", "Bash")
    assert done.returncode == 2 and "allow, ask or deny" in done.stderr
    bad = {"permissions": {"deny": [{"rule": "Bash(rm:*)", "match": ["ls"]}]}}
    (machine.home / "settings.json").write_text(json.dumps(bad))
    done = machine.run("run", "hello", "-m", "scripted/x")
    assert done.returncode == 1 and "the deny rule Bash(rm:*) is to match 'ls'" in done.stderr


def test_approving_all_and_nobody_being_here_are_two_switches(machine: Machine, tmp_path: Path):
    def run(*flags: str) -> dict[str, object]:
        calls = [{"tool_calls": [{"name": "Bash", "arguments": {"command": command}}]}
                 for command in ("touch made", "echo x >> ~/.bashrc")]  # fmt: skip
        script = tmp_path / "script.json"
        script.write_text(json.dumps([*calls, {"text": "done"}]))
        machine.environ["AGENT_SCRIPT"] = str(script)
        done = machine.run("run", "go", "-m", "scripted/x", "--output-format", "json", *flags)
        return {**json.loads(done.stdout), "code": done.returncode}

    alone = run("--yolo")
    assert (machine.project / "made").exists()
    assert not (machine.user_home / ".bashrc").exists()
    assert (alone["code"], len(alone["permission_denials"])) == (55, 1)  # type: ignore[arg-type]
    (machine.project / "made").unlink()
    strict = run("--afk")
    assert not (machine.project / "made").exists()
    assert (strict["code"], len(strict["permission_denials"])) == (55, 2)  # type: ignore[arg-type]
    wrong = machine.run("run", "x", "--yolo", "--permission-mode", "plan")
    assert wrong.returncode == 2 and "two modes" in wrong.stderr
