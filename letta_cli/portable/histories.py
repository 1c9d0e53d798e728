"""Brings in the histories of Claude Code, Codex and pi as conversations that can be searched.

Each history is one conversation, stored whole or not at all. A second import adds what is new: it
knows a file that did not change by its size and date, and what was taken over by digests.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from letta_cli.core.errors import AgentError, Busy, UsageError
from letta_cli.core.message import Text
from letta_cli.portable.claude import ClaudeReader
from letta_cli.portable.codex import CodexReader
from letta_cli.portable.history import Facts, Reader, Said, Stored, Thread
from letta_cli.portable.lines import PACKED, JsonLines
from letta_cli.portable.pi import PiReader
from letta_cli.portable.secrets import Masking
from letta_cli.portable.spool import Spool
from letta_cli.store import Store
from letta_cli.store.imports import Heading, Imported, Incoming, Outcome
from letta_cli.store.runs import title_from
from letta_cli.workspace.repository import find_repository, project_key

_UNDATED = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Program:
    """A program whose histories can be imported.

    Attributes:
        variable: names the folder that it keeps its things in; `folder` is the usual one.
        below: where in that folder the histories are.
        patterns: how their files are called.
    """

    name: str
    variable: str
    folder: str
    below: tuple[str, ...]
    patterns: tuple[str, ...]
    reader: Callable[[bool], Reader]

    def places(self, user_home: Path, homes: Mapping[str, str]) -> list[Path]:
        """Where its histories lie for this person; `homes` has a folder for each variable set."""
        named = homes.get(self.variable)
        home = Path(named).expanduser() if named else user_home / self.folder
        return [home / below for below in self.below]


PROGRAMS: dict[str, Program] = {
    "claude": Program(
        "Claude Code", "CLAUDE_CONFIG_DIR", ".claude", ("projects",), ("*.jsonl",),
        lambda subagent: ClaudeReader(subagent=subagent),
    ),
    "codex": Program(
        "Codex", "CODEX_HOME", ".codex", ("sessions", "archived_sessions"),
        ("rollout-*.jsonl", f"rollout-*.jsonl{PACKED}"),
        lambda _: CodexReader(),
    ),
    "pi": Program(
        "pi", "PI_CODING_AGENT_DIR", ".pi/agent", ("sessions",), ("*.jsonl",), lambda _: PiReader()
    ),
}  # fmt: skip

State = Literal[Outcome, "empty", "subagent", "refused"]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one file.

    Attributes:
        state: ``refused``: `detail` says why. ``empty``: nothing was said in it. ``subagent``: it
            is a subagent's, and those were not asked for.
        added: messages that were stored, or would be.
        broken: lines that could not be read.
        masked: credentials that were masked in it.
    """

    path: str
    state: State
    conversation_id: str = ""
    title: str = ""
    began_at: datetime | None = None
    added: int = 0
    broken: int = 0
    masked: int = 0
    ignored: Mapping[str, int] = field(default_factory=dict[str, int])
    detail: str = ""


def find_histories(program: Program, places: list[Path]) -> list[Path]:
    """The files of histories at `places`, which are folders or files, in the order of their names.

    Links to folders are not followed.
    """
    found: dict[Path, None] = {}
    for place in places:
        if place.is_file():
            found[place] = None
            continue
        inside = (
            Path(base) / name
            for base, _, names in os.walk(place)
            for name in names
            # A packed one beside the plain one is the same history.
            if any(map(Path(name).match, program.patterns))
            and name.removesuffix(PACKED) not in {*names} - {name}
        )
        found.update(dict.fromkeys(sorted(inside, key=lambda path: (path.name, str(path)))))
    return list(found)


def import_history(
    store: Store,
    agent_id: str,
    kind: str,
    path: Path,
    *,
    subagents: bool = False,
    dry_run: bool = False,
) -> Report:
    """Bring in one file. What is wrong with it is in the report.

    Args:
        kind: a key of `PROGRAMS`.
        subagents: also those of subagents, each as a conversation of its own.
        dry_run: only say what would be done.
    """
    path = Path(os.path.realpath(path))
    subagent = path.name.startswith("agent-") if kind == "claude" else False
    if subagent and not subagents:
        return Report(str(path), "subagent")
    try:
        lines = JsonLines(path)
        known = store.imports.at_path(agent_id, kind, str(path))
        if known and (known.size, known.modified_ns) == (lines.size, lines.modified_ns):
            there = store.conversations.exists(known.conversation_id)
            return Report(str(path), "unchanged" if there else "deleted", known.conversation_id)
        reader = PROGRAMS[kind].reader(subagent)
        with Spool() as spool:
            return _bring(store, agent_id, kind, path, lines, reader, spool, dry_run)
    except Busy as error:
        return Report(str(path), "refused", detail=f"{error} The rest comes with the next import.")
    except UsageError as error:
        return Report(str(path), "refused", detail=str(error))


