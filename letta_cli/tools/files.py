"""search_files and open_file: the documents that the person gave this agent, with citations.

A file that changed on disk since it was read is read again before it is shown. The tools are only
offered to an agent that has files.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from letta_cli.core.counting import plural
from letta_cli.core.document import Document, Section
from letta_cli.core.errors import NotFound
from letta_cli.core.outside import joined
from letta_cli.core.tool import Display, ToolSpec
from letta_cli.store import Store
from letta_cli.tools.arguments import integer, integer_of, schema, text, text_of
from letta_cli.tools.paths import TitleOf, one_line
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok
from letta_cli.workspace.documents import read_document, stamp

SEARCH = ToolSpec(
    name="search_files",
    description="Search the documents the person gave you; returns citations such as "
    "manual.pdf:p3 or notes.md:12-40. Cite them in your answer.",
    parameters=schema("query", query=text_of(), limit=integer_of()),
    kind="read",
    summary="search the given documents",
    concurrent=True,
)

OPEN = ToolSpec(
    name="open_file",
    description="Read a given document from a citation on, or find lines in it.",
    parameters=schema(
        "",
        citation=text_of("manual.pdf:p3, or a name alone; none: list the documents"),
        pattern=text_of("only lines with this text; a|b for either"),
    ),
    kind="read",
    summary="open a given document",
    concurrent=True,
)

_CHARACTERS = 12_000
_LINES = 100
_LISTED = 200


async def search(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    query = text(arguments, "query")
    limit = max(1, min(30, integer(arguments, "limit", 8)))
    store = context.store
    found = store.files.search(context.agent_id, query, limit=limit)
    # The files that it found may have changed since they were read.
    renewed = [_is_renewed(store, source) for source in {hit.source for _, hit in found}]
    if any(renewed):
        found = store.files.search(context.agent_id, query, limit=limit)
    if not found:
        return ok(
            f"Nothing in the documents matches {query!r}. Try fewer or other words, or open_file "
            "with a pattern.",
            Display(title=f"Search files {query}: nothing"),
        )
    content = "\n".join(f"{citation}\n  {one_line(hit.snippet, 400)}" for citation, hit in found)
    display = Display(title=f"Search files {query}: {len(found)} found", text=content)
    documents = [store.files.get(source) for source in {hit.source for _, hit in found}]
    return ok(content, display, outside=_outside(documents, context))


async def open_file(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    citation, pattern = text(arguments, "citation").strip(), text(arguments, "pattern")
    store = context.store
    try:
        if not citation:
            documents = store.files.list(context.agent_id)
            if pattern:
                return _lines_with(context, documents, pattern)
            content = listed(documents)
            return ok(content, Display(title=f"{len(documents)} documents", text=content))
        document, place = found_by(store, context.agent_id, citation)
    except NotFound as error:
        return failed(str(error))
    _is_renewed(store, document.id)
    document = store.files.get(document.id)
    if pattern:
        return _lines_with(context, [document], pattern)
    shown = passage(document, store.files.sections(document), place, _CHARACTERS)
    if shown is None:
        return failed(f"{document.name} has no {place!r}. {_extent(store, document)}")
    display = Display(title=f"Open {citation}", text=shown)
    return ok(shown, display, outside=_outside([document], context))


def found_by(store: Store, agent_id: str, citation: str) -> tuple[Document, str]:
    """The file and the place that a citation names. Raises NotFound."""
    try:
        return store.files.find(agent_id, citation), ""
    except NotFound:
        name, colon, place = citation.rpartition(":")
        if not colon:
            raise
        return store.files.find(agent_id, name), place.strip()


def passage(document: Document, sections: Sequence[Section], place: str, room: int) -> str | None:
    """The text from a place on, as much as there is room for; None when there is no such place."""
    start = _index(sections, place)
    if start is None:
        return None
    told: list[str] = []
    for section in sections[start:]:
        piece = f"{document.name}:{section.place}{_heading(section)}\n{_body(document, section)}"
        if told and len(piece) > room:
            told.append(f"(goes on at {document.name}:{section.place})")
            break
        told.append(piece if len(piece) <= room else f"{piece[:room]}… (cut)")
        room -= len(piece)
    if document.trouble:
        told.append(f"(this is its last text: the file is {document.trouble})")
    return "\n\n".join(told)


def listed(documents: Sequence[Document]) -> str:
    """The files, one a line."""
    lines = [
        f"{each.name}  {each.kind}, {plural(each.sections, 'section')}"
        + (f"  (not readable now: {each.trouble})" if each.trouble else "")
        for each in documents[:_LISTED]
    ]
    if len(documents) > _LISTED:
        lines.append(f"… and {len(documents) - _LISTED} more")
    return "\n".join(lines) or "There are no documents."


def lines_with(
    document: Document, sections: Sequence[Section], pattern: str
) -> Iterator[tuple[str, str]]:
    """The lines that hold a text, whatever its case, each with its citation."""
    wanted = [each.casefold() for each in pattern.split("|") if each.strip()]
    for section in sections:
        first = int(section.place.partition("-")[0]) if document.kind == "text" else None
        for offset, line in enumerate(section.text.split("\n")):
            if any(each in line.casefold() for each in wanted):
                place = section.place if first is None else str(first + offset)
                yield f"{document.name}:{place}", line


def _outside(documents: Sequence[Document], context: ToolContext) -> str:
    """A document is the person's choice; not so what lies in a folder that they do not trust."""
    return joined(context.outside_at(Path(document.path)) for document in documents)


def _lines_with(context: ToolContext, documents: Sequence[Document], pattern: str) -> ToolOutcome:
    store = context.store
    found: list[str] = []
    more = False
    for document in documents:
        for citation, line in lines_with(document, store.files.sections(document), pattern):
            if len(found) == _LINES:
                more = True
                break
            found.append(f"{citation}: {one_line(line, 300)}")
    if not found:
        return ok(f"No line holds {pattern!r}.", Display(title=f"Find {pattern}: nothing"))
    content = "\n".join(found) + ("\n(there are more; give more of the text)" if more else "")
    display = Display(title=f"Find {pattern}: {len(found)} lines", text=content)
    return ok(content, display, outside=_outside(documents, context))


def _is_renewed(store: Store, file_id: str) -> bool:
    """Read a file again when it is not the one that was read; True when its text is another."""
    document = store.files.get(file_id)
    now = stamp(Path(document.path))
    if now == (document.size, document.modified_ns) or (now is None and document.trouble):
        return False
    return store.files.refresh(document, read_document) == "changed"


def _index(sections: Sequence[Section], place: str) -> int | None:
    if not place:
        return 0 if sections else None
    for index, section in enumerate(sections):
        if section.place == place:
            return index
    line = place.partition("-")[0]
    if line.isdigit():
        for index, section in enumerate(sections):
            first, _, last = section.place.partition("-")
            if first.isdigit() and int(first) <= int(line) <= int(last or first):
                return index
    return None


def _heading(section: Section) -> str:
    return f" ({section.heading})" if section.heading else ""


def _body(document: Document, section: Section) -> str:
    if document.kind != "text":
        return section.text
    first = int(section.place.partition("-")[0])
    return "\n".join(
        f"{number}\t{line}" for number, line in enumerate(section.text.split("\n"), start=first)
    )


def _extent(store: Store, document: Document) -> str:
    sections = store.files.sections(document)
    return f"It goes from {sections[0].place} to {sections[-1].place}." if sections else ""


SEARCH_TOOL = Tool(SEARCH, search, TitleOf("search_files", "query"))
OPEN_TOOL = Tool(OPEN, open_file, TitleOf("open_file", "citation"))
