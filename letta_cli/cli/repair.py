"""`agent doctor --repair`: mends what can be mended, and says of each thing what it did."""

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from letta_cli.cli.output import age, confirmed
from letta_cli.config import Config
from letta_cli.core.errors import DatabaseDamaged, StoreError
from letta_cli.store import Store, backup, database_file, is_on_server, open_store
from letta_cli.store.backup import Backup
from letta_cli.store.restore import put_in_place, refuse_live, restore
from letta_cli.store.salvage import Salvaged, holding, salvage

OLD_SECONDS = 30 * 86_400
_PRIVATE_FOLDERS = ("", "output", "leases", "backups", "skills")
_PRIVATE_FILES = ("agent.db*", "*.json", "history", "agent.lock*", "output/*", "backups/*")


def repair(config: Config, *, yes: bool) -> list[str]:
    """Do all repairs; what was done, one line each. Nothing is deleted but stale outputs.

    Args:
        yes: replace a damaged database without asking.

    Raises:
        Busy: the database must be replaced and sessions are live.
        AgentError: a repair failed; the message says what is left to do.
    """
    return [
        *_modes(config.home),
        *_database(config, yes=yes),
        *_outputs(config.home / "output"),
    ]


def _modes(home: Path) -> Iterator[str]:
    """The agent's own folders and files for its owner only."""
    if os.name != "posix":
        return
    folders = [home / name for name in _PRIVATE_FOLDERS]
    files = [path for pattern in _PRIVATE_FILES for path in home.glob(pattern)]
    for path, wanted in [(each, 0o700) for each in folders] + [(each, 0o600) for each in files]:
        with contextlib.suppress(FileNotFoundError):
            facts = path.lstat()
            right_kind = stat.S_ISDIR(facts.st_mode) == (wanted == 0o700)
            if not right_kind or stat.S_ISLNK(facts.st_mode):
                continue
            if (mode := stat.S_IMODE(facts.st_mode)) & 0o077:
                path.chmod(wanted)
                yield f"{path}: mode {mode:04o} became {wanted:04o}"


def _database(config: Config, *, yes: bool) -> Iterator[str]:
    url, mended = config.database_url, False
    try:
        store = open_store(url)
        try:
            facts = store.health()
            if not _is_sound(facts) and _mend_index(store):
                facts, mended = store.health(), True
            gone = store.sessions.forget_gone()
        finally:
            store.close()
    except DatabaseDamaged as error:
        yield from _replace(url, str(error), yes=yes)
        return
    if mended and _is_sound(facts):
        yield "the search index was damaged and has been made anew; nothing else was touched"
    if not _is_sound(facts):
        what = facts["quick_check"] if facts["quick_check"] != "ok" else facts["integrity"]
        yield from _replace(url, str(what), yes=yes)
    elif gone:
        yield f"{gone} sessions that ended without a word are no longer listed"


def _is_sound(facts: Mapping[str, Any]) -> bool:
    return facts["quick_check"] == "ok" and facts["integrity"] == "ok"


def _mend_index(store: Store) -> bool:
    """Whether the search index could be made anew, which costs nothing and is often all."""
    try:
        store.indexing.mend()
    except StoreError:
        return False
    return True


def _replace(url: str, what: str, *, yes: bool) -> Iterator[str]:
    """What can still be read, over the newest good backup. The damaged file is kept."""
    if is_on_server(url):
        raise DatabaseDamaged(f"{what}\nNothing was changed. Put back one of the server's backups.")
    file = database_file(url)
    refuse_live(file)
    newest = backup.newest_verified(file)
    try:
        made = salvage(file, newest.path if newest else None)
    except DatabaseDamaged:
        made = None
    try:
        for offer in _offers(file, newest, made):
            if yes or confirmed(
                f"The database is damaged. {offer.why} Replace it by {offer.name}?"
            ):
                yield f"{file} is now {offer.name}; the damaged file lies in {offer.take()}"
                return
    finally:
        if made is not None:
            made.draft.unlink(missing_ok=True)
    if newest is None and made is None:
        raise DatabaseDamaged(f"{what}\nNothing of it can be read, and there is no good backup.")
    raise DatabaseDamaged(f"{what}\nNothing was replaced. Say yes, or use --repair --yes.")


@dataclass(frozen=True, slots=True)
class _Offer:
    """Something to put in the place of the damaged file; `take` does it."""

    name: str
    why: str
    take: Callable[[], Path | None]


def _offers(file: Path, newest: Backup | None, made: Salvaged | None) -> Iterator[_Offer]:
    """The better one first: a backup alone only where the damaged file adds nothing to it."""
    held = holding(newest.path) if newest else None
    copy = f"the backup of {newest.made_at:%Y-%m-%d %H:%M} UTC" if newest else ""
    said = f"Of it can be read: {made.readable}." if made else "Nothing of it can be read."
    if newest and held:
        said += f" The backup of {age(newest.made_at)} ago has: {held}."
    else:
        said += " There is no good backup."
    if made is not None and made.together != held:
        name = f"what can be read of it, over {copy}" if newest else "what can be read of it"
        yield _Offer(f"{name}: {made.together}", said, lambda: put_in_place(file, made.draft))
    if newest is not None:
        yield _Offer(f"{copy} alone: {held}", said, lambda: restore(file, newest.path).aside)


def _outputs(folder: Path) -> Iterator[str]:
    """Long outputs of tools older than 30 days. Drafts of a person's words are kept for ever."""
    removed = 0
    for path in folder.glob("*.txt"):
        with contextlib.suppress(OSError):
            old = time.time() - path.lstat().st_mtime > OLD_SECONDS
            if old and "-draft-" not in path.name:
                path.unlink()
                removed += 1
    if removed:
        yield f"{removed} outputs of tools older than 30 days were removed from {folder}"
