"""Confinement by bubblewrap: namespaces of mounts, processes, network and host name."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from letta_cli.core.address import names_itself_private
from letta_cli.core.need import split_port
from letta_cli.workspace.sandbox import relay
from letta_cli.workspace.sandbox.confinement import Confinement

PROXY_PORT = 47_811
"""Of the sandbox's own loopback, where nothing else listens."""

_INSIDE = "/run/agent-sandbox"
_PROXIED = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")
_LOCAL = "localhost,127.0.0.1,::1"

_RESOLVER = ("/etc/resolv.conf", "/etc/hosts")


def find(environment: Mapping[str, str]) -> str | None:
    """The program, or None where it is not installed."""
    return shutil.which("bwrap", path=environment.get("PATH"))


def wrap(program: str, command: list[str], reach: Confinement) -> list[str]:
    """The command line that runs `command` with that reach, and with nothing else alive at its end.

    Later mounts lie over earlier ones, so hidden folders come first, then what is visible in them,
    then what is writable, then what is not, and secrets last.
    """
    line = [program, "--die-with-parent", "--new-session", "--unshare-user-try", "--unshare-pid"]
    line += ["--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL"]
    if not reach.network:
        line.append("--unshare-net")
    line += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for folder in _tops(reach.hidden):
        line += ["--tmpfs", str(folder)]
    line += ["--bind", str(reach.temporary), "/tmp"]
    for path in reach.visible:
        line += ["--ro-bind", str(path), str(path)]
    if reach.network:
        for path in _resolver_files(reach):
            line += ["--ro-bind", str(path), str(path)]
    if reach.proxy is not None:
        line += _proxied(reach.proxy, reach.hosts)
        command = [
            sys.executable, "-I", "-S", f"{_INSIDE}/relay.py", f"{_INSIDE}/proxy",
            str(PROXY_PORT), *command,
        ]  # fmt: skip
    for path in reach.writable:
        line += ["--bind", str(path), str(path)]
    for path in reach.read_only:
        line += ["--ro-bind", str(path), str(path)]
    for path in reach.secrets:
        line += ["--tmpfs", str(path)] if path.is_dir() else ["--ro-bind", "/dev/null", str(path)]
    return [*line, "--chdir", str(reach.cwd), "--", *command]


def _proxied(proxy: Path, hosts: tuple[str, ...]) -> list[str]:
    """The proxy's socket, the program that leads to it, and variables that name it."""
    line = ["--ro-bind", str(proxy), f"{_INSIDE}/proxy"]
    line += ["--ro-bind", str(Path(relay.__file__)), f"{_INSIDE}/relay.py"]
    for name in _PROXIED:
        line += ["--setenv", name, f"http://127.0.0.1:{PROXY_PORT}"]
    # The command's own loopback, unless the machine's is what was granted.
    granted = any(names_itself_private(split_port(host)[0]) for host in hosts)
    own = "" if granted else _LOCAL
    return [*line, "--setenv", "no_proxy", own, "--setenv", "NO_PROXY", own]


def _tops(folders: tuple[Path, ...]) -> Iterator[Path]:
    """Those that do not lie in another one: a mount over an outer one covers the inner ones."""
    for folder in folders:
        if folder.is_dir() and not any(
            folder != other and folder.is_relative_to(other) for other in folders
        ):
            yield folder


def _resolver_files(reach: Confinement) -> Iterator[Path]:
    """Files that name resolution reads and that lie in a hidden folder, as links into /run do."""
    for name in _RESOLVER:
        path = Path(os.path.realpath(name))
        if path.is_file() and any(path.is_relative_to(folder) for folder in reach.hidden):
            yield path
