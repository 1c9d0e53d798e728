"""The sandbox as one working tree uses it: what each command may reach there."""

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from letta_cli.core.errors import ConfigError
from letta_cli.core.need import Boundary, Need
from letta_cli.workspace.repository import find_repository
from letta_cli.workspace.sandbox import Confinement, HostProxy, Sandbox, Trial, confine, needed


@dataclass(frozen=True, slots=True)
class Held:
    """What the person's rules hold back from commands: paths, which need not exist, and hosts.

    Attributes:
        whole: the rules that refuse or ask are all in here.
    """

    unreadable: tuple[Path, ...] = ()
    unwritable: tuple[Path, ...] = ()
    hosts: tuple[str, ...] = ()
    whole: bool = True


@dataclass(slots=True)
class Run:
    """One command as it is run.

    Attributes:
        line: the command line.
        reach: what confines it; None when it was granted to run without a sandbox.
        refused_hosts: what it asked the proxy for in vain.
        taken_away: protected names that it made, and where they were moved to; known at its end.
    """

    line: list[str]
    reach: Confinement | None
    refused_hosts: tuple[str, ...] = ()
    taken_away: tuple[tuple[Path, Path], ...] = ()

    @property
    def offline(self) -> bool:
        """Whether it has no way out of this machine, not even to single hosts."""
        return self.reach is not None and not self.reach.network and self.reach.proxy is None

    def came_to_nothing(self, exit_code: int, output: str) -> bool:
        """Whether the sandbox was not made, because a path that it covers is gone meanwhile.

        Sockets of services come and go; such a command has not begun and can be run again.
        """
        if self.reach is None or exit_code != 1 or not output.startswith("bwrap: "):
            return False
        reach = self.reach
        covered = (*reach.secrets, *reach.read_only, *reach.visible, *reach.writable)
        return not all(os.path.lexists(path) for path in covered)


