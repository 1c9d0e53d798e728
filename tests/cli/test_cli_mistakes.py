"""Wrong values, missing keys and broken files: one kind of mistake, one exit code, a clear word."""

import subprocess
from pathlib import Path

import pytest
from cli_machine import Machine

from letta_cli.cli.table import FREQUENT


@pytest.mark.parametrize(
    "arguments",
    [
        ["sessions", "list", "--limit", "0"],
        ["sessions", "list", "--limit", "-1"],
        ["sessions", "search", "x", "--limit", "0"],
        ["memory", "log", "--limit", "-5"],
    ],
)
def test_a_limit_that_shows_nothing_is_refused(machine: Machine, arguments: list[str]) -> None:
    done = machine.run(*arguments)
    assert done.returncode == 2
    assert "--limit: expected a whole number above 0" in done.stderr


@pytest.mark.parametrize("command", ["sessions list", "search x", "reflect log", "memory log"])
def test_a_limit_beyond_all_numbers_is_refused(machine: Machine, command: str) -> None:
    done = machine.run(*command.split(), "--limit", "9" * 30)
    assert done.returncode == 2
    assert "--limit: expected a whole number up to 1,000,000,000" in done.stderr


def test_a_setting_with_a_wrong_value_can_be_put_right(machine: Machine) -> None:
    machine.home.mkdir(mode=0o700)
    (machine.home / "settings.json").write_text('{"maxTurns": "ten", "effort": "huge"}')
    assert "maxTurns" in machine.run("config").stderr
    machine.ok("config", "set", "maxTurns", "10")
    machine.ok("config", "remove", "effort")
    assert machine.ok("config", "get", "maxTurns") == "10\n"


def test_a_mistyped_setting_is_answered_with_the_one_that_was_meant(machine: Machine) -> None:
    told = machine.run("config", "set", "maxturns", "3").stderr
    assert "maxTurns: a whole number" in told
    assert "sandbox" not in told
    assert "sandbox.enabled" in machine.run("config", "set", "xyzzy", "3").stderr


@pytest.mark.parametrize(
    "group",
    [
        "agents",
        "config",
        "files",
        "memory",
        "passages",
        "permissions",
        "secrets",
        "sessions",
        "trust",
    ],
)
def test_every_list_shows_one_word_for_removing_and_takes_the_others(
    machine: Machine, group: str
) -> None:
    shown = machine.ok(group, "--help")
    assert "\n  remove " in shown
    for other in ("delete", "unset", "rm"):
        assert f"\n  {other} " not in shown
    assert machine.ok(group, "delete", "--help").startswith(f"Usage: agent {group} ")


def test_a_draft_that_is_removed_is_dropped(machine: Machine) -> None:
    for word in ("drop", "remove", "delete", "unset", "rm"):
        assert "There is no skill draft 'x'" in machine.run("learn", word, "x").stderr


def test_no_summary_of_a_command_is_cut_off(machine: Machine) -> None:
    machine.environ["COLUMNS"] = "80"
    for group in ("permissions", "secrets", "trust", "db", "sessions", "memory", "config"):
        assert "...\n" not in machine.ok(group, "--help").partition("Commands:")[2]


def test_the_frequent_options_stand_in_the_help_as_they_do_in_that_of_chat(
    machine: Machine,
) -> None:
    general, chat = (" ".join(machine.ok(*command, "--help").split()) for command in ([], ["chat"]))
    for option in ("-c, --continue", "-r, --resume [WORDS]", "-m, --model", "-C, --cd DIR"):
        assert option in general and option in chat
    for _, words in FREQUENT:
        assert words in general and words in chat


def test_the_configuration_shows_the_model_that_would_be_used(machine: Machine) -> None:
    def told() -> str:
        [row] = [line for line in machine.ok("config").splitlines() if "(model in use)" in line]
        return row

    machine.environ["ANTHROPIC_API_KEY"] = "sk-ant-0123456789abcdefghij"
    assert "anthropic/claude-" in told()
    assert "ANTHROPIC_API_KEY" in told()
    machine.ok("agents", "create", "coder", "--model", "ollama/mine", "--use")
    assert "ollama/mine" in told()
    assert machine.json("config", "--json")["model_in_use"]["value"] == "ollama/mine"


