"""Keeps a git repository in step with memory: every revision is a commit, every commit of a person
becomes revisions.

What was mirrored is read from the history itself, whose commits name their revisions, so there is
no other state that a crash could leave behind. The branch moves once, at the end: until then
nothing has happened, after that everything has.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from itertools import islice

from letta_cli.agent.mirror_edits import Edits, Line, Taken
from letta_cli.core.clock import now, to_text
from letta_cli.core.errors import Busy, NotFound
from letta_cli.core.memory import ATTACHED, DETACHED, RENAMED, BlockRevision, MemoryBlock
from letta_cli.core.memory_file import block_id_in, folder_name, place, text_of
from letta_cli.store import Store
from letta_cli.store.locks import new_lock
from letta_cli.workspace.memory_repository import (
    TRAILER,
    Commit,
    Files,
    MemoryRepository,
    MirrorRefused,
)

_TRIES = 20
_SHOWN_LINES = 40
_BY_COMMIT = re.compile(r"\((?P<author>[^<>(]*) <(?P<email>[^<>]*)>, commit [0-9a-f]{12}\)$")


@dataclass
class Report:
    """What one synchronisation did."""

    commits: int = 0
    taken: list[Taken] = field(default_factory=list[Taken])
    kept: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class _State:
    """A block after one of its revisions: None when it was deleted then."""

    revision: BlockRevision
    block: MemoryBlock | None


def synchronise(store: Store, repository: MemoryRepository, *, wait_seconds: float) -> Report:
    """Take a person's edits, then write what memory did since the last time.

    One at a time: others wait. Safe to be ended at any moment, and to run while memory is edited
    and while a person pushes.

    Raises:
        Busy: another synchronisation went on for `wait_seconds`.
        MirrorRefused: git failed, or the repository mirrors another database.
    """
    lock = new_lock(repository.lock_file, "mirror of memory")
    if not lock.acquire(wait_seconds):
        raise Busy("Another process is bringing the mirror up to date.", holder=lock.holder())
    try:
        repository.unlock()
        report = Report()
        for _ in range(_TRIES):
            if _round(store, repository, report):
                report.kept = repository.kept()
                return report
        raise Busy("The mirror is being pushed to all the time; try again in a moment.")
    finally:
        lock.release()


def _round(store: Store, repository: MemoryRepository, report: Report) -> bool:
    """One try; False when a person pushed meanwhile."""
    main = repository.tip()
    recorded = repository.recorded(main)
    _refuse_other_database(store, recorded)
    disk = _Disk(repository, main, {folder_name(each.name) for each in store.agents.list()})
    own = repository.own_tip(main)
    lines = [Line(own, main)] if main != own else []
    for line in [*lines, *disk.line()]:
        taken = list(Edits(store, repository, line).take())
        if any(each.left for each in taken):
            branch = repository.keep(line.tip)
            taken = [replace(each, branch=branch) if each.left else each for each in taken]
        _add(report, taken)
    _add(report, disk.unreadable())
    commits = list(_commits(store, repository, main, recorded))
    new = repository.write(commits, main) if commits else main
    if not new:
        return True
    disk.bring_to(new)
    if new != main and not repository.advance(new, main):
        return False
    repository.refresh_index()
    report.commits += len(commits)
    return True


def _add(report: Report, taken: list[Taken]) -> None:
    report.taken += [each for each in taken if each not in report.taken]


class _Disk:
    """The working tree, and what a person edited in it without a commit."""

    def __init__(self, repository: MemoryRepository, main: str, folders: set[str]) -> None:
        self._repository = repository
        self._folders = folders
        self._base = repository.on_disk()
        found = repository.working_files()
        self._away = found is None
        files, self._date = found or ({}, now())
        self._unreadable = [path for path, text in files.items() if text is None]
        self._seen: Files = {path: text for path, text in files.items() if text is not None}
        # Whatever of ours a file may be at, after any crash: then it is no edit.
        commits = dict.fromkeys((self._base, main, repository.pending()))
        self._ours = [repository.files(commit) for commit in commits]

    def unreadable(self) -> list[Taken]:
        """Files that are left as they are."""
        detail = "It is not text in UTF-8, and was left as it is."
        return [
            Taken(path, "refused", detail=detail)
            for path in self._unreadable
            if path.partition("/")[0] in self._folders
        ]

    def line(self) -> list[Line]:
        """The edits as a commit on what they were made from; none when there are none."""
        base = self._ours[0]
        paths = {*self._seen, *base} if self._base and not self._away else set[str]()
        changes = {
            path: self._seen.get(path)
            for path in sorted(paths)
            if path.partition("/")[0] in self._folders and "/" in path
            if all(self._seen.get(path) != files.get(path) for files in self._ours)
            if not (path not in self._seen and (self._repository.root / path).exists())
        }
        if not changes:
            return []
        author, email = self._repository.person()
        commit = Commit(author, email, self._date, "Edited in place", changes)
        tip = self._repository.write([commit], self._base, ref="refs/agent/in-place")
        return [Line(self._base, tip)]

    def bring_to(self, commit: str) -> None:
        if not self._away:
            edited = {path for path in self._seen if path.partition("/")[0] in self._folders}
            ours = {path for files in self._ours for path in files}
            self._repository.bring_to(commit, self._seen, ours | edited)


def _commits(
    store: Store, repository: MemoryRepository, main: str, recorded: set[str]
) -> Iterator[Commit]:
    """The commits that lead from `main` to what memory is now."""
    files = repository.files(main)
    agents = {each.id: each.name for each in store.agents.list()}
    blocks = {block.id: block for block in store.blocks.everything() if block.agent_id in agents}
    for state, before in _missing(store, blocks, agents, recorded):
        path = _path(state.block, agents) if state.block else ""
        changes: dict[str, str | None] = {}
        if before and before != path:
            changes[before] = None
        if state.block:
            changes[path] = text_of(state.block)
        _apply(files, changes)
        author, email = _author(store, repository, state.revision)
        message = _message(state.revision)
        yield Commit(author, email, state.revision.created_at, message, changes)
    wanted = {
        _path(block, agents): text_of(block) for block in blocks.values() if not block.deleted
    }
    # A folder that is no agent's any more is known by the ids in the heads of its files.
    folders = {folder_name(name) for name in agents.values()}
    changes = {
        path: wanted.get(path)
        for path in sorted({*files, *wanted})
        if "/" in path and files.get(path, "") != wanted.get(path, "")
        if path in wanted or path.partition("/")[0] in folders or block_id_in(files[path])
    }
    if changes:
        names = "\n".join(sorted(changes))
        message = f"Files as memory has them\n\n{names}\n"
        yield Commit("agent", "agent", now(), message, changes)


def _missing(
    store: Store, blocks: dict[str, MemoryBlock], agents: dict[str, str], recorded: set[str]
) -> list[tuple[_State, str]]:
    """The revisions that have no commit, each with where the block's file was before it."""
    first: dict[str, int] = {}
    for block_id, version, date in store.blocks.revision_keys():
        block = blocks.get(block_id)
        if block is None or version > block.version or _key(block_id, version, date) in recorded:
            continue
        first[block_id] = min(version, first.get(block_id, version))
    found: list[tuple[str, int, _State, str]] = []
    for block_id, version in first.items():
        revisions = store.blocks.since(block_id, max(0, version - 2))
        first_block, states = _states(blocks[block_id], revisions, agents)
        # A block that the program made has no first revision, and yet a file.
        before = _path(first_block, agents) if revisions[0].version == version > 1 else ""
        latest = ""
        for state in states:
            revision = state.revision
            date = to_text(revision.created_at)
            # A clock that went back must not put an edit before the one it was made on.
            latest = max(latest, date)
            new = _key(block_id, revision.version, date) not in recorded
            if revision.version >= version and new:
                found.append((latest, revision.version, state, before))
            before = _path(state.block, agents) if state.block else ""
    found.sort(key=lambda each: (each[0], each[2].revision.block_id, each[1]))
    return [(state, before) for _, _, state, before in found]


