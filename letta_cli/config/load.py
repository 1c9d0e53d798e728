"""Builds the `Config`: reads every layer, lets the stronger one win, remembers where from."""

import contextlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from letta_cli.config.child_environment import child_environment
from letta_cli.config.environment import (
    OTHER_HOMES,
    home_of,
    is_inside,
    is_secret_name,
    key_origins,
    read_environment,
    reflows,
    trusts_all,
)
from letta_cli.config.files import Layer, check, read_layer
from letta_cli.config.keys import key_file, read_key_file, read_keyring, read_secrets
from letta_cli.config.model import PROVIDERS, Config, SandboxSettings
from letta_cli.config.schema import STRICTNESS, find_key
from letta_cli.config.trust import Trust
from letta_cli.config.trust_file import read_trust
from letta_cli.core.errors import ConfigError, UsageError
from letta_cli.core.permission import Rule, Rules, rule_from_value
from letta_cli.core.provider import ProviderSettings
from letta_cli.core.reflection import ReflectionSettings

_QUIET = ReflectionSettings()

DEFAULTS: Mapping[str, Any] = {
    "model": "",
    "effort": "medium",
    "maxRetries": 10,
    "apiTimeoutMs": 600_000,
    "bash.timeoutMs": 120_000,
    "bash.maxTimeoutMs": 600_000,
    "bash.maxOutput": 30_000,
    "sandbox.enabled": False,
    "sandbox.network": False,
    "sandbox.git": False,
    "sandbox.hosts": (),
    "sandbox.autoAllow": True,
    "permissions.defaultMode": "default",
    "localModel": "ask",
    "embedding": "",
    "memoryTools": "single",
    "reflection.automatic": _QUIET.automatic,
    "reflection.everyTurns": _QUIET.every_turns,
    "reflection.onCompaction": _QUIET.on_compaction,
    "reflection.whenIdle": _QUIET.idle_minutes,
    "reflection.headless": _QUIET.headless,
    "reflection.model": _QUIET.model,
    "reflection.maxBudgetUsd": _QUIET.max_budget_usd,
    "reflection.maxSteps": _QUIET.max_steps,
    "memoryMirror": "",
    "editor": "vi",
}

FLAGS: Mapping[str, str] = {
    "model": "--model",
    "effort": "--effort",
    "permissions.defaultMode": "--permission-mode",
    "maxTurns": "--max-turns",
    "maxBudgetUsd": "--max-budget-usd",
    "database": "--db",
    "localModel": "--yes",
    "permissions.additionalDirectories": "--add-dir",
}
"""Which flag sets which setting, for `Config.origins` and error messages."""

_RULE_LISTS = ("permissions.allow", "permissions.ask", "permissions.deny")
_JOINED = (*_RULE_LISTS, "permissions.additionalDirectories")
_MERGED = ("env",)


def load_config(
    *,
    cwd: Path,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    secrets: bool = True,
    on_broken: Callable[[str], None] | None = None,
    trust_all: bool | None = None,
) -> Config:
    """Defaults < user settings < project < project-local < environment < flags.

    Args:
        flags: values by dotted setting name, e.g. ``permissions.defaultMode``; None is unset.
        environ: the process's own when None.
        secrets: read keys. Commands that call no model need none, and a key file that must not
            be used does not stop them.
        on_broken: told what is wrong with a project's settings file, which is then left out.
            Commands that call no tool need no such file; for all others it is an error.
        trust_all: whether whatever the folder brings may take effect, this time; when None the
            environment's ``AGENT_TRUST`` says.

    Raises:
        ConfigError: names the file or variable, the key, and what was expected.
        UsageError: the same for a flag.
    """
    environ = os.environ if environ is None else environ
    user_home = _user_home(environ)
    home = home_folder(environ)
    cwd = Path(os.path.abspath(cwd))  # noqa: PTH100 - keeps symlinks, as the person sees the path
    everything = trusts_all(environ) if trust_all is None else trust_all
    everything = everything and not is_inside(environ)
    trust = read_trust(home, project_root(cwd), everything=everything)
    layers = [
        read_layer(home / "settings.json", "user settings", project=False),
        *_project_layers(cwd, home, trust, on_broken),
        read_environment(environ),
        _flag_layer(flags or {}),
    ]
    values, origins = _merge(layers)
    origins["home"] = "environment AGENT_HOME" if environ.get("AGENT_HOME") else "default"
    warnings = [line for layer in layers for line in layer.warnings]
    providers = _providers(values, origins, home, environ, warnings if secrets else None)
    _check_database(values, origins)
    own = cast("dict[str, str]", values.get("env", {}))
    named = read_secrets(home) if secrets else {}
    passed = cast("tuple[str, ...]", values.get("passEnvironment", ()))
    return Config(
        home=home,
        cwd=cwd,
        user_home=user_home,
        database_url=values.get("database") or f"sqlite:///{home / 'agent.db'}",
        model=values["model"],
        effort=values["effort"],
        providers=providers,
        mode=values["permissions.defaultMode"],
        rules=_rules(layers),
        max_turns=values.get("maxTurns"),
        max_budget_usd=values.get("maxBudgetUsd"),
        max_retries=values["maxRetries"],
        bash_timeout_ms=min(values["bash.timeoutMs"], values["bash.maxTimeoutMs"]),
        bash_max_timeout_ms=values["bash.maxTimeoutMs"],
        bash_max_output=values["bash.maxOutput"],
        sandbox=SandboxSettings(
            enabled=values["sandbox.enabled"],
            network=values["sandbox.network"],
            git=values["sandbox.git"],
            hosts=values["sandbox.hosts"],
            auto_allow=values["sandbox.autoAllow"],
        ),
        environment=child_environment(environ, passed=passed, extra=own),
        local_model_consent=values["localModel"] == "auto",
        no_color=bool(environ.get("NO_COLOR")),
        editor=values["editor"],
        history_file=home / "history",
        origins=origins,
        warnings=tuple(warnings),
        api_timeout_ms=values["apiTimeoutMs"],
        own_environment=own,
        passed_environment=passed,
        secrets=named,
        known_secrets=_known_secrets(environ, own, providers, named),
        other_homes={name: environ[name] for name in OTHER_HOMES if environ.get(name)},
        omni_memory=values["memoryTools"] == "omni",
        embedding=values["embedding"],
        directories=_directories(values, cwd, user_home),
        reflection=ReflectionSettings(
            automatic=values["reflection.automatic"],
            every_turns=values["reflection.everyTurns"],
            on_compaction=values["reflection.onCompaction"],
            idle_minutes=values["reflection.whenIdle"],
            headless=values["reflection.headless"],
            model=values["reflection.model"],
            max_budget_usd=values["reflection.maxBudgetUsd"],
            max_steps=values["reflection.maxSteps"],
        ),
        reflows=reflows(environ),
        memory_mirror=_under(user_home, values["memoryMirror"]),
        trust=trust,
    )


