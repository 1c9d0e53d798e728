"""The sandbox as one working tree uses it: what each command may reach there."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from letta_cli.core.errors import ConfigError
from letta_cli.workspace.repository import find_repository
from letta_cli.workspace.sandbox import Confinement, Grant, Sandbox, best, confine


@dataclass(frozen=True, slots=True)
class Confined:
    """Commands of one working tree, confined.

    Attributes:
        tree: the top folder of the working tree; git_folders: see `confine`.
        home, agent_home: hidden from commands.
        temporary: what commands see as /tmp; made when first needed, and kept between commands.
        grants: what they may have beyond their confinement.
        kept: where protected names go that a command has made.
    """

    sandbox: Sandbox
    cwd: Path
    tree: Path
    git_folders: tuple[Path, ...]
    home: Path
    agent_home: Path
    temporary: Path
    kept: Path
    environment: Mapping[str, str]
    grants: frozenset[Grant] = frozenset()

    def reach(self) -> Confinement | None:
        """What the next command may reach; None when nothing confines it."""
        if self.sandbox.level == "none":
            return None
        self.temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
        return confine(
            self.cwd,
            tree=self.tree,
            git_folders=self.git_folders,
            home=self.home,
            agent_home=self.agent_home,
            temporary=self.temporary,
            environment=self.environment,
            programs=_python_folders(),
            grants=self.grants,
        )

    def close(self) -> None:
        """Remove what commands left in their temporary folder."""
        shutil.rmtree(self.temporary, ignore_errors=True)

    def take_away(self, reach: Confinement) -> tuple[tuple[Path, Path], ...]:
        """Move protected names that a command has made out of the tree; returns from and to.

        No sandbox can hold a name read-only that does not exist yet.
        """
        moved: list[tuple[Path, Path]] = []
        for path in reach.appeared():
            self.kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            target = self.kept / f"{secrets.token_hex(4)}-{path.name.lstrip('.')}"
            try:
                path.replace(target)
            except OSError:
                # Another file system, or already gone: then out of the way is enough.
                target = path.with_name(f"{path.name}.refused-{secrets.token_hex(4)}")
                if not _renamed(path, target):
                    continue
            moved.append((path, target))
        return tuple(moved)


def confine_commands(
    cwd: Path,
    *,
    environment: Mapping[str, str],
    home: Path,
    agent_home: Path,
    grants: frozenset[Grant],
) -> Confined:
    """Confine the commands of a working directory by the best means that hold on this machine.

    Raises:
        ConfigError: none holds.
    """
    sandbox, proof = best(environment, agent_home / "tmp")
    if sandbox.level == "none":
        raise ConfigError(
            f"sandbox.enabled is true, but nothing here confines commands: {proof.problem}. "
            "Install bubblewrap, or switch it off: agent config set sandbox.enabled false"
        )
    here = cwd.resolve()
    found = find_repository(here)
    return Confined(
        sandbox=sandbox,
        cwd=here,
        tree=found.root if found else here,
        git_folders=(found.git_dir, found.common_dir) if found else (),
        home=home,
        agent_home=agent_home,
        temporary=agent_home / "tmp" / f"{os.getpid()}-{secrets.token_hex(4)}",
        kept=agent_home / "output",
        environment=environment,
        grants=grants,
    )


def _renamed(path: Path, target: Path) -> bool:
    try:
        path.rename(target)
    except OSError:
        return False
    return True


def _python_folders() -> Iterable[Path]:
    """The running Python is often below the home folder."""
    return {Path(sys.prefix), Path(sys.base_prefix)}
