"""Keys: where they come from, and all the places where they must not turn up."""

import json
import stat
import sys
import types
from collections.abc import Iterator

import pytest
from config_machine import Machine

from letta_cli.config.edit import store_key
from letta_cli.config.keys import read_secrets, secrets_file
from letta_cli.config.masking import mask, mask_entries, mask_url
from letta_cli.config.secrets import set_secret, unset_secret
from letta_cli.config.view import shown_settings
from letta_cli.core.errors import ConfigError, NotFound, UsageError

KEY = "sk-ant-0123456789abcdef"


def test_the_environment_beats_the_key_file(machine: Machine) -> None:
    path = machine.keys({"anthropic": "from-file", "openai": "also-from-file"})
    machine.environ["ANTHROPIC_API_KEY"] = KEY
    config = machine.load()
    assert config.providers["anthropic"].api_key == KEY
    assert config.origins["providers.anthropic.apiKey"] == "environment ANTHROPIC_API_KEY"
    assert config.providers["openai"].api_key == "also-from-file"
    assert config.origins["providers.openai.apiKey"] == f"key file {path}"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_file_that_others_may_read_is_refused(machine: Machine, mode: int) -> None:
    machine.keys({"openai": KEY}, mode)
    with pytest.raises(ConfigError) as caught:
        machine.load()
    assert "chmod 600" in str(caught.value)
    assert KEY not in str(caught.value)


def test_commands_that_need_no_key_work_beside_a_refused_key_file(machine: Machine) -> None:
    machine.keys({"openai": KEY}, 0o644)
    assert machine.load(secrets=False).providers == {}


def test_an_unknown_provider_in_the_key_file_is_a_warning(machine: Machine) -> None:
    machine.keys({"opnai": KEY})
    config = machine.load()
    assert "unknown provider 'opnai'" in config.warnings[0]
    assert KEY not in config.warnings[0]


def test_the_openai_key_goes_only_to_an_address_named_beside_it(machine: Machine) -> None:
    machine.environ["OPENAI_API_KEY"] = KEY
    machine.user({"providers": {"openai-compatible": {"baseUrl": "http://other.example/v1"}}})
    assert machine.load().providers["openai-compatible"].api_key is None
    machine.environ["OPENAI_BASE_URL"] = "http://mine.example/v1"
    config = machine.load()
    assert config.providers["openai-compatible"].api_key == KEY
    assert config.providers["openai-compatible"].base_url == "http://mine.example/v1"
    assert config.providers["openai"].base_url == "http://mine.example/v1"


def test_no_value_of_the_configuration_shows_a_key(machine: Machine) -> None:
    machine.environ["OPENAI_API_KEY"] = KEY
    machine.user(
        {
            "database": "postgresql://ada:pass-word-9@db/agent",
            "env": {"DEPLOY_TOKEN": KEY},
            "providers": {"openai": {"headers": {"X-Auth-Token": KEY, "X-Team": "blue"}}},
        }
    )
    config = machine.load()
    shown = json.dumps([[item.key, item.value, item.origin] for item in shown_settings(config)])
    assert KEY not in shown
    assert "pass-word-9" not in shown
    assert "sk-a…cdef" in shown.encode().decode("unicode_escape")
    assert "blue" in shown


def test_a_configuration_that_is_printed_by_accident_shows_no_key(machine: Machine) -> None:
    machine.environ["OPENAI_API_KEY"] = KEY
    assert KEY not in repr(machine.load().providers)


def test_child_processes_get_no_credentials(machine: Machine) -> None:
    machine.environ |= {
        "PATH": "/bin",
        "OPENAI_API_KEY": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "GITHUB_TOKEN": KEY,
        "DB_PASSWORD": KEY,
        "AGENT_DATABASE_URL": "postgresql://ada:x@db/agent",
        "PYTHON_API_KEY": KEY,
        "CARGO_REGISTRY_TOKEN": KEY,
        "SOMETHING_UNHEARD_OF": "whatever it is",
        "BASH_ENV": "/tmp/hook",
        "BASH_FUNC_ls%%": "() { evil; }",
        "PYTHONUTF8": "1",
        "LC_ALL": "C.UTF-8",
        "SSH_AUTH_SOCK": "/run/ssh",
    }
    child = machine.load().environment
    assert KEY not in child.values()
    assert "AGENT_DATABASE_URL" not in child
    assert (child["PATH"], child["PYTHONUTF8"], child["SSH_AUTH_SOCK"]) == ("/bin", "1", "/run/ssh")
    assert child["LC_ALL"] == "C.UTF-8"
    assert not {"SOMETHING_UNHEARD_OF", "BASH_ENV", "BASH_FUNC_ls%%"} & child.keys()