def _states(
    block: MemoryBlock, revisions: list[BlockRevision], agents: dict[str, str]
) -> tuple[MemoryBlock, list[_State]]:
    """The block as it was before its newest revisions, and after each, oldest first."""
    label, detached = block.label, block.detached
    owner = agents[block.agent_id]
    states: list[_State] = []
    for revision in reversed(revisions):
        if revision.version > block.version:
            continue
        note, same = revision.origin.note, revision.before == revision.after
        then = replace(
            block, label=label, value=revision.after, version=revision.version,
            detached=detached, deleted=False,
        )  # fmt: skip
        states.append(_State(replace(revision, label=label), None if note == "deleted" else then))
        if same and note.startswith(RENAMED):
            label = note.removeprefix(RENAMED).strip()[1:-1]
        elif same and note in (f'{ATTACHED} "{owner}"', f'{DETACHED} "{owner}"'):
            detached = note.startswith(ATTACHED)
    return replace(block, label=label, detached=detached), states[::-1]


def _author(store: Store, repository: MemoryRepository, revision: BlockRevision) -> tuple[str, str]:
    """The conversation by its title and id; a person as their git signs."""
    origin = revision.origin
    if origin.conversation_id is not None:
        return _title(store, origin.conversation_id), origin.conversation_id
    if origin.actor != "person":
        return origin.actor, origin.actor
    by_commit = _BY_COMMIT.search(origin.note)
    return (by_commit["author"], by_commit["email"]) if by_commit else repository.person()


