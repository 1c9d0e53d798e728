"""Edits of a person in the mirror's files, taken back into memory like any other edit.

Each file is merged on three sides: what it said when the person began, what it says now, and what
the block says now. What does not merge changes nothing and is told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

from letta_cli.core.errors import Conflict, StoreError, UsageError
from letta_cli.core.memory import DEFAULT_LIMIT, BlockRevision, MemoryBlock, Origin
from letta_cli.core.memory_file import (
    Document,
    block_id_in,
    folder_name,
    has_head,
    label_of,
    parse,
    place,
)
from letta_cli.store import Store
from letta_cli.workspace.memory_repository import MemoryRepository, Touch

_TRIES = 20
_LONGEST_SUBJECT = 200

State = Literal["changed", "created", "renamed", "deleted", "conflict", "refused"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one edited file.

    Attributes:
        detail: for a conflict, both sides; for a refusal, its reason.
        branch: where the person's commit is kept that was not taken.
    """

    path: str
    state: State
    label: str = ""
    version: int = 0
    author: str = ""
    detail: str = ""
    branch: str = ""

    @property
    def left(self) -> bool:
        """Whether memory stays as it was."""
        return self.state in ("conflict", "refused")


@dataclass(frozen=True, slots=True)
class Line:
    """Commits of a person: from where they began to the last of them."""

    base: str
    tip: str