def test_an_undo_with_nothing_to_do_names_the_conversation_that_has_something(
    machine: Machine,
) -> None:
    write = {"name": "Write", "arguments": {"file_path": "a.txt", "content": "new\n"}}
    machine.script({"tool_calls": [write]}, {"text": "written"})
    machine.ok("run", "-n", "the writer", "write it", "--permission-mode", "acceptEdits")
    machine.script({"text": "hello"})
    machine.ok("run", "-n", "the talker", "hi")
    told = machine.run("undo").stderr
    assert "“the talker”" in told and "“the writer” has changed files" in told
    machine.ok("undo", told.split()[-1], "--yes")
    assert not (machine.project / "a.txt").exists()


def test_a_script_that_cannot_be_read_is_answered_with_its_form(machine: Machine) -> None:
    machine.script({"text": "hello"})
    (machine.root / "script.json").write_text("{bad")
    told = machine.run("run", "hi")
    assert told.returncode == 1
    assert '[{"text": "first answer"}' in told.stderr


def test_a_fork_beyond_the_conversation_names_its_range(machine: Machine) -> None:
    machine.script({"text": "one"})
    machine.ok("run", "-n", "talk", "hi")
    for upto in ("0", "-1", "99"):
        done = machine.run("sessions", "fork", "talk", "--upto", upto)
        assert done.returncode == 2
        assert f"1 to 2, found {upto}" in done.stderr
    machine.ok("sessions", "fork", "talk", "--upto", "2")
    assert "has no messages yet" in machine.run("sessions", "fork", "default", "--upto", "1").stderr


def test_a_conversation_says_on_which_model_it_last_ran(machine: Machine) -> None:
    machine.script({"text": "one"}, {"text": "two"})
    machine.ok("run", "-n", "talk", "hi")
    machine.ok("run", "-c", "-m", "scripted/other", "again")
    [listed] = machine.json("sessions", "list", "--json")
    assert listed["model"] == "scripted/other"
    assert machine.json("sessions", "show", "talk", "--json")["model"] == "scripted/other"


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_a_start_without_a_key_leaves_no_conversation_behind(
    machine: Machine, provider: str
) -> None:
    done = machine.run("run", "--model", f"{provider}/some-model", "hi")
    assert done.returncode == 1
    assert f"agent config set-key {provider}" in done.stderr
    assert machine.json("sessions", "list", "--json") == []
    machine.script({"text": "hello"})
    assert machine.run("run", "-c", "hi").returncode == 1


@pytest.fixture
def broken(machine: Machine) -> Machine:
    folder = machine.project / ".agent"
    folder.mkdir()
    (folder / "settings.json").write_text('{"permissions": {"deny": 7}}')
    (folder / "settings.local.json").write_text("{")
    return machine


@pytest.mark.parametrize("command", ["sessions", "memory", "skills", "agents", "config"])
def test_broken_project_settings_do_not_stop_a_listing(broken: Machine, command: str) -> None:
    done = broken.run(command)
    assert done.returncode == 0, done.stderr
    assert "settings.json: permissions.deny: expected a list of rules" in done.stderr
    assert "settings.local.json line 1" in done.stderr


def test_the_doctor_reports_broken_project_settings_and_goes_on(broken: Machine) -> None:
    done = broken.run("doctor")
    assert done.returncode == 1
    assert "FAIL  config" in done.stdout
    assert "ok    database" in done.stdout
    assert "model" in done.stdout


def test_a_run_refuses_broken_project_settings(broken: Machine) -> None:
    broken.script({"text": "never"})
    done = broken.run("run", "hi")
    assert done.returncode == 1
    assert "permissions.deny: expected a list of rules" in done.stderr


def test_one_rule_alone_is_a_list_of_one(machine: Machine) -> None:
    machine.ok("config", "set", "permissions.allow", "Bash(pwd)")
    assert machine.ok("config", "get", "permissions.allow") == '["Bash(pwd)"]\n'
    done = machine.run("config", "set", "permissions.allow", "Bash(pwd")
    assert done.returncode == 2
    assert "its parenthesis is not closed" in done.stderr


@pytest.mark.parametrize("value", ["-3", "0", "many", "1.5"])
def test_a_wrong_number_gets_the_message_about_numbers(machine: Machine, value: str) -> None:
    done = machine.run("config", "set", "maxTurns", value)
    assert done.returncode == 2
    assert "maxTurns: expected a whole number above 0, found" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["config", "set", "model", "gpt"],
        ["config", "set", "model", "nosuch/x"],
        ["config", "set", "--project", "database", "sqlite:////tmp/x.db"],
        ["agents", "create", "work", "--model", "gpt"],
        ["agents", "create", "work", "--model", "nosuch/x"],
        ["agents", "show", "--model", "nosuch/x"],
        ["run", "hi", "--model", "gpt"],
        ["run", "hi", "--model", "nosuch/x"],
        ["run", "hi", "--effort", "much"],
        ["models", "list", "nosuch"],
        ["config", "set-key", "nosuch"],
        ["sessions", "--db", "sqlite:////nonexistent/dir/x.db"],
    ],
)
def test_a_wrong_value_on_the_command_line_is_always_two(
    machine: Machine, arguments: list[str]
) -> None:
    done = machine.run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


