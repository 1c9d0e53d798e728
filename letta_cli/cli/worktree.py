"""Gives an invocation a working tree of its own, and clears it up when the session is over."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from letta_cli.cli.invocation import Invocation, working_directory
from letta_cli.cli.output import warn
from letta_cli.config import load_config
from letta_cli.store import open_store
from letta_cli.workspace.worktree import Worktree, WorktreeRefused, open_worktree

Asked = TypeVar("Asked", bound=Invocation)


@contextmanager
def own_tree(invocation: Asked, *, interactive: bool) -> Generator[Asked]:
    """The invocation as it runs in its tree. After an error the tree is kept.

    Raises:
        WorktreeRefused: there can be no such tree.
    """
    tree = open_worktree(working_directory(invocation.directory), invocation.worktree or None)
    os.chdir(tree.cwd)
    try:
        yield replace(invocation, directory=None)
    except BaseException:
        _kept(tree)
        raise
    os.chdir(tree.main)
    if _in_use(tree, invocation.database):
        _kept(tree)
    else:
        _leave(tree, interactive=interactive)


def _in_use(tree: Worktree, database: str | None) -> bool:
    """Whether another live session works in the tree."""
    config = load_config(cwd=tree.main, flags={"database": database}, secrets=False)
    store = open_store(config.database_url)
    try:
        live = store.sessions.live()
    finally:
        store.close()
    return any(Path(each.cwd).is_relative_to(tree.path) for each in live if each.pid != os.getpid())


def _leave(tree: Worktree, *, interactive: bool) -> None:
    if not tree.path.exists():
        return
    try:
        clean = tree.is_clean
        if clean and not tree.named:
            tree.remove()
        elif interactive and _wants_removal(tree, clean=clean):
            if not tree.remove(force=True):
                warn(f"Its commits are kept on the branch {tree.branch}.")
        else:
            _kept(tree)
    except (WorktreeRefused, OSError) as error:
        warn(str(error))
        _kept(tree)


def _wants_removal(tree: Worktree, *, clean: bool) -> bool:
    state = "has no changes" if clean else "has changes or commits of its own"
    loss = "" if clean else " Uncommitted changes are lost."
    try:
        said = input(f"The worktree {tree.path} {state}. Remove it?{loss} [y/N] ")
    except (EOFError, KeyboardInterrupt):
        return False
    return said.strip().lower() in ("y", "yes")


def _kept(tree: Worktree) -> None:
    warn(
        f"Kept: the worktree {tree.path} on branch {tree.branch}. "
        f"To remove it: git worktree remove {tree.path}"
    )
