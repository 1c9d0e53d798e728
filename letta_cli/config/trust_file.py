"""The file of the folders that the person trusts."""

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from letta_cli.config.files import read_object
from letta_cli.config.trust import Trust, TrustItem, main_root
from letta_cli.core.errors import ConfigError

KEPT_DIGESTS = 8
"""Of each item so many contents stay trusted: the worktrees of a repository stand on different
branches."""


def trust_file(home: Path) -> Path:
    return home / "trust.json"


def read_trust(home: Path, root: Path, *, everything: bool = False) -> Trust:
    """What of the folder `root` is trusted.

    Raises:
        ConfigError: the file of trusted folders is damaged, or others may write to it.
    """
    root = Path(os.path.realpath(root))
    owner = main_root(root)
    known = read_folders(home).get(str(owner), {})
    return Trust(root, owner, known, everything)


def read_folders(home: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """All trusted folders: root to the digests of each item's trusted contents."""
    path = trust_file(home)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return {}
    if os.name == "posix" and mode & 0o022:
        raise ConfigError(
            f"{path}: other users may change which folders you trust (mode {mode:04o}). Look "
            f"through it, then: chmod 600 {path}"
        )
    folders = read_object(path).get("folders", {})
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    try:
        for root, items in cast("dict[str, dict[str, list[str]]]", folders).items():
            found[root] = {name: tuple(map(str, digests)) for name, digests in items.items()}
    except (AttributeError, TypeError) as error:
        raise ConfigError(
            f"{path}: is not a list of trusted folders. Remove it to be asked anew."
        ) from error
    return found


def with_items(
    folders: Mapping[str, Mapping[str, tuple[str, ...]]], owner: Path, items: Iterable[TrustItem]
) -> dict[str, Any]:
    """The content of the file after `items` of `owner` were trusted too."""
    known = dict(folders.get(str(owner), {}))
    for item in items:
        if item.digest:
            others = [each for each in known.get(item.name, ()) if each != item.digest]
            known[item.name] = (*others, item.digest)[-KEPT_DIGESTS:]
    return {"folders": {**folders, str(owner): known}}