class Edits:
    """Takes the edits of one line of commits."""

    def __init__(self, store: Store, repository: MemoryRepository, line: Line) -> None:
        self._store = store
        self._repository = repository
        self._line = line
        self._agents = {folder_name(each.name): each.id for each in store.agents.list()}
        self._before = self._ours(repository.files(line.base))
        self._after = self._ours(repository.files(line.tip))

    def take(self) -> Iterator[Taken]:
        """Take every changed file; yields what became of each."""
        changed = [
            path
            for path in sorted({*self._before, *self._after})
            if self._before.get(path, "") != self._after.get(path, "")
            or (path in self._before) != (path in self._after)
        ]
        moved = self._moves(changed)
        for path in changed:
            if path in moved.values():
                continue
            touch = self._touch(moved.get(path, path))
            who = f"{touch.author} <{touch.email}>"
            try:
                for done in self._one(path, moved.get(path, path), touch):
                    yield replace(done, author=who)
            except (StoreError, UsageError) as error:
                label = label_of(PurePosixPath(path))
                yield Taken(path, "refused", label, author=who, detail=str(error))

    def _one(self, path: str, target: str, touch: Touch) -> Iterator[Taken]:
        after = self._after.get(target, "")
        if after is None:
            raise UsageError(f"{target} is not text in UTF-8.")
        origin = Origin("person", note=note_of(touch))
        before = self._before.get(path)
        if not before:
            yield from self._create(path, after, origin)
            return
        document = parse(before, path)
        block = self._block(document.id)
        if block is None:
            return
        if target not in self._after:
            yield from self._delete(path, block, document, origin)
            return
        edited = parse(after, target) if has_head(after) else replace(document, value=after)
        if target != path and edited.label == document.label:
            edited = replace(edited, label=label_of(PurePosixPath(target)))
        yield from self._edit(path, target, block, (document, edited), origin)

    def _edit(
        self,
        path: str,
        target: str,
        block: MemoryBlock,
        documents: tuple[Document, Document],
        origin: Origin,
    ) -> Iterator[Taken]:
        old, new = documents
        if block.deleted:
            detail = f"The block was deleted meanwhile; back with: agent memory undo {block.label}"
            yield Taken(path, "conflict", block.label, block.version, detail=detail)
            return
        if new.limit != old.limit:
            self._store.blocks.set_limit(block.id, new.limit)
        if new.value != old.value:
            made = self._merge(path, target, block, documents, origin)
            if isinstance(made, Taken):
                yield made
                return
            if made is not None:
                yield Taken(path, "changed", made.label, made.version)
        if new.description != old.description:
            self._store.blocks.describe(block.id, new.description)
        if new.read_only != old.read_only:
            self._store.blocks.set_read_only(block.id, new.read_only)
        if new.label not in (old.label, block.label):
            named = self._store.blocks.rename(block.id, new.label, origin=origin)
            yield Taken(path, "renamed", named.label, named.version)

    def _merge(
        self,
        path: str,
        target: str,
        block: MemoryBlock,
        documents: tuple[Document, Document],
        origin: Origin,
    ) -> BlockRevision | Taken | None:
        """The edit's revision; None when memory has it already; else the conflict."""
        old, new = documents
        base = self._known(target, block) or old.value
        for _ in range(_TRIES):
            current = self._block(block.id) or block
            if new.value in (current.value, base):
                return None
            merged, clean = new.value, True
            if current.value != base:
                merged, clean = self._repository.merge(base, current.value, new.value)
            if not clean:
                return Taken(path, "conflict", block.label, current.version, detail=merged)
            if merged == current.value:
                return None
            try:
                return self._store.blocks.rethink(
                    block.id, merged, version=current.version, origin=origin
                )
            except Conflict:
                # Another session was quicker: merge into what it wrote.
                continue
        raise UsageError(f"{path} is being edited by others all the time; try again later.")

    def _create(self, path: str, text: str, origin: Origin) -> Iterator[Taken]:
        folder, *rest = PurePosixPath(path).parts
        agent_id = self._agents[folder]
        label = label_of(PurePosixPath(path))
        if has_head(text):
            document = parse(text, path)
        elif len(rest) == 1:
            value = text.removesuffix("\n")
            document = Document(label, value, None, "agent", "", "", DEFAULT_LIMIT, False)
        else:
            near = self._neighbour(folder, PurePosixPath(*rest).parent)
            value = text.removesuffix("\n")
            document = replace(near, label=label, value=value, description="", read_only=False)
        for block in self._store.blocks.list(agent_id):
            where = (block.label, block.scope, block.scope_key)
            if where == (document.label, document.scope, document.scope_key):
                if block.value != document.value:
                    detail = f"There is already a block {label!r}. It reads:\n{block.value}"
                    yield Taken(path, "conflict", label, block.version, detail=detail)
                return
        made = self._store.blocks.create(
            agent_id, document.label, description=document.description, value=document.value,
            limit=document.limit, scope=document.scope, scope_key=document.scope_key,
            read_only=document.read_only, origin=origin,
        )  # fmt: skip
        yield Taken(path, "created", made.label, made.version)

    def _delete(
        self, path: str, block: MemoryBlock, document: Document, origin: Origin
    ) -> Iterator[Taken]:
        if block.deleted:
            return
        if block.value != document.value:
            detail = (
                f"The block was edited meanwhile, so it was not deleted. It reads:\n{block.value}"
            )
            yield Taken(path, "conflict", block.label, block.version, detail=detail)
            return
        made = self._store.blocks.delete(block.id, origin=origin)
        yield Taken(path, "deleted", made.label, made.version)

    def _neighbour(self, folder: str, inner: PurePosixPath) -> Document:
        """What a file without a head has in common with the blocks of its folder.

        Raises:
            UsageError: no block lies there.
        """
        for block in self._store.blocks.list(self._agents[folder]):
            if place(block).parent == inner:
                return Document(
                    block.label, "", None, block.scope, block.scope_key, "", DEFAULT_LIMIT, False
                )
        raise UsageError(
            f"{folder}/{inner} belongs to no project or conversation. Give the file a head with "
            "label, scope and scope_key, or put it beside a block that is there."
        )

    def _known(self, path: str, block: MemoryBlock) -> str | None:
        """What the file said in the newest commit that memory has taken already.

        After a crash between taking an edit and telling so, the edit is not taken again.
        """
        notes = [each.origin.note for each in self._store.blocks.since(block.id, 0)]
        for touch in self._repository.touches(self._line.base, self._line.tip, path):
            if any(_mark(touch) in note for note in notes):
                text = self._repository.text_at(touch.sha, path)
                return parse(text, path).value if text and has_head(text) else text
        return None

    def _moves(self, changed: list[str]) -> dict[str, str]:
        """Files that lie elsewhere now: known by the block's id in their heads."""
        lost = {
            block_id_in(self._before[path]): path for path in changed if path not in self._after
        }
        return {
            lost[id_]: path
            for path in changed
            if path not in self._before and (id_ := block_id_in(self._after[path])) in lost
        }

    def _block(self, block_id: str) -> MemoryBlock | None:
        return self._store.blocks.get(block_id)

    def _touch(self, path: str) -> Touch:
        touches = self._repository.touches(self._line.base, self._line.tip, path)
        return touches[0] if touches else Touch(self._line.tip, "person", "person", "")

    def _ours(self, files: Mapping[str, str | None]) -> dict[str, str | None]:
        return {
            path: text
            for path, text in files.items()
            if "/" in path and path.partition("/")[0] in self._agents
        }


def note_of(touch: Touch) -> str:
    """The note of a revision that came from the mirror."""
    subject = touch.subject[:_LONGEST_SUBJECT]
    return f"{subject} ({touch.author} <{touch.email}>, {_mark(touch)})".strip()


def _mark(touch: Touch) -> str:
    return f"commit {touch.sha[:12]}"