def test_the_person_may_pass_a_variable_on_and_set_others(machine: Machine) -> None:
    machine.environ["GITHUB_TOKEN"] = "t"
    machine.user({"passEnvironment": ["GITHUB_TOKEN"], "env": {"CI": "1", "PAGER": "less"}})
    child = machine.load().environment
    assert (child["GITHUB_TOKEN"], child["CI"], child["PAGER"]) == ("t", "1", "less")


def test_a_stored_key_is_private_and_read_back(machine: Machine) -> None:
    place = store_key(machine.load().home, "openai", KEY, in_keyring=False)
    path = machine.home / "keys.json"
    assert place == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert machine.load().providers["openai"].api_key == KEY
    store_key(machine.home, "openai", "", in_keyring=False)
    assert machine.load().providers == {}


def test_a_key_for_an_unknown_provider_is_refused(machine: Machine) -> None:
    with pytest.raises(UsageError, match="no provider 'opnai'"):
        store_key(machine.load().home, "opnai", KEY, in_keyring=False)


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A keyring in memory in the place of the system's, which no test may touch."""
    kept: dict[str, str] = {}
    errors = types.ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})
    module = types.ModuleType("keyring")
    module.errors = errors

    def get_password(service: str, name: str) -> str | None:
        if name in kept and kept[name] == "locked":
            raise errors.KeyringError("the keyring is locked")
        return kept.get(name)

    module.get_password = get_password
    module.set_password = lambda service, name, key: kept.update({name: key})
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    yield kept


def test_a_key_in_the_keyring_is_used_once_the_person_put_it_there(
    machine: Machine, keyring: dict[str, str]
) -> None:
    store_key(machine.load().home, "openai", KEY, in_keyring=True)
    config = machine.load()
    assert config.providers["openai"].api_key == KEY
    assert config.origins["providers.openai.apiKey"] == "keyring"
    assert not (machine.home / "keys.json").exists()


def test_a_locked_keyring_is_a_warning_and_not_an_end(
    machine: Machine, keyring: dict[str, str]
) -> None:
    machine.user({"providers": {"openai": {"keyring": True}}})
    keyring["openai"] = "locked"
    config = machine.load()
    assert config.warnings == ("The keyring could not be read: the keyring is locked.",)
    assert config.provider("openai").api_key is None


def test_the_keyring_is_not_even_imported_unless_asked_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    machine.environ["OPENAI_API_KEY"] = KEY
    assert machine.load().warnings == ()


def test_masks_show_enough_to_recognise_and_too_little_to_use() -> None:
    assert mask(KEY) == "sk-a…cdef"
    assert mask("short") == "…"
    assert mask("") == ""
    assert mask_url("postgresql://ada:secret@db:5432/x") == "postgresql://ada:…@db:5432/x"
    assert mask_url("sqlite:////tmp/a.db") == "sqlite:////tmp/a.db"
    assert mask_entries({"Authorization": "Bearer 0123456789abcdef", "Accept": "x"}) == {
        "Authorization": "Bear…cdef",
        "Accept": "x",
    }


def test_a_refused_address_is_shown_without_its_password(machine: Machine) -> None:
    machine.environ["AGENT_DATABASE_URL"] = "mysql://ada:topsecret@host/db"
    with pytest.raises(ConfigError) as caught:
        machine.load()
    assert "topsecret" not in str(caught.value) and "mysql://host/db" in str(caught.value)


def test_named_secrets_are_kept_for_the_person_only_and_replaced_and_forgotten(
    machine: Machine,
) -> None:
    home = machine.load().home
    set_secret(home, "DEPLOY_TOKEN", "first value")
    set_secret(home, "OTHER", "other value")
    set_secret(home, "DEPLOY_TOKEN", "second value")
    assert stat.S_IMODE(secrets_file(home).stat().st_mode) == 0o600
    assert read_secrets(home) == {"DEPLOY_TOKEN": "second value", "OTHER": "other value"}
    unset_secret(home, "OTHER")
    with pytest.raises(NotFound, match="Secrets: DEPLOY_TOKEN"):
        unset_secret(home, "OTHER")
    secrets_file(home).chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secrets(home)


@pytest.mark.parametrize(
    ("name", "value"), [("WITH SPACE", "long enough"), ("1ST", "long enough"), ("OK", "short")]
)
def test_what_cannot_be_a_secret_is_refused(machine: Machine, name: str, value: str) -> None:
    home = machine.load().home
    with pytest.raises(UsageError):
        set_secret(home, name, value)
    assert read_secrets(home) == {}