def _bring(
    store: Store, agent_id: str, kind: str, path: Path, lines: JsonLines, reader: Reader,
    spool: Spool, dry_run: bool,
) -> Report:  # fmt: skip
    masking = Masking()
    thread = Thread(_UNDATED)
    settled = _read(lines, reader, thread, masking, spool, PROGRAMS[kind].name)
    facts = reader.facts
    # The words it is made of are counted already where they were said.
    title = title_from(Masking().text(facts.title or facts.prompt))
    report = partial(
        Report, str(path), title=title, broken=lines.broken, masked=masking.count,
        ignored=facts.ignored,
    )  # fmt: skip
    if len(spool) < 2:
        return report("empty")
    dated = datetime.fromtimestamp(lines.modified_ns / 1e9, UTC)
    began = facts.started or next(iter(spool.messages())).at
    heading = Heading(
        title or f"{PROGRAMS[kind].name} {path.stem[:40]}", facts.cwd, _project(facts.cwd),
        dated if began == _UNDATED else began, thread.window,
    )  # fmt: skip
    new = _source(store, agent_id, kind, path, lines, facts, spool, settled)

    def messages(start: int) -> Iterator[Incoming]:
        for each in spool.messages(start):
            moment = heading.created_at if each.at == _UNDATED else each.at
            yield Incoming(each.role, each.parts, moment)

    if dry_run:
        state = store.imports.plan(agent_id, new, spool.digest)
        there = store.imports.find(agent_id, kind, new.source)
        before = there.messages if there and state in ("continued", "rewritten") else 0
        added = max(0, len(spool) - before) if state not in ("unchanged", "deleted") else 0
        return report(state, began_at=heading.created_at, added=added)
    brought = store.imports.take(agent_id, new, heading, messages, spool.digest)
    return report(
        brought.outcome, brought.conversation_id, began_at=heading.created_at, added=brought.added
    )


def _read(
    lines: JsonLines, reader: Reader, thread: Thread, masking: Masking, spool: Spool, name: str
) -> int:
    """Read everything into `spool`; returns how many messages no later line can change."""

    def keep(stored: Stored) -> None:
        spool.add(Stored(stored.role, masking.parts(stored.parts), stored.at))

    for entry in lines:
        try:
            said = list(reader.feed(entry))
        except (KeyError, TypeError, ValueError, AttributeError):
            lines.broken += 1
            continue
        for each in said:
            if not len(spool):
                for stored in thread.feed(_mark(name, reader.facts, each)):
                    keep(stored)
            for stored in thread.feed(each):
                keep(stored)
    settled = len(spool)
    for stored in thread.finish():
        keep(stored)
    return settled


def _mark(name: str, facts: Facts, first: Said) -> Said:
    """Tells a model that goes on with it where the conversation comes from."""
    where = f" in {facts.cwd}" if facts.cwd else ""
    text = (
        f"This conversation was imported: it took place in {name}{where}. Its tools may have had "
        "other names, and files may have changed since. Look before you rely on what it says."
    )
    return Said("notice", (Text(text),), facts.started or first.at)


def _source(
    store: Store, agent_id: str, kind: str, path: Path, lines: JsonLines, facts: Facts,
    spool: Spool, settled: int,
) -> Imported:  # fmt: skip
    """Which history this is. Two that differ from the start are two, whatever their names."""
    name = path.stem if kind == "claude" else facts.session_id or path.stem
    there = store.imports.find(agent_id, kind, name)
    if there and spool.digest(there.settled) != there.settled_sha256 and there.path != str(path):
        name = f"{name}@{path}"
    return Imported(
        kind, name, str(path), lines.size, lines.modified_ns, "", len(spool), settled,
        spool.digest(settled), spool.digest(len(spool)),
    )  # fmt: skip


def _project(cwd: str) -> str:
    """The project key that our own conversations in `cwd` have."""
    if not cwd.startswith("/"):
        return cwd
    try:
        return project_key(Path(cwd), find_repository(Path(cwd)))
    except (OSError, ValueError, AgentError):
        return cwd
