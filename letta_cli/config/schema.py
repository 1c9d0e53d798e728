"""The settings that exist: their names, what each expects, and what a project may do with it.

Names follow Claude Code's where it has one, so that files and habits carry over.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any, Literal, cast, get_args

from letta_cli.config.model import PROVIDERS
from letta_cli.core.errors import UsageError
from letta_cli.core.need import checked_host
from letta_cli.core.permission import PermissionMode, rule_from_value
from letta_cli.core.provider import Effort

ProjectMay = Literal["set", "lower", "never"]
"""What files that come with a repository may do: set the value, only lower it, or nothing."""

STRICTNESS: tuple[PermissionMode, ...] = (
    "plan", "dontAsk", "default", "acceptEdits", "bypassPermissions",
)  # fmt: skip
"""The permission modes, the strictest first."""

PROJECT_MODES: tuple[PermissionMode, ...] = ("plan", "default")


@dataclass(frozen=True, slots=True)
class Key:
    """One setting.

    Attributes:
        name: dotted; ``*`` stands for a provider's name.
        expected: completes the sentence "expected …".
        read: turns a JSON value into ours; raises ValueError when it does not fit.
    """

    name: str
    expected: str
    read: Callable[[Any], Any]
    project: ProjectMay = "never"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _whole(least: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError
        return value

    return read


def _minutes(value: Any) -> float:
    return 0 if value is not False and value == 0 else _amount(value)


def _amount(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ValueError
    return float(value)


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return read


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError
    return tuple(_text(item) for item in cast("list[Any]", value))


def _hosts(value: Any) -> tuple[str, ...]:
    return tuple(checked_host(host) for host in _texts(value))


def _rules(value: Any) -> tuple[Any, ...]:
    """The rules as they are written, texts or objects with examples, each of them readable."""
    if not isinstance(value, list):
        raise ValueError
    entries = tuple(cast("list[Any]", value))
    for entry in entries:
        rule_from_value(entry)
    return entries


def _strings(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError
    entries = cast("dict[str, Any]", value)
    return {name: _text(text) for name, text in entries.items()}


def _url(value: Any) -> str:
    text = _text(value).strip()
    if not text.startswith(("http://", "https://")):
        raise ValueError
    return text.rstrip("/")


def _folder(value: Any) -> str:
    text = _text(value).strip()
    if text and not text.startswith(("/", "~")) and not PureWindowsPath(text).is_absolute():
        raise ValueError
    return text


def _database(value: Any) -> str:
    text = _text(value).strip()
    if not text.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise ValueError
    return text


def _handle(value: Any) -> str:
    text = _text(value).strip()
    provider, slash, name = text.partition("/")
    if text and not (provider and slash and name):
        raise ValueError
    return text


def _embedding(value: Any) -> str:
    return "off" if value == "off" else _handle(value)


_RULES_EXPECTED = 'a list of rules such as "Bash(npm run *)"'

KEYS: tuple[Key, ...] = (
    Key("model", 'a handle "provider/model", e.g. "anthropic/claude-…"', _handle, "set"),
    Key("effort", f"one of {', '.join(get_args(Effort))}", _one_of(get_args(Effort)), "set"),
    Key("maxTurns", "a whole number above 0", _whole(1), "lower"),
    Key("maxBudgetUsd", "an amount in US dollars above 0", _amount, "lower"),
    Key("maxRetries", "a whole number, 0 or more", _whole(0), "lower"),
    Key("apiTimeoutMs", "milliseconds, a whole number above 0", _whole(1), "lower"),
    Key("bash.timeoutMs", "milliseconds, a whole number above 0", _whole(1), "lower"),
    Key("bash.maxTimeoutMs", "milliseconds, a whole number above 0", _whole(1), "lower"),
    Key("bash.maxOutput", "characters, a whole number above 0", _whole(1), "lower"),
    Key("sandbox.enabled", "true or false", _flag),
    Key("sandbox.network", "true or false", _flag),
    Key("sandbox.git", "true or false", _flag),
    Key("sandbox.hosts", 'a list of hosts such as "pypi.org" or "*.example.com"', _hosts),
    Key("sandbox.autoAllow", "true or false", _flag),
    Key("database", 'a URL "sqlite:////path/to/file.db" or "postgresql://…"', _database),
    Key("editor", "a command line", _text),
    Key("localModel", '"ask" or "auto"', _one_of(("ask", "auto"))),
    Key("embedding", 'a handle "provider/model", or "off"', _embedding),
    Key("memoryMirror", "the absolute path of a folder, or one that begins with ~", _folder),
    Key("memoryTools", '"single" or "omni"', _one_of(("single", "omni"))),
    Key("reflection.automatic", "true or false", _flag),
    Key("reflection.everyTurns", "a whole number; 0 is never", _whole(0)),
    Key("reflection.onCompaction", "true or false", _flag),
    Key("reflection.whenIdle", "minutes; 0 is never", _minutes),
    Key("reflection.headless", "true or false", _flag),
    Key("reflection.model", 'a handle "provider/model", or an empty text', _handle),
    Key("reflection.maxBudgetUsd", "an amount in US dollars above 0", _amount, "lower"),
    Key("reflection.maxSteps", "a whole number above 0", _whole(1), "lower"),
    Key("env", "an object of names and texts", _strings),
    Key("passEnvironment", "a list of variable names", _texts),
    Key(
        "permissions.defaultMode",
        f"one of {', '.join(STRICTNESS)}",
        _one_of(STRICTNESS),
        "lower",
    ),
    Key("permissions.allow", _RULES_EXPECTED, _rules),
    Key("permissions.ask", _RULES_EXPECTED, _rules, "set"),
    Key("permissions.deny", _RULES_EXPECTED, _rules, "set"),
    Key("permissions.additionalDirectories", "a list of folders", _texts),
    Key("providers.*.baseUrl", "an address that starts with http:// or https://", _url),
    Key("providers.*.model", "the name of a model, without the provider", _text),
    Key("providers.*.contextWindow", "tokens, a whole number above 0", _whole(1)),
    Key("providers.*.headers", "an object of names and texts", _strings),
    Key("providers.*.options", "an object of names and texts", _strings),
    Key("providers.*.keyring", "true or false", _flag),
)

_BY_NAME: Mapping[str, Key] = {key.name: key for key in KEYS}

_GROUPS = frozenset(
    ".".join(key.name.split(".")[:depth])
    for key in KEYS
    for depth in range(1, key.name.count(".") + 1)
)


def check_handle(handle: Any) -> None:
    """Raises UsageError for a model of a provider that does not exist."""
    provider, slash, _ = str(handle).strip().partition("/")
    if slash and provider:
        check_provider(provider)


def check_provider(name: str) -> None:
    """Raises UsageError when there is no provider of this name."""
    if name not in PROVIDERS:
        raise UsageError(f"There is no provider {name!r}. Known: {', '.join(PROVIDERS)}.")


def general_name(name: str) -> str:
    """``providers.ollama.baseUrl`` as the table has it: ``providers.*.baseUrl``."""
    parts = name.split(".")
    if len(parts) > 1 and parts[0] == "providers" and parts[1] in PROVIDERS:
        parts[1] = "*"
    return ".".join(parts)


def find_key(name: str) -> Key | None:
    """The setting of this dotted name, or None."""
    return _BY_NAME.get(general_name(name))


def is_group(name: str) -> bool:
    """Whether `name` is an object that holds settings, such as ``permissions``."""
    return general_name(name) in _GROUPS
