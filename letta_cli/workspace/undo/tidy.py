"""Keeps the contents for undoing from growing for ever."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from letta_cli.workspace.undo.blobs import KEPT_SECONDS, Blobs

_SECONDS = 120.0


def tidy(folder: Path, environment: Mapping[str, str]) -> None:
    """Remove what is older than `KEPT_SECONDS` and what dead processes left behind.

    The store of a working tree in which a session is open is left alone: its index may name old
    objects.

    Args:
        folder: with ``files``, the contents, and ``trees``, one ``*.git`` for each working tree.
        environment: for the git program.
    """
    Blobs(folder / "files").prune()
    for store in folder.glob("trees/*.git"):
        with suppress(OSError, subprocess.SubprocessError):
            _tidy_store(store, environment)


def _tidy_store(store: Path, environment: Mapping[str, str]) -> None:
    indexes = [path for path in store.glob("index-*") if not path.name.endswith(".lock")]
    alive = [path for path in indexes if _lives(path)]
    for path in indexes:
        if path not in alive:
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    if alive or any((store / "pending").glob("*.json")):
        return
    newest = max((path.stat().st_mtime for path in store.glob("objects/??")), default=0.0)
    if newest < time.time() - KEPT_SECONDS:
        # A session that begins meanwhile makes itself another one.
        gone = store.rename(store.with_name(f"{store.name}.{os.getpid()}.gone"))
        shutil.rmtree(gone, ignore_errors=True)
        return
    subprocess.run(
        ["git", "prune", "--expire", f"{KEPT_SECONDS / 86_400:.0f}.days.ago"],
        cwd=store,
        # Variables of the person's could name another repository to prune.
        env={
            **{name: value for name, value in environment.items() if not name.startswith("GIT_")},
            "GIT_DIR": str(store),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        },
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )


def _lives(index: Path) -> bool:
    number = re.fullmatch(r"index-(\d+)", index.name)
    if number is None:
        return True
    try:
        os.kill(int(number[1]), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