def home_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The agent's own folder, made and closed to others where need be.

    Raises:
        ConfigError: it cannot be made, or others could write into it.
    """
    environ = os.environ if environ is None else environ
    return _prepare_home(home_of(environ, _user_home(environ)))


def _user_home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def _directories(values: Mapping[str, Any], cwd: Path, user_home: Path) -> tuple[Path, ...]:
    """The folders of ``permissions.additionalDirectories``; relative ones begin at `cwd`."""
    named = cast("tuple[str, ...]", values.get("permissions.additionalDirectories", ()))
    found: list[Path] = []
    for name in named:
        path = cwd / (str(user_home) + name[1:] if name[:2] == "~/" else name)
        if not path.is_dir():
            raise ConfigError(f"{name}: there is no such folder to work in.")
        found.append(path)
    return tuple(found)


def _under(user_home: Path, folder: str) -> Path | None:
    """The folder that a setting names, ``~`` being the person's home; None for none."""
    if folder == "~" or folder.startswith("~/"):
        return user_home / folder[2:]
    return Path(folder) if folder else None


def _prepare_home(home: Path) -> Path:
    """Make the folder, for its owner only; refuse one that others could write settings into."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = home.stat()
    except FileExistsError as error:
        raise ConfigError(f"{home}: expected a folder for the agent's files.") from error
    except OSError as error:
        raise ConfigError(
            f"{home}: the agent's folder cannot be made: {error.strerror}. "
            "Name another one with AGENT_HOME."
        ) from error
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o022:
        raise ConfigError(
            f"{home}: other users may write into the agent's folder "
            f"(mode {stat.S_IMODE(status.st_mode):04o}). Close it with: chmod 700 {home}"
        )
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o055:
        # Others could only look: nothing in it is theirs, and closing it is all there is to do.
        with contextlib.suppress(OSError):
            home.chmod(0o700)
    return home


def _check_database(values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    """Refuse a database whose folder would have to be made in a folder that is not there either.

    A mistyped path would otherwise become a new, empty database.
    """
    url = values.get("database") or ""
    if not url.startswith("sqlite:///"):
        return
    path = Path(url.removeprefix("sqlite:///")).expanduser().absolute()
    if path.parent.parent.is_dir():
        return
    origin = origins["database"]
    told = f"{origin}: {path}: there is no folder {path.parent.parent}."
    raise UsageError(told) if origin.startswith("flag") else ConfigError(told)


def project_root(cwd: Path) -> Path:
    """The nearest folder at or above `cwd` that holds ``.git``, else `cwd`."""
    return next((folder for folder in (cwd, *cwd.parents) if (folder / ".git").exists()), cwd)


def _project_layers(
    cwd: Path, home: Path, trust: Trust, on_broken: Callable[[str], None] | None
) -> list[Layer]:
    folder = project_root(cwd) / ".agent"
    if folder == home or (folder.exists() and folder.samefile(home)):
        return []
    layers: list[Layer] = []
    for name, kind in (
        ("settings.json", "project settings"),
        ("settings.local.json", "project-local settings"),
    ):
        try:
            accept = trust.of("settings")
            layers.append(read_layer(folder / name, kind, project=True, accept=accept))
        except ConfigError as error:
            if on_broken is None:
                raise
            on_broken(str(error))
    return layers


def _flag_layer(flags: Mapping[str, Any]) -> Layer:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, value in flags.items():
        key = find_key(name)
        if key is None:
            raise ValueError(f"there is no setting {name!r}")
        if value is None:
            continue
        flag = FLAGS.get(name, name)
        try:
            values[name] = check(key, name, value, where=flag)
        except ConfigError as error:
            raise UsageError(f"{flag}: expected {key.expected}, found {value!r}.") from error
        origins[name] = f"flag {flag}"
    return Layer("flag", values, origins=origins)


def _merge(layers: list[Layer]) -> tuple[dict[str, Any], dict[str, str]]:
    values = dict(DEFAULTS)
    origins = dict.fromkeys((*DEFAULTS, "database"), "default")
    for layer in layers:
        for name, value in layer.values.items():
            if name in _JOINED:
                known = origins.get(name)
                values[name] = (*values.get(name, ()), *value)
                origins[name] = f"{known}; {layer.origin_of(name)}" if known else layer.origin
                continue
            if layer.project and not _narrows(name, value, values.get(name)):
                continue
            values[name] = {**values.get(name, {}), **value} if name in _MERGED else value
            origins[name] = layer.origin_of(name)
    return values, origins


def _narrows(name: str, value: Any, current: Any) -> bool:
    """Whether a project may put `value` in the place of `current`."""
    key = find_key(name)
    if key is None or key.project != "lower" or current is None:
        return True
    if name == "permissions.defaultMode":
        return STRICTNESS.index(value) < STRICTNESS.index(current)
    return value < current


def _rules(layers: list[Layer]) -> Rules:
    def collect(name: str) -> tuple[Rule, ...]:
        return tuple(
            rule_from_value(value, layer.origin_of(name))
            for layer in layers
            for value in layer.values.get(name, ())
        )

    return Rules(*(collect(name) for name in _RULE_LISTS))


def _known_secrets(
    environ: Mapping[str, str],
    own: Mapping[str, str],
    providers: Mapping[str, ProviderSettings],
    named: Mapping[str, str],
) -> dict[str, str]:
    """Everything that must not turn up in a transcript, by a name to show instead."""
    variables = {**environ, **own}
    return {
        **{name: value for name, value in variables.items() if is_secret_name(name)},
        **{f"key of {name}": each.api_key for name, each in providers.items() if each.api_key},
        **named,
    }


def _providers(
    values: Mapping[str, Any],
    origins: dict[str, str],
    home: Path,
    environ: Mapping[str, str],
    warnings: list[str] | None,
) -> dict[str, ProviderSettings]:
    """Settings of every provider that has any; `warnings` None: read no keys."""
    keys = {} if warnings is None else _keys(values, home, environ, warnings)
    found: dict[str, ProviderSettings] = {}
    for name in PROVIDERS:
        prefix = f"providers.{name}."
        mine = {key.removeprefix(prefix): values[key] for key in values if key.startswith(prefix)}
        if not mine and name not in keys:
            continue
        key, origin = keys.get(name, (None, ""))
        if key:
            origins[f"{prefix}apiKey"] = origin
        options = cast("dict[str, str]", mine.get("options", {}))
        if mine.get("model"):
            options = {**options, "model": mine["model"]}
        found[name] = ProviderSettings(
            name=name,
            api_key=key,
            base_url=mine.get("baseUrl"),
            timeout_seconds=values["apiTimeoutMs"] / 1000,
            cache_dir=str(home / "models"),
            context_window=mine.get("contextWindow"),
            headers=tuple(mine.get("headers", {}).items()),
            options=tuple(options.items()),
        )
    return found


def _keys(
    values: Mapping[str, Any], home: Path, environ: Mapping[str, str], warnings: list[str]
) -> dict[str, tuple[str, str]]:
    """Provider to (key, origin): environment, then keyring, then key file."""
    keys = key_origins(environ)
    in_keyring = [
        name for name in PROVIDERS if name not in keys and values.get(f"providers.{name}.keyring")
    ]
    from_keyring, troubles = read_keyring(in_keyring)
    warnings.extend(troubles)
    keys.update({name: (key, "keyring") for name, key in from_keyring.items()})
    for name, key in read_key_file(home).items():
        if name not in PROVIDERS:
            warnings.append(f"{key_file(home)}: unknown provider {name!r}; its key is ignored.")
        elif name not in keys:
            keys[name] = (key, f"key file {key_file(home)}")
    return keys
