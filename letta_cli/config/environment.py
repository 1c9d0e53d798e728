"""What the environment says, as a layer of the configuration."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from letta_cli.config.files import Layer, check
from letta_cli.config.schema import find_key
from letta_cli.core.errors import ConfigError

KEY_VARIABLES: Mapping[str, str] = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
}
"""The variable that holds each provider's key."""

OTHER_HOMES = ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "PI_CODING_AGENT_DIR")
"""The variables that say where other programs keep their things."""

_TEXTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AGENT_MODEL", ("model",)),
    ("AGENT_DATABASE_URL", ("database",)),
    ("AGENT_EFFORT", ("effort",)),
    ("ANTHROPIC_BASE_URL", ("providers.anthropic.baseUrl",)),
    ("OPENAI_BASE_URL", ("providers.openai.baseUrl", "providers.openai-compatible.baseUrl")),
)

_NUMBERS: tuple[tuple[str, str], ...] = (
    ("AGENT_MAX_RETRIES", "maxRetries"),
    ("API_TIMEOUT_MS", "apiTimeoutMs"),
    ("BASH_DEFAULT_TIMEOUT_MS", "bash.timeoutMs"),
    ("BASH_MAX_TIMEOUT_MS", "bash.maxTimeoutMs"),
    ("BASH_MAX_OUTPUT_LENGTH", "bash.maxOutput"),
)

_SECRET_WORDS = frozenset({
    "KEY", "KEYS", "APIKEY", "TOKEN", "TOKENS", "SECRET", "SECRETS", "PASS", "PASSWD", "PASSWORD",
    "PASSPHRASE", "PAT", "DSN", "CREDENTIAL", "CREDENTIALS", "COOKIE", "AUTHORIZATION",
})  # fmt: skip
_SECRET_PIECES = ("TOKEN", "SECRET", "PASSW", "APIKEY", "CREDENTIAL", "DATABASE_URL")


def read_environment(environ: Mapping[str, str]) -> Layer:
    """The layer of the variables that this program knows. An empty variable counts as unset.

    Raises:
        ConfigError: a variable's value is of the wrong kind.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}

    def put(name: str, value: Any, variable: str) -> None:
        key = find_key(name)
        assert key is not None, name
        values[name] = check(key, name, value, where=f"environment variable {variable}")
        origins[name] = f"environment {variable}"

    for variable, names in _TEXTS:
        if text := environ.get(variable, "").strip():
            for name in names:
                put(name, text, variable)
    for variable, name in _NUMBERS:
        if text := environ.get(variable, "").strip():
            put(name, _whole(text, variable), variable)
    if host := environ.get("OLLAMA_HOST", "").strip():
        put("providers.ollama.baseUrl", f"{ollama_address(host)}/v1", "OLLAMA_HOST")
    if choice := environ.get("AGENT_LOCAL_MODEL", "").strip():
        put("localModel", choice, "AGENT_LOCAL_MODEL")
    script = {
        option: environ[variable]
        for option, variable in (("script", "AGENT_SCRIPT"), ("record", "AGENT_SCRIPT_RECORD"))
        if environ.get(variable)
    }
    if script:
        put("providers.scripted.options", script, "AGENT_SCRIPT")
    for variable in ("EDITOR", "VISUAL"):
        if text := environ.get(variable, "").strip():
            put("editor", text, variable)
    return Layer("environment", values, origins=origins)


def ollama_address(host: str) -> str:
    """``OLLAMA_HOST`` in each of the forms that Ollama itself accepts, as an address to call."""
    scheme, separator, rest = host.rstrip("/").rpartition("://")
    if not separator:
        scheme = "http"
    authority, slash, path = rest.partition("/")
    name, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        name, port = authority, "" if separator else "11434"
    if name in ("", "0.0.0.0", "[::]"):
        # What a server listens on is nothing to connect to: all addresses means also this one.
        name = "127.0.0.1"
    return f"{scheme}://{name}{':' + port if port else ''}{slash}{path}"


def key_origins(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Keys in the environment: provider to (key, origin)."""
    found = {
        provider: (environ[variable].strip(), f"environment {variable}")
        for provider, variable in KEY_VARIABLES.items()
        if environ.get(variable, "").strip()
    }
    # The address and the key come as a pair: a key never goes to an address named elsewhere.
    if "openai" in found and environ.get("OPENAI_BASE_URL", "").strip():
        found["openai-compatible"] = found["openai"]
    return found


def trusts_all(environ: Mapping[str, str]) -> bool:
    """Whether ``AGENT_TRUST`` says that this folder may be obeyed, as on a build machine.

    Raises:
        ConfigError: it says neither yes nor no.
    """
    said = environ.get("AGENT_TRUST", "").strip().lower()
    if said not in ("", "0", "1", "false", "true", "no", "yes"):
        raise ConfigError(f"environment variable AGENT_TRUST: expected 1 or 0, found {said!r}.")
    return said in ("1", "true", "yes")


INSIDE = "AGENT_INSIDE"
"""Set for the commands that a model runs. What only a person may decide is refused to them."""


def is_inside(environ: Mapping[str, str] | None = None) -> bool:
    """Whether this process is a command that a model runs."""
    return bool((os.environ if environ is None else environ).get(INSIDE))


def home_of(environ: Mapping[str, str], user_home: Path) -> Path:
    """AGENT_HOME, or ``~/.agent``."""
    named = environ.get("AGENT_HOME", "").strip()
    if not named:
        return user_home / ".agent"
    if named == "~" or named.startswith("~/"):
        return user_home / named[2:]
    path = Path(named)
    if not path.is_absolute():
        raise ConfigError(f"environment variable AGENT_HOME: {named!r} is not an absolute path.")
    return path


def inherited(**changed: str) -> dict[str, str]:
    """All of this process's environment, credentials too, for another process of this program."""
    return {**os.environ, **changed}


def is_secret_name(name: str) -> bool:
    """Whether a variable or header of this name usually carries a credential."""
    upper = name.upper().replace("-", "_")
    return (
        not _SECRET_WORDS.isdisjoint(upper.split("_"))
        or upper.endswith("_AUTH")
        or any(piece in upper for piece in _SECRET_PIECES)
    )


def _whole(text: str, variable: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ConfigError(
            f"environment variable {variable}: expected a whole number, found {text!r}."
        ) from error


def reflows(environ: Mapping[str, str]) -> bool:
    """Whether the terminal folds printed lines anew when its width changes.

    All in common use do, but for xterm, rxvt, st, the Linux console and GNU screen.
    """
    if environ.get("TMUX"):
        return True
    old = environ.get("STY") or environ.get("XTERM_VERSION")
    return not old and not re.match(r"(linux|rxvt|st\b)", environ.get("TERM", ""))
