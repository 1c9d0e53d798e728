"""`agent config`, `agents`, `skills` and `doctor`: the person's view of the installation."""

import json

import pytest
from cli_machine import Machine

KEY = "sk-ant-0123456789abcdef"


def test_the_configuration_shows_each_value_with_its_origin(machine: Machine) -> None:
    machine.environ |= {"AGENT_MODEL": "ollama/x", "ANTHROPIC_API_KEY": KEY}
    machine.ok("config", "set", "maxTurns", "7")
    text = machine.ok("config")
    rows = {line.split()[0]: line for line in text.splitlines()}
    assert rows["model"].endswith("environment AGENT_MODEL")
    assert "user settings" in rows["maxTurns"]
    assert "sk-a…cdef" in rows["providers.anthropic.apiKey"]
    assert KEY not in text
    assert KEY not in machine.ok("config", "--json")


def test_a_value_is_set_read_and_taken_out(machine: Machine) -> None:
    machine.ok("config", "set", "model", "ollama/qwen3:8b")
    assert machine.ok("config", "get", "model") == "ollama/qwen3:8b\n"
    machine.ok("config", "unset", "model")
    assert machine.run("config", "unset", "model").returncode == 1
    assert machine.run("config", "get", "maxTurns").returncode == 1


def test_a_key_is_read_from_standard_input_and_never_from_the_command_line(
    machine: Machine,
) -> None:
    machine.ok("config", "set-key", "anthropic", stdin=f"{KEY}\n")
    path = machine.home / "keys.json"
    assert json.loads(path.read_text()) == {"anthropic": KEY}
    assert path.stat().st_mode & 0o777 == 0o600
    assert machine.run("config", "set-key", "anthropic", KEY).returncode == 2
    machine.ok("config", "set-key", "anthropic", "--remove")
    assert json.loads(path.read_text()) == {}


@pytest.mark.parametrize("stdin", ["", "\n", "two words\n", "bell\x07\n"])
def test_what_is_no_key_is_refused(machine: Machine, stdin: str) -> None:
    done = machine.run("config", "set-key", "anthropic", stdin=stdin)
    assert done.returncode == 2
    assert not (machine.home / "keys.json").exists()


def test_warnings_of_the_configuration_are_shown(machine: Machine) -> None:
    folder = machine.project / ".agent"
    folder.mkdir()
    (folder / "settings.json").write_text('{"permissions": {"allow": ["Bash"]}}')
    done = machine.run("config")
    assert done.returncode == 0
    assert "only your own may" in done.stderr
    machine.script({"text": "hello"})
    assert "only your own may" in machine.run("run", "hi").stderr


def test_agents_are_created_chosen_and_shown(machine: Machine) -> None:
    machine.ok("agents", "create", "work", "--system", "Be brief.")
    assert [agent["in_use"] for agent in machine.json("agents", "--json")].count(True) == 1
    machine.ok("agents", "use", "work")
    shown = machine.json("agents", "show", "--json")
    assert (shown["name"], shown["system"], shown["in_use"]) == ("work", "Be brief.", True)
    machine.ok("agents", "show", "work", "--rename", "office", "--model", "ollama/x")
    text = machine.ok("agents", "show")
    assert "office  (in use)" in text
    assert "ollama/x" in text
    assert "persona" in text


def test_a_model_that_is_no_handle_is_refused_for_an_agent(machine: Machine) -> None:
    done = machine.run("agents", "create", "work", "--model", "gpt")
    assert done.returncode == 2
    assert "provider/model" in done.stderr
    assert len(machine.json("agents", "--json")) == 1


def test_agents_share_no_memory(machine: Machine) -> None:
    machine.ok("memory", "edit", "human", "--text", "Ada")
    machine.ok("agents", "create", "work")
    assert machine.ok("memory", "show", "human", "--agent", "work") == "\n"


def test_an_unknown_agent_names_those_that_exist(machine: Machine) -> None:
    done = machine.run("agents", "use", "nobody")
    assert done.returncode == 1
    assert "agent" in done.stderr


def test_skills_are_listed_with_their_origin_and_shown(machine: Machine) -> None:
    folder = machine.project / ".agents" / "skills" / "greet"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: greet\ndescription: Greets.\n---\nSay hello.\n")
    listed = {skill["name"]: skill for skill in machine.json("skills", "--json")}
    assert listed["greet"]["source"] == "project"
    assert sum(skill["source"] == "bundled" for skill in listed.values()) >= 4
    assert "greet" in machine.ok("skills")
    assert "Say hello." in machine.ok("skills", "show", "greet")
    assert "greet" in machine.run("skills", "show", "nothing").stderr


