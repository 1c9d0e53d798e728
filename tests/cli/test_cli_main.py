"""The command line as a whole: which command is meant, how errors are told, how it ends."""

import json
import os
import signal
import subprocess
import time

import pytest
from cli_machine import Machine

from letta_cli import __version__
from letta_cli.cli.main import with_default_command
from letta_cli.cli.table import COMMANDS, target


def test_the_version_is_printed(machine: Machine) -> None:
    assert machine.ok("--version") == f"agent {__version__}\n"


def test_help_names_every_command(machine: Machine) -> None:
    text = machine.ok("--help")
    for name, entry in COMMANDS.items():
        assert name in text
        assert entry.summary.split()[0] in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_can_be_loaded(name: str) -> None:
    assert target(COMMANDS[name].target).info is not None


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ([], ["chat"]),
        (["-c"], ["chat", "-c"]),
        (["-p", "hi"], ["chat", "-p", "hi"]),
        (["--help"], ["--help"]),
        (["-h"], ["-h"]),
        (["run", "hi"], ["run", "hi"]),
        (["-r"], ["chat", "-r", ""]),
        (["-r", "words"], ["chat", "-r", "words"]),
        (["chat", "--resume", "-m", "x/y"], ["chat", "--resume", "", "-m", "x/y"]),
        (["run", "--", "-r"], ["run", "--", "-r"]),
        (["sessions"], ["sessions", "list"]),
        (["sessions", "--json"], ["sessions", "list", "--json"]),
        (["sessions", "--help"], ["sessions", "--help"]),
        (["memory", "show", "human"], ["memory", "show", "human"]),
        (["doctor"], ["doctor"]),
    ],
)
def test_short_command_lines_mean_the_usual_command(given: list[str], meant: list[str]) -> None:
    assert with_default_command(given) == meant


def test_an_unknown_command_is_a_usage_error_with_a_suggestion(machine: Machine) -> None:
    done = machine.run("sesions")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Did you mean 'sessions'" in done.stderr


def test_a_bad_option_value_is_a_usage_error(machine: Machine) -> None:
    done = machine.run("run", "--max-turns", "many", "hi")
    assert done.returncode == 2
    assert "'many' is not a whole number" in done.stderr


def test_an_error_is_one_line_for_people_without_a_traceback(machine: Machine) -> None:
    done = machine.run("memory", "show", "nothing")
    assert done.returncode == 1
    assert done.stderr.startswith("error: There is no memory block 'nothing'")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_error_of_a_listing_is_json_where_json_was_asked_for(machine: Machine) -> None:
    done = machine.run("memory", "show", "nothing", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "not_found"


@pytest.mark.parametrize("form", ["json", "stream-json"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--bogus", "hi"], 2),
        (["--max-turns", "many", "hi"], 2),
        (["-c", "-r", "x", "hi"], 2),
        ([], 42),
        (["-m", "nobody/x", "hi"], 2),
        (["--conversation", "conv-none", "hi"], 1),
    ],
)
def test_an_error_before_the_run_is_a_result_object_that_agrees_with_the_exit_code(
    machine: Machine, arguments: list[str], code: int, form: str
) -> None:
    machine.script({"text": "hello"})
    done = machine.run("run", "--output-format", form, *arguments)
    result = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == code
    assert (result["type"], result["is_error"], result["exit_code"]) == ("result", True, code)
    assert result["result"]


def test_a_closed_pipe_ends_quietly(machine: Machine) -> None:
    process = machine.start("agents", "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=30) in (0, 141)
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


def test_a_reader_that_leaves_in_the_middle_ends_the_run_quietly(machine: Machine) -> None:
    machine.script({"text": "word " * 200, "chunk": 5, "delay_ms": 20})
    process = machine.start("run", "--output-format", "stream-json", "hi",
                            "--include-partial-messages")  # fmt: skip
    assert process.stdout is not None
    assert "init" in process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=30) == 141
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_a_wrong_settings_file_stops_with_its_name(machine: Machine) -> None:
    machine.home.mkdir(mode=0o700)
    (machine.home / "settings.json").write_text("{")
    done = machine.run("sessions", "list")
    assert done.returncode == 1
    assert f"error: {machine.home}/settings.json line 1" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_its_code_and_keeps_what_was_said(
    machine: Machine, number: signal.Signals, code: int
) -> None:
    machine.script({"text": "first words", "hang": True})
    process = machine.start("run", "--output-format", "stream-json", "hi",
                            "--include-partial-messages")  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "words" in line:
            break
    os.kill(process.pid, number)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == code
    result = json.loads(rest.splitlines()[-1])
    assert (result["is_error"], result["exit_code"]) == (True, code)
    assert "first words" in machine.ok("sessions", "show", "hi")


def seconds_from_last_byte_to_end(machine: Machine) -> float:
    process = machine.start("run", "hi")
    assert process.stdout is not None
    assert process.stdout.readline() == "hello\n"
    last = time.monotonic()
    process.wait(timeout=30)
    return time.monotonic() - last


def test_the_process_is_gone_within_fifty_milliseconds_of_its_last_byte(machine: Machine) -> None:
    """The best of a few runs, because a busy machine may well pause us for longer than that."""
    machine.script({"text": "hello"})
    assert any(seconds_from_last_byte_to_end(machine) < 0.05 for _ in range(8))


def test_shell_completion_knows_commands_and_options_in_a_real_bash(machine: Machine) -> None:
    script = machine.root / "complete.bash"
    script.write_text(machine.ok("completion", "bash"))
    bin_folder = machine.root / "bin"
    bin_folder.mkdir()
    agent = bin_folder / "agent"
    agent.write_text(f'#!/bin/sh\nexec {" ".join(machine.command())} "$@"\n')
    agent.chmod(0o755)

    def complete(*words: str) -> list[str]:
        program = (
            f". {script}; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
            'COMP_LINE="${COMP_WORDS[*]}"; _agent_completion agent; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        env = {**machine.env(), "PATH": f"{bin_folder}:{machine.env()['PATH']}"}
        done = subprocess.run(
            ["bash", "-c", program], env=env, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout.split()

    assert complete("agent", "ses") == ["sessions"]
    assert "export" in complete("agent", "sessions", "e")
    assert "--output-format" in complete("agent", "run", "--out")


def test_completion_for_an_unknown_shell_is_refused(machine: Machine) -> None:
    done = machine.run("completion", "tcsh")
    assert done.returncode == 2
    assert "bash, zsh, fish" in done.stderr


def test_what_the_output_cannot_write_is_a_question_mark_and_no_traceback(machine: Machine) -> None:
    machine.script({"text": "hello"})
    machine.ok("run", "wörld →")
    machine.environ["PYTHONIOENCODING"] = "ascii"
    assert "w?rld ?" in machine.ok("sessions", "list")


def test_a_signal_while_waiting_for_a_conversation_ends_with_its_code(machine: Machine) -> None:
    machine.script({"text": "hello"})
    machine.ok("run", "hi")
    store = machine.store()
    [conversation] = store.conversations.list(store.agents.current().id)
    with store.leases.acquire(conversation.id):
        process = machine.start("run", "again", "-c", "--wait", "60", "--output-format", "json")
        deadline = time.monotonic() + 20
        while not store.sessions.live() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, json.loads(out)["exit_code"]) == (143, 143)
    assert "is in use" in json.loads(out)["result"]
