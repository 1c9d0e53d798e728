"""The doctor's checks. Each looks at one thing, and none stops the others."""

import asyncio
import os
import platform
import shutil
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from letta_cli import __version__
from letta_cli.cli.embedded import runtime_missing
from letta_cli.cli.model_choice import choose_without_asking
from letta_cli.cli.models import ask, servers_to_ask
from letta_cli.config import Config, load_config
from letta_cli.config.keys import key_file, read_key_file
from letta_cli.config.load import project_root
from letta_cli.core.clock import to_text
from letta_cli.core.errors import AgentError
from letta_cli.providers.local.manifest import DEFAULT
from letta_cli.providers.local.pull import installed
from letta_cli.skills import discover_with_warnings
from letta_cli.store import ON_SERVER, backup, database_file, is_on_server, open_store
from letta_cli.workspace.sandbox import best

State = Literal["ok", "warn", "fail"]

LEAST_PYTHON = (3, 11)
LITTLE_SPACE = 100 << 20
TOOLS = (("git", "branches and changes are not shown"), ("rg", "Grep is slower"))


@dataclass(frozen=True, slots=True)
class Check:
    """Attributes:
    detail: what was found and, where it is weak, what to do.
    facts: JSON-able values for machines.
    """

    name: str
    state: State
    detail: str
    facts: dict[str, Any] = field(default_factory=dict[str, Any])


async def examine(cwd: Path, database: str | None) -> list[Check]:
    """Look at everything; the configuration comes first, because the rest depends on it."""
    checks = [_version(), _python()]
    broken: list[str] = []
    try:
        config = load_config(
            cwd=cwd, flags={"database": database}, secrets=False, on_broken=broken.append
        )
    except AgentError as error:
        return [*checks, Check("config", "fail", str(error))]
    checks += [_config(config, broken), _home(config)]
    checks += [_guarded(name, check, config) for name, check in _CHECKS]
    try:
        config = load_config(cwd=cwd, flags={"database": database}, on_broken=broken.append)
    except AgentError:
        return checks
    return [*checks, *await _providers(config), await _model(config)]


_HELD = ("writes", "secrets", "protected", "network", "sockets", "processes")


def _version() -> Check:
    return Check("agent", "ok", __version__, {"version": __version__})


def _python() -> Check:
    version = platform.python_version()
    facts = {"version": version, "executable": sys.executable, "platform": platform.platform()}
    if sys.version_info < LEAST_PYTHON:
        return Check("python", "fail", f"{version}; 3.11 or newer is needed", facts)
    return Check("python", "ok", f"{version} on {platform.system()} {platform.machine()}", facts)


def _config(config: Config, broken: list[str]) -> Check:
    if broken:
        return Check("config", "fail", "; ".join([*broken, *config.warnings]))
    if config.warnings:
        return Check("config", "warn", "; ".join(config.warnings))
    return Check("config", "ok", "settings are readable", {"origins": dict(config.origins)})


def _home(config: Config) -> Check:
    mode = stat.S_IMODE(config.home.stat().st_mode)
    facts = {"path": str(config.home), "mode": f"{mode:04o}"}
    if os.name == "posix" and mode & 0o077:
        detail = f"{config.home}: other users may look into it; chmod 700 {config.home}"
        return Check("home", "warn", detail, facts)
    return Check("home", "ok", f"{config.home}, mode {mode:04o}", facts)


def _guarded(name: str, check: Callable[[Config], Check], config: Config) -> Check:
    try:
        return check(config)
    except (AgentError, OSError) as error:
        return Check(name, "fail", str(error))


def _database(config: Config) -> Check:
    store = open_store(config.database_url)
    try:
        facts = store.health()
    finally:
        store.close()
    if facts["driver"] == "sqlite":
        engine = f"SQLite {facts['sqlite_version']} on {facts['filesystem']}"
    else:
        engine = f"PostgreSQL {facts['server_version']}"
    detail = (
        f"{facts['path']}, {engine}, "
        f"schema {facts['schema_version']}, {facts['size_bytes'] / 1e6:.1f} MB"
    )
    damaged = facts["quick_check"] != "ok" or facts["integrity"] != "ok"
    warnings: list[str] = facts["warnings"]
    if damaged or warnings:
        return Check(
            "database", "fail" if damaged else "warn", "; ".join([detail, *warnings]), facts
        )
    return Check("database", "ok", f"{detail}, checked", facts)


def _backups(config: Config) -> Check:
    if is_on_server(config.database_url):
        return Check("backups", "ok", f"none by agent. {ON_SERVER}")
    found = backup.backups_of(database_file(config.database_url))
    if not found:
        return Check("backups", "ok", "none yet; agent backup makes one, so does each new day")
    facts = {"newest": str(found[0].path), "made_at": to_text(found[0].made_at)}
    try:
        backup.verify(found[0].path)
    except AgentError as error:
        return Check("backups", "warn", str(error), facts)
    detail = f"{len(found)}, the newest of {found[0].made_at:%Y-%m-%d %H:%M} UTC, verified"
    return Check("backups", "ok", detail, facts)


def _disk(config: Config) -> Check:
    free = shutil.disk_usage(config.home).free
    facts = {"free_bytes": free}
    if free < LITTLE_SPACE:
        return Check("disk", "fail", f"only {free / 1e6:.0f} MB are free in {config.home}", facts)
    return Check("disk", "ok", f"{free / 1e9:.1f} GB free", facts)


