"""Which value wins, and what the person is told about where it came from."""

from pathlib import Path

import pytest
from config_machine import Machine

from letta_cli.config import PROVIDERS
from letta_cli.config.load import DEFAULTS
from letta_cli.config.view import shown_settings
from letta_cli.core.errors import ConfigError, UsageError
from letta_cli.core.permission import Rule
from letta_cli.providers import KNOWN


def test_without_any_file_the_defaults_hold(machine: Machine) -> None:
    config = machine.load()
    assert (config.model, config.mode, config.max_retries) == ("", "default", 10)
    assert config.database_url == f"sqlite:///{machine.home}/agent.db"
    assert config.origins["maxRetries"] == "default"
    assert config.warnings == ()


def test_each_layer_beats_the_one_before_it(machine: Machine) -> None:
    user = machine.user({"model": "openai/user"})
    assert machine.load().origins["model"] == f"user settings {user}"
    shared = machine.shared({"model": "openai/shared"})
    assert machine.load().origins["model"] == f"project settings {shared}"
    local = machine.local({"model": "openai/local"})
    assert machine.load().origins["model"] == f"project-local settings {local}"
    machine.environ["AGENT_MODEL"] = "openai/environment"
    assert machine.load().origins["model"] == "environment AGENT_MODEL"
    config = machine.load({"model": "openai/flag"})
    assert (config.model, config.origins["model"]) == ("openai/flag", "flag --model")


def test_a_flag_that_is_not_given_changes_nothing(machine: Machine) -> None:
    machine.environ["AGENT_MODEL"] = "openai/environment"
    assert machine.load({"model": None}).model == "openai/environment"


def test_project_settings_are_found_from_a_folder_deep_inside(machine: Machine) -> None:
    machine.shared({"effort": "high"})
    deep = machine.project / "src" / "deep"
    deep.mkdir(parents=True)
    assert machine.load(cwd=deep).effort == "high"


def test_the_home_folder_as_working_directory_is_no_project(machine: Machine) -> None:
    machine.user({"permissions": {"defaultMode": "acceptEdits"}})
    config = machine.load(cwd=machine.user_home)
    assert config.mode == "acceptEdits"
    assert config.warnings == ()


def test_rules_of_all_layers_add_up_and_remember_their_source(machine: Machine) -> None:
    user = machine.user({"permissions": {"allow": ["Bash(npm run *)"], "deny": ["WebFetch"]}})
    shared = machine.shared(
        {"permissions": {"deny": ["Read(./.env)"], "ask": ["Bash(git push *)"]}}
    )
    rules = machine.load().rules
    assert rules.allow == (Rule("Bash", "npm run *", f"user settings {user}"),)
    assert rules.deny == (
        Rule("WebFetch", None, f"user settings {user}"),
        Rule("Read", "./.env", f"project settings {shared}"),
    )
    assert rules.ask == (Rule("Bash", "git push *", f"project settings {shared}"),)


def test_the_settings_of_a_provider_come_together(machine: Machine) -> None:
    machine.user(
        {
            "providers": {
                "ollama": {
                    "baseUrl": "http://gpu:11434/v1/",
                    "contextWindow": 32000,
                    "headers": {"X-Team": "blue"},
                    "model": "qwen3:8b",
                    "options": {"keep_alive": "1h"},
                }
            }
        }
    )
    ollama = machine.load().providers["ollama"]
    assert ollama.base_url == "http://gpu:11434/v1"
    assert ollama.context_window == 32000
    assert ollama.headers == (("X-Team", "blue"),)
    assert dict(ollama.options) == {"keep_alive": "1h", "model": "qwen3:8b"}
    assert ollama.cache_dir == str(machine.home / "models")


def test_a_provider_without_settings_gets_plain_ones(machine: Machine) -> None:
    machine.environ["API_TIMEOUT_MS"] = "5000"
    config = machine.load()
    assert "vllm" not in config.providers
    assert config.provider("vllm").timeout_seconds == 5.0
    assert config.provider("vllm").api_key is None


def test_settings_know_the_same_providers_as_the_providers_do() -> None:
    assert set(PROVIDERS) == set(KNOWN)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"model": "openai/x",}', "line 1 column"),
        ("[1, 2]", "expected one JSON object"),
        ('{"maxTurns": "many"}', 'maxTurns: expected a whole number above 0, found "many"'),
        ('{"maxTurns": true}', "maxTurns: expected a whole number"),
        ('{"maxTurns": 0}', "maxTurns: expected a whole number above 0"),
        ('{"effort": "huge"}', "effort: expected one of off, low, medium, high"),
        ('{"model": "gpt"}', 'model: expected a handle "provider/model"'),
        ('{"permissions": {"allow": "Bash"}}', "permissions.allow: expected a list of rules"),
        ('{"permissions": {"deny": ["Bash(ls"]}}', "its parenthesis is not closed"),
        ('{"providers": {"ollama": {"baseUrl": "gpu:1"}}}', "providers.ollama.baseUrl: expected"),
        ('{"database": "mysql://x"}', "database: expected"),
    ],
)
def test_a_wrong_value_is_named_with_file_key_and_what_was_expected(
    machine: Machine, text: str, part: str
) -> None:
    path = machine.user(text)
    with pytest.raises(ConfigError) as caught:
        machine.load()
    assert str(caught.value).startswith(str(path))
    assert part in str(caught.value)


