"""What `agent run` says of rules and refusals, and how it ends when it is told to."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cli_machine import Machine


def bash(command: str) -> dict[str, object]:
    return {"tool_calls": [{"name": "Bash", "arguments": {"command": command}}]}


@pytest.mark.parametrize("flag", ["--allowedTools", "--disallowedTools"])
@pytest.mark.parametrize("form", ["text", "json", "stream-json"])
def test_a_rule_about_no_tool_is_told_on_stderr_and_in_the_result(
    machine: Machine, flag: str, form: str
) -> None:
    machine.script({"text": "hello"})
    done = machine.run("run", "x", "--output-format", form, flag, "Nosuch")
    assert done.returncode == 0
    told = f"The permission rule Nosuch (flag {flag}) never applies: there is no tool Nosuch."
    assert told in done.stderr
    if form == "text":
        assert done.stdout == "hello\n"
    else:
        assert json.loads(done.stdout.splitlines()[-1])["warnings"] == [told]


def test_a_rule_that_is_none_is_a_wrong_command_line(machine: Machine) -> None:
    machine.script({"text": "never"})
    done = machine.run("run", "x", "--allowedTools", "1bad")
    assert done.returncode == 2
    assert "error: The permission rule '1bad' in flag --allowedTools" in done.stderr
    assert machine.json("sessions", "--json") == []


def test_a_refused_redirection_names_the_rules_that_would_allow_it(machine: Machine) -> None:
    machine.script(bash("touch a > out.txt"), {"text": "done", "repeat": True})
    done = machine.run("run", "x")
    assert done.returncode == 55
    assert "It writes to out.txt." in done.stderr
    assert "To allow it: --allowedTools 'Bash(touch a) Edit(./out.txt)'" in done.stderr
    machine.script(bash("touch a > out.txt"), {"text": "done", "repeat": True})
    machine.ok("run", "x", "--allowedTools", "Bash(touch a) Edit(./out.txt)")
    assert (machine.project / "out.txt").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            ["--permission-mode", "plan"],
            "Plan mode: only commands that read are run, until the plan is agreed (ExitPlanMode).",
        ),
        (["--disallowedTools", "Bash"], "Refused by the rule Bash of flag --disallowedTools."),
    ],
)
def test_where_no_rule_helps_none_is_named(
    machine: Machine, options: list[str], reason: str
) -> None:
    machine.script(bash("touch a"), {"text": "done", "repeat": True})
    done = machine.run("run", "x", "--output-format", "json", *options)
    assert done.returncode == 55
    assert json.loads(done.stdout)["errors"] == [f"Refused Bash: {reason}"]


def wait_for(path: Path) -> None:
    for _ in range(400):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not come")


@pytest.mark.slow
def test_a_hang_up_ends_the_run_and_its_command_with_a_result(machine: Machine) -> None:
    machine.script(bash("touch started; sleep 3; touch survived"), {"text": "never"})
    process = machine.start("run", "x", "--output-format", "json", "--allowedTools", "Bash")
    wait_for(machine.project / "started")
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 129
    result = json.loads(out)
    assert (result["exit_code"], result["stop_reason"]) == (129, "cancelled")
    time.sleep(3)
    assert not (machine.project / "survived").exists()


@pytest.mark.slow
def test_a_hang_up_that_is_ignored_stays_ignored_as_under_nohup(machine: Machine) -> None:
    machine.script(bash("touch started; sleep 1"), {"text": "done", "repeat": True})
    process = machine.start(
        "run", "x", "--allowedTools", "Bash",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    wait_for(machine.project / "started")
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "done\n")


@pytest.mark.parametrize("arguments", ["run hi", "sessions"])
def test_an_output_that_nobody_can_read_is_no_success(machine: Machine, arguments: str) -> None:
    machine.script({"text": "hello"})
    line = " ".join(machine.command(*arguments.split()))
    done = subprocess.run(
        ["sh", "-c", f"{line} >&-"],
        env=machine.env(),
        cwd=machine.project,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert done.returncode == 141, done.stderr


def test_words_that_are_no_command_open_the_chat_with_them(machine: Machine) -> None:
    machine.script({"text": "<{input}>"})
    for given in (["fix the bug please"], ["fix", "the", "bug"]):
        done = machine.run(*given)
        assert done.returncode == 2
        assert "agent chat needs a terminal" in done.stderr
        assert machine.ok(*given, "-p") == f"<{' '.join(given)}>\n"


def test_one_unknown_word_is_an_error_that_says_how_to_say_it(machine: Machine) -> None:
    done = machine.run("fixit")
    assert done.returncode == 2
    assert done.stderr.startswith("error: No such command 'fixit'.")
    assert 'agent chat "fixit"' in done.stderr
    assert "Did you mean 'sessions'" in machine.run("sesions", "list").stderr