def test_a_folder_that_is_no_skill_is_said_beside_those_that_are(machine: Machine) -> None:
    folder = machine.project / ".agents" / "skills" / "broken"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("no frontmatter at all\n")
    done = machine.run("skills")
    assert done.returncode == 0
    assert "broken" in done.stderr
    assert "init-memory" in done.stdout


def test_the_doctor_finds_a_new_installation_healthy(machine: Machine) -> None:
    report = machine.json("doctor", "--json")
    assert report["ok"]
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert states["database"] == states["home"] == states["config"] == "ok"
    database = next(check for check in report["checks"] if check["name"] == "database")
    assert database["facts"]["quick_check"] == "ok"


def test_the_doctor_names_what_is_broken_and_says_so_in_its_exit_code(machine: Machine) -> None:
    machine.ok("sessions")
    (machine.home / "agent.db").write_bytes(b"no database at all" * 100)
    (machine.home / "keys.json").write_text("{}")
    (machine.home / "keys.json").chmod(0o644)
    done = machine.run("doctor")
    assert done.returncode == 1
    broken = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert [line.split()[1] for line in broken] == ["database", "keys"]


def test_the_doctor_speaks_even_when_the_settings_do_not_parse(machine: Machine) -> None:
    machine.home.mkdir(mode=0o700)
    (machine.home / "settings.json").write_text("{")
    done = machine.run("doctor")
    assert done.returncode == 1
    assert "FAIL  config" in done.stdout


def test_creating_an_agent_prints_a_command_that_can_be_pasted(machine: Machine) -> None:
    assert machine.ok("agents", "create", "my work").endswith(
        "use it with: agent agents use 'my work'\n"
    )


def test_an_agent_is_deleted_with_all_that_is_its_own(machine: Machine) -> None:
    machine.script({"text": "a rare word: zebra"})
    machine.ok("agents", "create", "work")
    machine.ok("memory", "edit", "human", "--text", "Ada", "--agent", "work")
    machine.ok("run", "hi", "--agent", "work")
    unasked = machine.run("agents", "delete", "work")
    assert (unasked.returncode, "Nothing was deleted" in unasked.stderr) == (2, True)
    halfway = machine.run("agents", "delete", "work", "--yes")
    assert halfway.returncode == 2
    assert "work has 1 conversation, which would be deleted too" in halfway.stderr
    done = machine.ok("agents", "delete", "work", "--yes", "--force")
    assert done == "Deleted work with 1 conversation\n"
    assert [agent["name"] for agent in machine.json("agents", "--json")] == ["agent"]
    assert machine.store().health()["integrity"] == "ok"


def test_an_agent_without_conversations_is_deleted_with_yes(machine: Machine) -> None:
    machine.ok("agents", "create", "work")
    machine.ok("agents", "delete", "work", "--yes")


def test_the_agent_in_use_is_not_deleted(machine: Machine) -> None:
    machine.ok("agents", "list")
    done = machine.run("agents", "delete", "agent", "--yes", "--force")
    assert done.returncode == 1
    assert "is the agent in use" in done.stderr


def test_a_skill_is_shown_without_a_place_for_arguments_that_are_not_there(
    machine: Machine,
) -> None:
    assert "Look first at" not in machine.ok("skills", "show", "init-memory")
    machine.script({"text": "<{input}>"})
    assert "Look first at: src" in machine.ok("run", "/init-memory src")


def test_memory_is_listed_as_another_directory_sees_it(machine: Machine) -> None:
    for command in ("list", "log"):
        machine.ok("memory", command, "-C", str(machine.root))


@pytest.mark.parametrize(
    "group",
    [
        "sessions",
        "memory",
        "skills",
        "reflect",
        "learn",
        "agents",
        "models",
        "config",
        "files",
        "import",
    ],
)
def test_the_help_of_a_group_is_cut_off_nowhere(machine: Machine, group: str) -> None:
    machine.environ["COLUMNS"] = "80"
    lines = machine.ok(group, "--help").splitlines()
    assert not [line for line in lines[1:] if line.endswith("...")]


def test_help_names_arguments_as_the_text_does(machine: Machine) -> None:
    text = machine.ok("sessions", "rename", "--help")
    assert "Usage: agent sessions rename [OPTIONS] WHICH TITLE...\n" in text
    assert "<str>" not in text
    assert "[OPTIONS] [PROMPT]...\n" in machine.ok("run", "--help")