def test_a_file_that_is_no_text_is_refused_by_name(machine: Machine) -> None:
    path = machine.user("{}")
    path.write_bytes(b'{"model": "\xff"}')
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        machine.load()


def test_a_settings_path_that_is_a_folder_is_refused_by_name(machine: Machine) -> None:
    (machine.home / "settings.json").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"settings\.json: cannot be read"):
        machine.load()


def test_unknown_keys_are_warnings_and_the_rest_still_holds(machine: Machine) -> None:
    path = machine.user({"modle": "x/y", "effort": "low", "providers": {"nobody": {"baseUrl": 1}}})
    config = machine.load()
    assert config.effort == "low"
    assert config.warnings == (
        f"{path}: unknown setting 'modle'; it is ignored.",
        f"{path}: unknown setting 'providers.nobody'; it is ignored.",
    )


def test_a_group_that_is_no_object_is_a_warning(machine: Machine) -> None:
    machine.user({"permissions": ["Bash"]})
    assert "permissions (expected an object)" in machine.load().warnings[0]


def test_a_wrong_flag_is_a_usage_error(machine: Machine) -> None:
    with pytest.raises(UsageError, match="--permission-mode: expected one of"):
        machine.load({"permissions.defaultMode": "yolo"})


def test_a_wrong_number_in_the_environment_names_the_variable(machine: Machine) -> None:
    machine.environ["BASH_DEFAULT_TIMEOUT_MS"] = "soon"
    with pytest.raises(ConfigError, match="environment variable BASH_DEFAULT_TIMEOUT_MS"):
        machine.load()


def test_an_empty_variable_counts_as_unset(machine: Machine) -> None:
    machine.environ |= {"AGENT_MODEL": "", "AGENT_HOME": "", "OPENAI_API_KEY": " "}
    config = machine.load()
    assert (config.model, config.home) == ("", machine.home)
    assert config.providers == {}


def test_limits_for_commands_come_from_the_variables_that_people_know(machine: Machine) -> None:
    machine.environ |= {
        "BASH_DEFAULT_TIMEOUT_MS": "9000",
        "BASH_MAX_TIMEOUT_MS": "5000",
        "BASH_MAX_OUTPUT_LENGTH": "100",
        "AGENT_MAX_RETRIES": "0",
    }
    config = machine.load()
    assert config.bash_timeout_ms == 5000
    assert config.bash_max_output == 100
    assert config.max_retries == 0


def test_the_editor_is_visual_before_editor_before_the_settings(machine: Machine) -> None:
    machine.user({"editor": "nano"})
    assert machine.load().editor == "nano"
    machine.environ["EDITOR"] = "ed"
    assert machine.load().editor == "ed"
    machine.environ["VISUAL"] = "code --wait"
    assert machine.load().editor == "code --wait"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        (":8080", "http://127.0.0.1:8080/v1"),
        ("gpu", "http://gpu:11434/v1"),
        ("https://gpu.example/ollama/", "https://gpu.example/ollama/v1"),
        ("[::1]:9000", "http://[::1]:9000/v1"),
    ],
)
def test_every_form_of_ollama_host_becomes_an_address_to_call(
    machine: Machine, host: str, address: str
) -> None:
    machine.environ["OLLAMA_HOST"] = host
    assert machine.load().providers["ollama"].base_url == address


def test_a_script_in_the_environment_is_the_scripted_providers(machine: Machine) -> None:
    machine.environ |= {"AGENT_SCRIPT": "/tmp/s.json", "AGENT_SCRIPT_RECORD": "/tmp/r"}
    assert dict(machine.load().providers["scripted"].options) == {
        "script": "/tmp/s.json",
        "record": "/tmp/r",
    }


def test_a_relative_home_is_refused(machine: Machine) -> None:
    machine.environ["AGENT_HOME"] = "relative/home"
    with pytest.raises(ConfigError, match="AGENT_HOME"):
        machine.load()


def test_the_home_is_made_for_its_owner_only(machine: Machine, tmp_path: Path) -> None:
    machine.environ["AGENT_HOME"] = str(tmp_path / "new" / "home")
    config = machine.load()
    assert config.home.stat().st_mode & 0o777 == 0o700
    assert config.origins["home"] == "environment AGENT_HOME"


def test_a_home_that_others_may_write_into_is_refused(machine: Machine) -> None:
    machine.home.mkdir()
    machine.home.chmod(0o777)
    with pytest.raises(ConfigError, match="other users may write"):
        machine.load()


def test_a_home_that_is_a_file_is_refused(machine: Machine) -> None:
    machine.home.write_text("")
    with pytest.raises(ConfigError, match="expected a folder"):
        machine.load()


def test_every_setting_is_shown_that_has_a_value(machine: Machine) -> None:
    machine.user({"sandbox": {"hosts": ["pypi.org"]}})
    shown = {each.key: each.value for each in shown_settings(machine.load())}
    assert shown["sandbox.hosts"] == ["pypi.org"]
    having = {key for key, value in DEFAULTS.items() if value not in ("", None, (), {})}
    assert having - shown.keys() == set()
