"""Reads from the output of a failed command which part of its boundary it ran into.

What a program says of it is for people and differs; so this only ever proposes a need to ask for.
"""

import os
import re
from pathlib import Path

from letta_cli.core.need import Need, checked_host
from letta_cli.workspace.sandbox.confinement import GIT_RUNS, Confinement

MOST = 4
_LINES = 200
_NEVER = ("tmp", "dev", "proc", "sys")
"""Below the root: what no leave to write would help with."""

_DENIED = re.compile(
    r"read-only file system|permission denied|operation not permitted|\bEROFS\b|\bEACCES\b", re.I
)
_ABSENT = re.compile(r"no such file or directory|\bENOENT\b|not found", re.I)
_PATH = re.compile(r"(?<![\w.:/~=-])(?:~/|\./|/|\.git/)[^\s'\"`’”:;,()<>|]*")
_OFFLINE = re.compile(
    r"could not resolve|couldn't resolve|name resolution|name or service not known|"
    r"network is unreachable|getaddrinfo|\bENOTFOUND\b|\bEAI_AGAIN\b|nodename nor servname|"
    r"unable to connect to|failed to establish a new connection|could not connect to|dns error|"
    r"no route to host|failed to lookup address|unknown host",
    re.I,
)
_SITE = re.compile(
    r"(?:host(?:name)?:?\s+['\"]?|https?://|host=['\"]|ENOTFOUND\s+|EAI_AGAIN\s+)"
    r"([A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]{2,}(?::\d{1,5})?)"
)


def needed(output: str, reach: Confinement, home: Path) -> tuple[Need, ...]:
    """What the command would need, as far as `output` shows it; not more than `MOST`."""
    found: dict[Need, None] = {}
    for line in output.splitlines()[-_LINES:]:
        if _DENIED.search(line) or _ABSENT.search(line):
            for name in _PATH.findall(line):
                need = _of_path(name, reach, home, absent=not _DENIED.search(line))
                if need is not None:
                    found[need] = None
        if not reach.network and _OFFLINE.search(line):
            found |= dict.fromkeys(_of_hosts(line) or [Need("network")])
    hosts = any(need.kind == "host" for need in found)
    return tuple(need for need in found if not (hosts and need.kind == "network"))[:MOST]


def _of_hosts(line: str) -> list[Need]:
    hosts: list[Need] = []
    for site in _SITE.findall(line):
        host = checked_host(site)
        hosts.append(Need("host", host.removesuffix(":443").removesuffix(":80")))
    return hosts


def _of_path(name: str, reach: Confinement, home: Path, *, absent: bool) -> Need | None:
    name = name.rstrip(".")
    path = home / name[2:] if name.startswith("~/") else reach.cwd / name
    path = Path(os.path.normpath(path))
    inside = any(path.is_relative_to(folder) for folder in reach.writable)
    if ".git" in path.parts and not absent:
        below = path.parts[path.parts.index(".git") + 1 :]
        runs = bool(below) and below[0].removesuffix(".lock") in GIT_RUNS
        return None if runs else Need("git")
    if inside:
        return None
    if any(path.is_relative_to(folder) for folder in (*reach.hidden, *reach.secrets)):
        # Only what is there, and was hidden, is worth asking for.
        there = os.access(path, os.R_OK) and not path.is_relative_to("/proc")
        return Need("read", str(path)) if there else None
    if absent:
        return None
    if path.parts[1:2] and path.parts[1] in _NEVER:
        return None
    # Not Path.is_dir, which raises where a folder above may not be searched.
    folder = path if os.path.isdir(path) else path.parent  # noqa: PTH112
    while not os.path.isdir(folder):  # noqa: PTH112
        folder = folder.parent
    # What the person may not write either, no leave would help with.
    useful = folder != Path("/") and os.access(folder, os.W_OK)
    return Need("write", str(folder)) if useful else None
