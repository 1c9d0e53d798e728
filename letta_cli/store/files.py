"""Files that a person gave an agent: what they are, and their text in citable sections.

The text itself is one source of kind ``file`` in `documents`, where the search finds it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Literal

from letta_cli.core.clock import from_text, now, to_text
from letta_cli.core.document import Document, DocumentRefused, Reading, Section
from letta_cli.core.errors import NotFound
from letta_cli.core.ids import new_id
from letta_cli.store import rows
from letta_cli.store.database import Database, Row
from letta_cli.store.documents import Documents
from letta_cli.store.filters import Filters
from letta_cli.store.indexing import Piece
from letta_cli.store.search import Hit, Search

KIND = "file"

_COLUMNS = "id, agent_id, name, path, kind, sha256, size, modified_ns, sections, trouble, read_at"

Change = Literal["new", "changed", "unchanged", "unreadable"]
_Documents = list[Document]


class Files:
    """The repository of files. Raises what `Database` raises, and what methods name."""

    def __init__(self, database: Database, documents: Documents, search: Search) -> None:
        self._database = database
        self._documents = documents
        self._search = search

    def put(self, agent_id: str, path: str, reading: Reading) -> tuple[Document, Change]:
        """Keep a file as it was read; one with the same bytes as before keeps its sections.

        Raises:
            NotFound: there is no such agent.
        """
        path = rows.clean(path)
        with self._database.transaction():
            before = self._one("agent_id = ? AND path = ?", agent_id, path)
            if before is not None and before.sha256 == reading.sha256:
                self._stamp(before.id, reading)
                return self.get(before.id), "unchanged"
            file_id = before.id if before else new_id("file")
            name = before.name if before else self._free_name(agent_id, path)
            if before is None:
                self._database.execute(
                    f"INSERT INTO file ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    file_id, agent_id, name, path, reading.kind, reading.sha256, reading.size,
                    reading.modified_ns, len(reading.sections), "", to_text(now()),
                )  # fmt: skip
            self._stamp(file_id, reading)
            pieces = [
                Piece(each.place, f"{name} {each.heading}".strip(), each.text)
                for each in reading.sections
            ]
            self._documents.put(agent_id, KIND, file_id, pieces)
            return self.get(file_id), "changed" if before else "new"

    def refresh(self, document: Document, read: Callable[[Path], Reading]) -> Change:
        """Read a file again and keep what changed; one that is gone keeps its last text."""
        try:
            return self.put(document.agent_id, document.path, read(Path(document.path)))[1]
        except DocumentRefused as error:
            with self._database.transaction():
                self._database.execute(
                    "UPDATE file SET trouble = ? WHERE id = ?", rows.clean(str(error)), document.id
                )
            return "unreadable"

    def get(self, file_id: str) -> Document:
        """Raises NotFound."""
        found = self._one("id = ?", file_id)
        if found is None:
            raise NotFound(f"There is no file {file_id}.")
        return found

    def find(self, agent_id: str, name: str) -> Document:
        """The file with this name, path, id, or end of a path.

        Raises:
            NotFound: none, or several; says which there are.
        """
        everything = self.list(agent_id)
        for document in everything:
            if name in (document.name, document.path, document.id):
                return document
        ends = [each for each in everything if each.path.endswith("/" + name.lstrip("./"))]
        if len(ends) == 1:
            return ends[0]
        named = ", ".join(each.name for each in (ends or everything)[:20]) or "none"
        count = "several files" if ends else "no file"
        raise NotFound(f"There is {count} {name!r}. Files: {named}.")

    def list(self, agent_id: str) -> _Documents:
        """All files of an agent, by name."""
        found = self._database.query(
            f"SELECT {_COLUMNS} FROM file WHERE agent_id = ? ORDER BY name", agent_id
        )
        return [_document(row) for row in found]

    def any(self, agent_id: str) -> bool:
        """Whether the agent has a file at all."""
        return bool(self._database.query("SELECT 1 FROM file WHERE agent_id = ? LIMIT 1", agent_id))

    def sections(self, document: Document) -> Sequence[Section]:
        """The text of a file, in order."""
        return [
            Section(piece.place, piece.title.removeprefix(document.name).strip(), piece.text)
            for piece in self._documents.read(KIND, document.id)
        ]

    def search(self, agent_id: str, words: str, *, limit: int = 10) -> Sequence[tuple[str, Hit]]:
        """The sections that fit best, each with its citation ``name:place``, best first."""
        hits = self._search.find(agent_id, words, Filters((KIND,)), limit=limit)
        return [(self.named(hit).citation, hit) for hit in hits]

    def named(self, hit: Hit) -> Hit:
        """A hit that is cited as people cite it: one of kind ``file`` by the file's name."""
        return replace(hit, source=self.get(hit.source).name) if hit.kind == KIND else hit

    def remove(self, document: Document) -> None:
        """Take a file from the agent. The file itself is not touched."""
        with self._database.transaction():
            self._documents.drop(KIND, document.id)
            self._database.execute("DELETE FROM file WHERE id = ?", document.id)

    def add_folder(self, agent_id: str, path: str) -> None:
        """Remember a folder, so that a refresh finds what is new in it."""
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO file_folder (agent_id, path) VALUES (?, ?)"
                " ON CONFLICT (agent_id, path) DO NOTHING",
                agent_id, rows.clean(path),
            )  # fmt: skip

    def folders(self, agent_id: str) -> Sequence[str]:
        """The folders that were added, in order."""
        found = self._database.query(
            "SELECT path FROM file_folder WHERE agent_id = ? ORDER BY path", agent_id
        )
        return [row[0] for row in found]

    def remove_folder(self, agent_id: str, path: str) -> bool:
        """Forget a folder; False when it was not added. Its files stay."""
        with self._database.transaction():
            return bool(
                self._database.query(
                    "DELETE FROM file_folder WHERE agent_id = ? AND path = ? RETURNING 1",
                    agent_id, path,
                )
            )  # fmt: skip

    def _stamp(self, file_id: str, reading: Reading) -> None:
        self._database.execute(
            "UPDATE file SET kind = ?, sha256 = ?, size = ?, modified_ns = ?, sections = ?,"
            " trouble = '', read_at = ? WHERE id = ?",
            reading.kind, reading.sha256, reading.size, reading.modified_ns,
            len(reading.sections), to_text(now()), file_id,
        )  # fmt: skip

    def _free_name(self, agent_id: str, path: str) -> str:
        """The shortest end of the path that no other file of the agent is called."""
        parts = PurePath(path).parts
        taken = {document.name for document in self.list(agent_id)}
        ends = ("/".join(parts[-count:]) for count in range(1, len(parts)))
        return next((end for end in ends if end not in taken), path)

    def _one(self, condition: str, *args: str) -> Document | None:
        found = self._database.query(f"SELECT {_COLUMNS} FROM file WHERE {condition}", *args)
        return _document(found[0]) if found else None


def _document(row: Row) -> Document:
    id_, agent_id, name, path, kind, sha256, size, modified_ns, sections, trouble, read_at = row
    return Document(
        id_, agent_id, name, path, kind, sha256, size, modified_ns, sections, trouble,
        from_text(read_at),
    )  # fmt: skip