def _message(revision: BlockRevision) -> str:
    """What changed, why, and the trailer by which the revision is found again."""
    origin = revision.origin
    before, after = revision.before.splitlines(), revision.after.splitlines()
    diff = unified_diff(before, after, lineterm="", n=0)
    lines = [f"{line[0]} {line[1:]}" for line in islice(diff, 2, None) if line[0] != "@"]
    added = sum(line.startswith("+") for line in lines)
    note = " ".join(origin.note.split())
    subject = f"{revision.label} {revision.version}: +{added} -{len(lines) - added} lines"
    if not lines:
        subject = f"{revision.label} {revision.version}: {note or 'made'}"
    if len(lines) > _SHOWN_LINES:
        lines = [*lines[:_SHOWN_LINES], f"  and {len(lines) - _SHOWN_LINES} more"]
    trailers = [f"{TRAILER}: {_key_of(revision)}"]
    if origin.conversation_id:
        trailers.insert(0, f"Conversation: {origin.conversation_id}")
    if origin.run_id:
        trailers.insert(0, f"Run: {origin.run_id}")
    parts = [subject, "\n".join(f"  {line}" for line in lines), note, "\n".join(trailers)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(store: Store, conversation_id: str) -> str:
    try:
        return store.conversations.get(conversation_id).title or conversation_id
    except NotFound:
        return conversation_id


def _refuse_other_database(store: Store, recorded: set[str]) -> None:
    if not recorded:
        return
    here = {block_id for block_id, _, _ in store.blocks.revision_keys()}
    if not any(key.partition(" ")[0] in here for key in recorded):
        raise MirrorRefused(
            "The mirror is that of another database. Name a new or an empty folder."
        )


def _apply(files: dict[str, str | None], changes: dict[str, str | None]) -> None:
    for path, text in changes.items():
        if text is None:
            files.pop(path, None)
        else:
            files[path] = text


def _path(block: MemoryBlock, agents: dict[str, str]) -> str:
    return f"{folder_name(agents[block.agent_id])}/{place(block)}"


def _key_of(revision: BlockRevision) -> str:
    return _key(revision.block_id, revision.version, to_text(revision.created_at))


def _key(block_id: str, version: int, date: str) -> str:
    return f"{block_id} {version} {date}"
