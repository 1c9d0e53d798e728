"""Reads settings files into dotted keys, and says exactly what is wrong with a bad one."""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from letta_cli.config.schema import PROJECT_MODES, Key, find_key, is_group
from letta_cli.core.errors import ConfigError

MAX_BYTES = 1_000_000

_LOGIN = re.compile(r"(?<=://)[^/@]*@")


@dataclass(frozen=True, slots=True)
class Layer:
    """The values of one place, by dotted key, and what to tell the person about it.

    Attributes:
        origin: e.g. ``user settings /home/ada/.agent/settings.json``; the environment and
            flags name each value's own origin in `origins` instead.
    """

    origin: str
    values: dict[str, Any]
    project: bool = False
    warnings: tuple[str, ...] = ()
    origins: dict[str, str] = field(default_factory=dict[str, str])

    def origin_of(self, key: str) -> str:
        return self.origins.get(key, self.origin)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; empty when there is no such file.

    Raises:
        ConfigError: it cannot be read, or is not one JSON object.
    """
    data = read_bytes(path)
    return {} if data is None else _object(path, data)


def read_bytes(path: Path) -> bytes | None:
    """A settings file's content; None when there is no such file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}.") from error


def _object(path: Path, data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: is {len(data):,} bytes; expected a settings file, not more.")
    try:
        value: Any = json.loads(data.decode("utf-8-sig") or "{}")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start}).") from error
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path} line {error.lineno} column {error.colno}: is not valid JSON: {error.msg}."
        ) from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply for a settings file.") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected one JSON object, {{…}}, at the top.")
    return cast("dict[str, Any]", value)


def read_layer(
    path: Path,
    kind: str,
    *,
    project: bool,
    accept: Callable[[Path, str, int], bool] | None = None,
) -> Layer:
    """One settings file as a layer.

    Args:
        kind: ``user settings``, ``project settings`` or ``project-local settings``.
        project: the file may come with a repository, so it may only narrow.
        accept: asked with the file's digest and size before anything in it is looked at; a file
            that is not accepted says nothing.

    Raises:
        ConfigError: the file is not valid JSON, or a value is of the wrong kind.
    """
    values: dict[str, Any] = {}
    warnings: list[str] = []
    data = read_bytes(path)
    if data is None or (accept and not accept(path, sha256(data).hexdigest(), len(data))):
        return Layer(f"{kind} {path}", values, project)
    for name, raw in _flatten(_object(path, data)):
        key = find_key(name)
        if key is None:
            warnings.append(f"{path}: {_why_unknown(name)}; it is ignored.")
            continue
        value = check(key, name, raw, where=str(path))
        refusal = refused_to_project(key, value) if project else None
        if refusal:
            warnings.append(f"{path}: {name}: {refusal}; it is ignored.")
        else:
            values[name] = value
    return Layer(f"{kind} {path}", values, project, tuple(warnings))


def check(key: Key, name: str, raw: Any, *, where: str) -> Any:
    """The value that `raw` stands for.

    Raises:
        ConfigError: names place, key, and what was expected.
    """
    try:
        return key.read(raw)
    except ValueError as error:
        detail = f" ({error})" if str(error) else ""
        # A refused address may hold a password.
        shown = _LOGIN.sub("", json.dumps(raw, ensure_ascii=False, default=str))
        shown = shown if len(shown) <= 60 else shown[:57] + "…"
        raise ConfigError(
            f"{where}: {name}: expected {key.expected}, found {shown}{detail}."
        ) from error


def _flatten(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for part, value in tree.items():
        name = f"{prefix}{part}"
        if name == "$schema":
            continue
        if isinstance(value, dict) and (is_group(name) or name == "providers"):
            yield from _flatten(cast("dict[str, Any]", value), f"{name}.")
        elif is_group(name):
            # A group that is not an object would be silently dead otherwise.
            yield f"{name} (expected an object)", value
        else:
            yield name, value


def _why_unknown(name: str) -> str:
    if name.endswith((".apiKey", ".api_key")) or name in ("apiKey", "api_key"):
        return (
            f"{name}: keys do not belong into settings files; "
            "store it with `agent config set-key PROVIDER`"
        )
    return f"unknown setting {name!r}"


def refused_to_project(key: Key, value: Any) -> str | None:
    """Why a file that may come with a repository must not set this; None when it may."""
    if key.project == "never":
        return "a project's settings may not set this, only your own may"
    if key.name == "permissions.defaultMode" and value not in PROJECT_MODES:
        return f"a project's settings may only ask for {' or '.join(PROJECT_MODES)}, not {value}"
    return None
