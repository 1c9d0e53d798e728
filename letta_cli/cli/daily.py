"""What a session leaves behind when it ends, in processes of their own that nobody waits for."""

import contextlib
import time

from letta_cli.cli.background import start
from letta_cli.config import Config
from letta_cli.core.clock import now
from letta_cli.core.errors import AgentError
from letta_cli.store import Store, database_file

_FOLDER = "backups"
_DAY = 86_400.0


def back_up_later(url: str, store: Store) -> None:
    """Let the first session that ends on a day leave a backup behind.

    A database that was made today has none yet, and one in which nothing was said or remembered
    since the newest backup needs none. What goes wrong in the background is for `agent doctor` to
    see: the session is over and its work is stored.
    """
    with contextlib.suppress(AgentError, OSError):
        today = f"{now():%Y%m%d}"
        database = database_file(url)
        folder = database.parent / _FOLDER
        stamps = sorted(path.stem[-22:] for path in folder.glob(f"{database.stem}-*-*Z.db"))
        if any(stamp.startswith(today) for stamp in stamps):
            return
        born, changed = store.first_and_last_change()
        unchanged = bool(stamps) and f"{changed:%Y%m%dT%H%M%S%fZ}" <= stamps[-1]
        if unchanged or born.date() == now().date():
            return
        start("backup", "--daily", cwd=database.parent, database=url)


def mirror_later(config: Config, store: Store) -> None:
    """Bring the mirror up to date when this process changed memory.

    What goes wrong there is told by the next `agent memory mirror`, and nothing is lost.
    """
    if config.memory_mirror is None or not store.blocks.wrote:
        return
    with contextlib.suppress(OSError):
        once = ("--once", str(config.memory_mirror))
        start("memory", "mirror", *once, cwd=config.home, database=config.database_url)


def tidy_later(config: Config) -> None:
    """Once a day, remove contents for undoing that are too old, and what the dead left behind."""
    folder = config.home / "undo"
    stamp = folder / "tidied"
    with contextlib.suppress(OSError):
        if not folder.is_dir() or (stamp.exists() and time.time() - stamp.stat().st_mtime < _DAY):
            return
        stamp.touch(mode=0o600)
        start("undo", "--tidy", cwd=config.home)