@dataclass(frozen=True, slots=True)
class Confined:
    """Commands of one working tree, confined.

    Attributes:
        tree: the top folder of the working tree; git_folders: see `confine`.
        home, agent_home: hidden from commands.
        temporary: what commands see as /tmp; made when first needed, and kept between commands.
        grants: what all of them have beyond their confinement.
        auto_allow: they need no rule, where the boundary lets that be.
        kept: where protected names go that a command has made.
    """

    trial: Trial
    cwd: Path
    tree: Path
    git_folders: tuple[Path, ...]
    home: Path
    agent_home: Path
    temporary: Path
    kept: Path
    environment: Mapping[str, str]
    grants: frozenset[Need] = frozenset()
    auto_allow: bool = False
    roots: tuple[Path, ...] = ()
    held: Held = field(default_factory=Held)

    def ensure(self) -> Sandbox:
        """The sandbox that holds; waits for the trial.

        Raises:
            ConfigError: none does.
        """
        sandbox, proof = self.trial.outcome()
        if sandbox.level == "none":
            raise ConfigError(
                f"sandbox.enabled is true, but nothing here confines commands: {proof.problem}. "
                "Install bubblewrap, or switch it off: agent config set sandbox.enabled false"
            )
        return sandbox

    @property
    def status(self) -> str:
        """What the trial has proved, in a few words; never waits."""
        known = self.trial.known
        return f"sandbox: {known[0].level}" if known else "sandbox: being tried"

    def boundary(self) -> Boundary:
        """What a decision on a command may rely on: what was proved, and nothing before that."""
        known = self.trial.known
        proved = known is not None and known[1].holds and known[1].protected
        open_network = Need("network") in self.grants
        return Boundary(
            granted=tuple(sorted(self.grants, key=lambda need: need.text)),
            unasked=proved and self.auto_allow and self.held.whole and not open_network,
        )

    def reach(self, needs: Iterable[Need] = ()) -> Confinement:
        """What a command with these needs may reach.

        Raises:
            ValueError: a need cannot be met; the text says why.
            ConfigError: nothing confines it.
        """
        sandbox = self.ensure()
        grants = self.grants | frozenset(needs)
        self.temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
        reach = confine(
            self.cwd,
            tree=self.tree,
            git_folders=self.git_folders,
            home=self.home,
            agent_home=self.agent_home,
            temporary=self.temporary,
            environment=self.environment,
            programs=_python_folders(),
            grants=grants,
            roots=self.roots,
            unreadable=self.held.unreadable,
            unwritable=self.held.unwritable,
        )
        reach = replace(reach, denied_hosts=self.held.hosts)
        if reach.hosts and not reach.network and not sandbox.knows_hosts:
            asked = [need for need in needs if need.kind == "host"]
            if asked:
                raise ValueError(
                    f"{sandbox.level} cannot open the network for one host: ask for network"
                )
            return replace(reach, hosts=())
        return reach

    @asynccontextmanager
    async def running(self, command: list[str], needs: Iterable[Need]) -> AsyncGenerator[Run]:
        """The command line that runs `command` confined, and what it takes while it runs.

        Raises:
            ValueError, ConfigError: see `reach`.
            OSError: the way to its hosts could not be made.
        """
        if Need("unconfined") in needs:
            yield Run(command, None)
            return
        sandbox, reach = self.ensure(), self.reach(needs)
        proxy = HostProxy(reach.hosts, reach.denied_hosts) if _proxied(reach) else None
        # In /tmp, which no confined command sees: others must not find this way out.
        folder = Path(tempfile.mkdtemp(prefix="agent-", dir="/tmp")) if proxy else None
        if proxy and folder:
            await proxy.listen(folder / "proxy")
            reach = replace(reach, proxy=folder / "proxy")
        run = Run(sandbox.wrap(command, reach), reach)
        try:
            yield run
        finally:
            if proxy and folder:
                await proxy.close()
                run.refused_hosts = tuple(proxy.refused)
                shutil.rmtree(folder, ignore_errors=True)
            run.taken_away = self._take_away(reach)

    def needed(self, run: Run, output: str) -> tuple[Need, ...]:
        """What a command that failed would need, as far as its output shows."""
        if run.reach is None:
            return ()
        return () if run.refused_hosts else needed(output, run.reach, self.home)

    def close(self) -> None:
        """Remove what commands left in their temporary folder."""
        shutil.rmtree(self.temporary, ignore_errors=True)

    def _take_away(self, reach: Confinement) -> tuple[tuple[Path, Path], ...]:
        """Move protected names that a command has made out of the tree; returns from and to.

        No sandbox can hold a name read-only that does not exist yet, nor a link.
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
        for path, lead in reach.links:
            if not os.path.lexists(path):
                with suppress(OSError):
                    path.symlink_to(lead)
        return tuple(moved)


def confine_commands(
    cwd: Path,
    *,
    environment: Mapping[str, str],
    home: Path,
    agent_home: Path,
    grants: frozenset[Need] = frozenset(),
    auto_allow: bool = False,
    roots: tuple[Path, ...] = (),
) -> Confined:
    """Confine the commands of a working directory by the best means that hold on this machine.

    Nothing is tried yet: see `Confined.ensure`.
    """
    here = cwd.resolve()
    found = find_repository(here)
    return Confined(
        trial=Trial(environment, agent_home / "tmp"),
        cwd=here,
        tree=found.root if found else here,
        git_folders=(found.git_dir, found.common_dir) if found else (),
        home=home,
        agent_home=agent_home,
        temporary=agent_home / "tmp" / f"{os.getpid()}-{secrets.token_hex(4)}",
        kept=agent_home / "output",
        environment=environment,
        grants=grants,
        auto_allow=auto_allow,
        roots=tuple(folder.resolve() for folder in roots if folder.is_dir()),
    )


def _proxied(reach: Confinement) -> bool:
    return bool(reach.hosts) and not reach.network


def _renamed(path: Path, target: Path) -> bool:
    try:
        path.rename(target)
    except OSError:
        return False
    return True


def _python_folders() -> Iterable[Path]:
    """The running Python is often below the home folder."""
    return {Path(sys.prefix), Path(sys.base_prefix)}
