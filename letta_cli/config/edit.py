"""Changes one value of a settings file, and leaves everything else in it as it is."""

import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from filelock import FileLock, Timeout

from letta_cli.config.files import check, read_bytes, read_object, refused_to_project
from letta_cli.config.keys import key_file, read_key_file, write_keyring, write_object
from letta_cli.config.schema import KEYS, Key, check_handle, check_provider, find_key
from letta_cli.config.trust import TrustItem
from letta_cli.config.trust_file import read_folders, read_trust, trust_file, with_items
from letta_cli.core.errors import Busy, ConfigError, UsageError
from letta_cli.core.permission import rule_from_text, rule_from_value

LOCK_SECONDS = 10.0


def set_value(home: Path, path: Path, name: str, text: str) -> Any:
    """Write ``name = text`` into the settings file; returns the value as it was understood.

    Args:
        text: JSON where it is JSON, else a plain text; where a list is expected, one alone too.

    Raises:
        UsageError: no such setting, or a value it does not take.
        ConfigError: the file cannot be changed.
    """
    key = find_key(name)
    if key is None:
        raise UsageError(_no_such_setting(name))
    raw = _understand(key, name, text)
    of_project = path.parent != home
    if of_project and (refusal := refused_to_project(key, raw)):
        raise UsageError(f"{path}: {name}: {refusal}.")
    with locked(home):
        tree = read_object(path)
        was_trusted = of_project and _trusts(home, path)
        _place(tree, name.split("."), raw, path)
        write_object(path, tree, private=not of_project)
        if was_trusted:
            _trust_file(home, path)
    return raw


def _no_such_setting(name: str) -> str:
    """Says so, with the settings that may be meant, or all of them."""
    spelled = {key.name.casefold(): key for key in KEYS}
    meant = get_close_matches(name.casefold(), spelled, n=3, cutoff=0.75)
    listed = [spelled[word] for word in meant] or KEYS
    lines = "\n".join(f"  {key.name}: {key.expected}" for key in listed)
    return f"There is no setting {name!r}. {'Meant' if meant else 'Settings'}:\n{lines}"


def _understand(key: Key, name: str, text: str) -> Any:
    """The JSON value that `text` is, or `text` itself, or a list of it: the first that fits."""
    meanings: list[Any] = [text, [text]]
    with suppress(json.JSONDecodeError):
        meanings.insert(0, json.loads(text))
    refusals: list[ConfigError] = []
    for meaning in meanings:
        try:
            if name == "model":
                check_handle(meaning)
            check(key, name, meaning, where="agent config set")
        except ConfigError as error:
            refusals.append(error)
        else:
            return meaning
    # The one that knows most: a list of rules says what is wrong with a rule.
    telling = next((error for error in refusals if str(error.__cause__ or "")), refusals[0])
    raise UsageError(str(telling)) from telling


def change_rules(home: Path, path: Path, kind: str, text: str, *, add: bool) -> bool:
    """Add a rule to the list `kind` of a settings file, or take it out; False: nothing to change.

    Raises:
        UsageError: no rule, or one that this file may not hold.
        ConfigError: the file cannot be changed.
    """
    name = f"permissions.{kind}"
    key = find_key(name)
    assert key is not None
    try:
        rule = rule_from_text(text)
    except ValueError as error:
        raise UsageError(f"{error}.") from error
    if path.parent != home and (refusal := refused_to_project(key, (text,))):
        raise UsageError(f"{path}: {name}: {refusal}.")
    with locked(home):
        tree = read_object(path)
        group = tree.get("permissions", {})
        listed: Any = cast("dict[str, Any]", group).get(kind, []) if isinstance(group, dict) else []
        entries = list(check(key, name, listed, where=str(path)))
        kept = [entry for entry in entries if rule_from_value(entry).text != rule.text]
        if add and len(kept) < len(entries):
            return False
        if not add and len(kept) == len(entries):
            return False
        _place(tree, ["permissions", kind], [*kept, text] if add else kept, path)
        write_object(path, tree, private=path.parent == home)
    return True


def unset_value(home: Path, path: Path, name: str) -> bool:
    """Take `name` out of the file; False when it did not stand there."""
    with locked(home):
        tree = read_object(path)
        parents = [tree]
        *groups, last = name.split(".")
        for group in groups:
            inner = parents[-1].get(group)
            if not isinstance(inner, dict):
                return False
            parents.append(cast("dict[str, Any]", inner))
        if last not in parents[-1]:
            return False
        del parents[-1][last]
        for parent, group in zip(reversed(parents[:-1]), reversed(groups), strict=True):
            if not parent[group]:
                del parent[group]
        was_trusted = path.parent != home and _trusts(home, path)
        write_object(path, tree, private=path.parent == home)
        if was_trusted:
            _trust_file(home, path)
        return True


def store_key(home: Path, provider: str, key: str, *, in_keyring: bool) -> str:
    """Keep a provider's key; an empty one removes it. Returns where it is kept.

    Raises:
        UsageError: no such provider. ConfigError: it could not be kept.
    """
    check_provider(provider)
    if in_keyring:
        write_keyring(provider, key)
        set_value(home, home / "settings.json", f"providers.{provider}.keyring", "true")
        return "the system's keyring"
    path = key_file(home)
    with locked(home):
        keys = {name: value for name, value in read_key_file(home).items() if name != provider}
        write_object(path, {**keys, provider: key} if key else keys, private=True)
    return str(path)


def trust_items(home: Path, owner: Path, items: Iterable[TrustItem]) -> None:
    """From now on let `items` of the folder `owner` take effect, as they read now.

    Raises:
        ConfigError: it could not be written down.
    """
    with locked(home):
        _add_trust(home, owner, items)


def forget_folder(home: Path, owner: Path) -> bool:
    """Trust nothing of a folder any more; False when nothing was."""
    with locked(home):
        folders = read_folders(home)
        if folders.pop(str(owner), None) is None:
            return False
        write_object(trust_file(home), {"folders": folders}, private=True)
        return True


def _add_trust(home: Path, owner: Path, items: Iterable[TrustItem]) -> None:
    write_object(trust_file(home), with_items(read_folders(home), owner, items), private=True)


def _trusts(home: Path, path: Path) -> bool:
    """Whether a project's settings file may be changed by its person without a new question:
    it is not there yet, or trusted."""
    data = read_bytes(path)
    trust = read_trust(home, path.parent.parent)
    return data is None or trust.accepts("settings", path, sha256(data).hexdigest(), len(data))


def _trust_file(home: Path, path: Path) -> None:
    """The person wrote it, so it is trusted."""
    data = read_bytes(path) or b""
    trust = read_trust(home, path.parent.parent, everything=True)
    trust.accepts("settings", path, sha256(data).hexdigest(), len(data))
    _add_trust(home, trust.owner, trust.accepted.values())


def _place(tree: dict[str, Any], parts: list[str], value: Any, path: Path) -> None:
    *groups, last = parts
    for group in groups:
        inner = tree.setdefault(group, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{path}: {group}: expected an object.")
        tree = cast("dict[str, Any]", inner)
    tree[last] = value


@contextmanager
def locked(home: Path) -> Generator[None]:
    """Alone with the settings' files: two terminals that change them at once both keep theirs."""
    lock = FileLock(home / "settings.lock", timeout=LOCK_SECONDS, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise Busy("Another process is changing the settings; try again in a moment.") from error
    except OSError as error:
        raise ConfigError(f"{home}: settings cannot be changed: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()
