"""What deny and ask rules hold back, as a sandbox can hold it back too: paths and hosts.

A rule is judged on the words of a command; what a program opens by itself only the kernel sees.
"""

from dataclasses import dataclass
from pathlib import Path

from letta_cli.core.need import RULE_TOOL, need_from_text
from letta_cli.core.permission import Rule, Rules
from letta_cli.permissions.paths import anchor
from letta_cli.permissions.rules import EDITORS, READERS


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Paths that need not exist, and hosts.

    Attributes:
        whole: no rule about files is missing; one with a wildcard within a path is.
    """

    unreadable: tuple[Path, ...]
    unwritable: tuple[Path, ...]
    hosts: tuple[str, ...]
    whole: bool


def held_back(rules: Rules, cwd: Path, home: Path) -> HeldBack:
    """What `rules` refuse or ask about."""
    unreadable: list[Path] = []
    unwritable: list[Path] = []
    hosts: list[str] = []
    whole = True
    for rule in (*rules.deny, *rules.ask):
        if rule.tool == RULE_TOOL:
            hosts += _host(rule)
        if rule.tool not in READERS | EDITORS:
            continue
        path = _place(rule.specifier or "", cwd, home)
        if path is None:
            whole = False
        else:
            (unwritable if rule.tool in EDITORS else unreadable).append(path)
    return HeldBack(tuple(unreadable), tuple(unwritable), tuple(hosts), whole)


def _host(rule: Rule) -> list[str]:
    try:
        need = need_from_text(rule.specifier or "")
    except ValueError:
        return []
    return [need.target] if need.kind == "host" else []


def _place(pattern: str, cwd: Path, home: Path) -> Path | None:
    """The file or folder that a pattern means as a whole; None when it picks among files."""
    base, wanted, anchored = anchor(pattern, cwd, home)
    while wanted and wanted[-1] in ("*", "**"):
        wanted.pop()
    if not wanted or not anchored or any(set("*?[") & set(part) for part in wanted):
        return None
    return base.joinpath(*wanted)