def test_an_unknown_provider_is_said_before_its_key_is_asked_for(machine: Machine) -> None:
    done = machine.run("config", "set-key", "nosuch", stdin="")
    assert "There is no provider 'nosuch'. Known: anthropic" in done.stderr


@pytest.mark.parametrize("which", ["conv-none", "nothing like this"])
def test_what_is_not_there_is_one(machine: Machine, which: str) -> None:
    machine.script({"text": "never"})
    assert machine.run("sessions", "show", which).returncode == 1
    assert machine.run("run", "-r", which, "hi").returncode == 1


def test_what_is_ambiguous_is_two(machine: Machine) -> None:
    machine.script({"text": "one"}, {"text": "two"})
    machine.ok("run", "-n", "talk", "hi")
    machine.ok("run", "-n", "talk", "hi")
    assert machine.run("sessions", "show", "talk").returncode == 2
    assert machine.run("run", "-r", "talk", "hi").returncode == 2


def test_a_database_in_a_folder_of_a_folder_that_is_not_there_is_a_mistake(
    machine: Machine,
) -> None:
    machine.environ["AGENT_DATABASE_URL"] = f"sqlite:///{machine.root}/no/such/x.db"
    done = machine.run("sessions")
    assert done.returncode == 1
    assert f"there is no folder {machine.root}/no" in done.stderr
    machine.environ["AGENT_DATABASE_URL"] = f"sqlite:///{machine.root}/new/x.db"
    machine.ok("sessions")


@pytest.mark.parametrize(
    "arguments",
    [["run", "--nosuch"], ["nosuch"], ["memory", "show"], ["memory", "show", "x"], ["agents", "x"]],
)
def test_every_error_begins_with_the_same_word(machine: Machine, arguments: list[str]) -> None:
    assert machine.run(*arguments).stderr.startswith("error: ")


def test_an_error_of_a_run_begins_with_it_too(machine: Machine) -> None:
    machine.script({"error": {"code": "server_error"}, "repeat": True})
    machine.environ["AGENT_MAX_RETRIES"] = "0"
    assert "\nerror: " in "\n" + machine.run("run", "hi").stderr


def test_a_command_behind_options_is_not_said_to_the_agent(machine: Machine) -> None:
    for arguments in (
        ["-C", str(machine.project), "sessions", "list"],
        ["-m", "scripted/x", "doctor"],
        ["-c", "undo"],
    ):
        done = machine.run(*arguments)
        assert done.returncode == 2
        assert "Write the command first: agent" in done.stderr
    assert machine.json("sessions", "list", "--json") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_an_output_that_takes_no_more_is_one_line_and_no_success(machine: Machine) -> None:
    machine.script({"text": "one"}, {"text": "two"})
    for arguments in (["run", "hi"], ["run", "hi", "--output-format", "json"], ["config"]):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                machine.command(*arguments),
                env=machine.env(), cwd=machine.project, stdin=subprocess.DEVNULL,
                stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
            )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr == (
            "error: standard output cannot be written: No space left on device\n"
        )


def test_the_last_message_goes_to_a_device_too(machine: Machine) -> None:
    machine.script({"text": "one"})
    assert machine.ok("run", "hi", "-o", "/dev/null") == "one\n"


def test_a_run_that_failed_before_any_answer_is_not_what_one_goes_on_with(
    machine: Machine,
) -> None:
    machine.script({"text": "one"}, {"text": "two"})
    machine.ok("run", "-n", "talk", "hi")
    assert machine.run("run", "mistyped", "-m", "local/nosuch").returncode == 1
    machine.ok("run", "-c", "again")
    listed = machine.json("sessions", "list", "--json")
    talk = next(each for each in listed if each["title"] == "talk")
    shown = machine.json("sessions", "show", talk["id"], "--json")
    assert "again" in [message["parts"][0].get("text") for message in shown["thread"]]


def test_a_need_is_tried_only_where_commands_are_confined(machine: Machine) -> None:
    done = machine.run("permissions", "test", "git commit", "--needs", "git")
    assert done.returncode == 2
    assert "agent config set sandbox.enabled true" in done.stderr