def _keys(config: Config) -> Check:
    names = sorted(read_key_file(config.home))
    if not names:
        return Check("keys", "ok", "no key file")
    return Check("keys", "ok", f"{key_file(config.home)}: {', '.join(names)}", {"providers": names})


def _skills(config: Config) -> Check:
    root = project_root(config.cwd)
    skills, warnings = discover_with_warnings(
        cwd=config.cwd,
        project_root=root if (root / ".git").exists() else None,
        home=config.home,
        user_home=config.user_home,
    )
    facts = {"skills": [skill.name for skill in skills], "warnings": list(warnings)}
    if warnings:
        return Check("skills", "warn", "; ".join(warnings), facts)
    return Check("skills", "ok", f"{len(skills)} found", facts)


def _sandbox(config: Config) -> Check:
    """What the kernel holds back from commands, as a trial just now has shown."""
    sandbox, proof = best(config.environment, config.home / "tmp")
    held = [name for name in _HELD if getattr(proof, name)]
    facts: dict[str, Any] = {"level": sandbox.level, "enabled": config.sandbox.enabled}
    facts |= {name: name in held for name in _HELD}
    if sandbox.level == "none":
        status: State = "fail" if config.sandbox.enabled else "warn"
        return Check("sandbox", status, f"none: {proof.problem}", facts)
    if not config.sandbox.enabled:
        use = "off; to switch it on: agent config set sandbox.enabled true"
    elif config.sandbox.auto_allow and proof.protected and not config.sandbox.network:
        use = "on; what it confines runs unasked"
    else:
        use = "on"
    return Check("sandbox", "ok", f"{sandbox.level}: holds {', '.join(held)} ({use})", facts)


def _tools(config: Config) -> Check:
    missing = [
        f"{name} is not installed: {loss}"
        for name, loss in TOOLS
        if shutil.which(name, path=config.environment.get("PATH")) is None
    ]
    found = {name: shutil.which(name, path=config.environment.get("PATH")) for name, _ in TOOLS}
    if missing:
        return Check("tools", "warn", "; ".join(missing), found)
    return Check("tools", "ok", ", ".join(name for name, _ in TOOLS), found)


def _embedded(config: Config) -> Check:
    path = installed(DEFAULT, Path(config.provider("local").cache_dir))
    facts = {"runtime": not runtime_missing(), "weights": str(path) if path else None}
    if path is None:
        return Check("local model", "ok", "not fetched; agent models pull fetches it", facts)
    if runtime_missing():
        detail = "fetched, but its runtime is not installed: pip install 'letta-cli[local]'"
        return Check("local model", "warn", detail, facts)
    return Check("local model", "ok", f"{DEFAULT.title} in {path}", facts)


def _keyring(config: Config) -> Check:
    if find_spec("keyring") is None:
        return Check("keyring", "ok", "not installed; keys are kept in a file of mode 0600")
    return Check("keyring", "ok", "installed")


def _reflection(config: Config) -> Check:
    settings = config.reflection
    plan = settings.occasions or "only when asked"
    plan += f"; at most ${settings.max_budget_usd:g} each"
    try:
        store = open_store(config.database_url)
    except AgentError:
        return Check("reflection", "warn", "not known: the database cannot be opened")
    try:
        agent = store.agents.current()
        newest = next(iter(store.reflections.list(agent.id, limit=1)), None)
        facts = {"state": newest.state if newest else None, "id": newest.id if newest else None}
        if newest is not None and newest.state == "failed":
            detail = f"the newest failed: {newest.error} It is tried again, or now: agent reflect"
            return Check("reflection", "warn", detail, facts)
        going_on = store.reflections.is_going_on(agent.id)
    finally:
        store.close()
    if newest is None:
        return Check("reflection", "ok", f"none yet; {plan}", facts)
    if newest.state == "open" and not going_on:
        detail = f"{newest.id} was cut off; the next one goes on with it. Now: agent reflect"
        return Check("reflection", "warn", detail, facts)
    detail = f"the newest of {newest.started_at:%Y-%m-%d %H:%M} UTC; {plan}"
    return Check("reflection", "ok", detail, facts)


_CHECKS: tuple[tuple[str, Callable[[Config], Check]], ...] = (
    ("database", _database),
    ("backups", _backups),
    ("disk", _disk),
    ("keys", _keys),
    ("keyring", _keyring),
    ("skills", _skills),
    ("reflection", _reflection),
    ("tools", _tools),
    ("sandbox", _sandbox),
    ("local model", _embedded),
)


async def _providers(config: Config) -> list[Check]:
    """One check a provider that has a key or an address, all asked at once."""
    asked = await servers_to_ask(config)
    offers = await asyncio.gather(
        *(ask(name, settings) for name, settings in asked.items() if name != "local")
    )
    return [
        Check(f"provider {offer.provider}", "fail", offer.error)
        if offer.error
        else Check(
            f"provider {offer.provider}",
            "ok",
            f"reached; {len(offer.models)} models",
            {"models": [model.handle for model in offer.models]},
        )
        for offer in offers
    ]


async def _model(config: Config) -> Check:
    try:
        chosen = await choose_without_asking(config)
    except AgentError as error:
        return Check("model", "fail", str(error))
    if not chosen.model:
        return Check("model", "warn", "none configured; agent chat asks for one")
    return Check(
        "model", "ok", f"{chosen.model} ({chosen.origins['model']})", {"model": chosen.model}
    )
