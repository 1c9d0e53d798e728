"""`agent memory export` and `import`: blocks as Markdown files with a head, there and back.

Neither overwrites what it did not write: a file that was edited is kept by an export, and a block
that went on since its file was written is kept by an import. Both say so and exit with 1.
"""

from dataclasses import replace
from difflib import unified_diff
from pathlib import Path
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.memory_view import text_at
from letta_cli.cli.opened import Opened, opened
from letta_cli.cli.output import say, say_json, warn
from letta_cli.core.errors import AgentError, NotFound, StoreError, UsageError
from letta_cli.core.memory import MemoryBlock, Origin
from letta_cli.core.memory_file import Document, parse, place, text_of
from letta_cli.frontends.sanitize import sanitize_line

IMPORT = Origin(actor="person", note="agent memory import")
_CLASH = ("conflict", "kept", "refused")


def export_blocks(
    folder: Annotated[
        str, typer.Argument(metavar="DIR|-", help="Where to; - is standard output.")
    ] = "memory",
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> int:
    """Write all blocks as Markdown files. A file with edits of yours is kept, and said."""
    with opened(agent=agent, database=database) as here:
        blocks = here.store.blocks.list(here.agent.id)
        marked = here.store.reviews.sources(blocks)
        if folder == "-":
            say(
                "\n".join(
                    text_of(block, marked.get(block.id, "")) for block in blocks
                ).removesuffix("\n")
            )
            return 0
        done = [
            _write(here, block, Path(folder).expanduser(), marked.get(block.id, ""))
            for block in blocks
        ]
    return _tell(done, as_json=as_json)


def import_blocks(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A Markdown file, or a folder.")],
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> int:
    """Take edited or new exported files back into the blocks.

    A block that changed since its file was written is not touched; the difference is shown.
    """
    with opened(agent=agent, database=database, directory=directory) as here:
        done = [_take(here, file) for file in _files(Path(path).expanduser())]
    return _tell(done, as_json=as_json)


def _write(here: Opened, block: MemoryBlock, folder: Path, untrusted: str) -> dict[str, Any]:
    path = folder / place(block)
    told = {"label": block.label, "path": str(path), "version": block.version}
    try:
        if path.exists() and (path.is_symlink() or not _is_ours(here, block, path)):
            return {**told, "state": "kept", "detail": "it has edits of yours; import it first"}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(block, untrusted), encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}.") from error
    return {**told, "state": "written", "detail": ""}


def _is_ours(here: Opened, block: MemoryBlock, path: Path) -> bool:
    """Whether the file says what the block said when the file was written."""
    try:
        document = parse(path.read_text(encoding="utf-8"), str(path))
        if document.version is None:
            return False
        return text_at(here, block, document.version) == document.value
    except (AgentError, UnicodeDecodeError):
        return False


def _files(path: Path) -> list[Path]:
    found = sorted(path.rglob("*.md")) if path.is_dir() else [path] if path.is_file() else []
    if not found:
        raise UsageError(f"{path}: there is no Markdown file to import.")
    return found


def _take(here: Opened, path: Path) -> dict[str, Any]:
    told: dict[str, Any] = {"path": str(path), "label": "", "version": None}
    try:
        document = parse(path.read_text(encoding="utf-8"), str(path))
        told["label"] = document.label
        block = _block_of(here, document)
        if block is None:
            made = here.store.blocks.create(
                here.agent.id, document.label, description=document.description,
                value=document.value, limit=document.limit, scope=document.scope,
                scope_key=document.scope_key, read_only=document.read_only,
                origin=replace(IMPORT, untrusted=document.untrusted),
            )  # fmt: skip
            return {**told, "state": "created", "version": made.version, "detail": ""}
        return {**told, **_merge(here, block, document)}
    except (StoreError, UsageError) as error:
        return {**told, "state": "refused", "detail": str(error)}
    except (OSError, UnicodeDecodeError) as error:
        return {**told, "state": "refused", "detail": f"{path}: cannot be read: {error}"}


def _block_of(here: Opened, document: Document) -> MemoryBlock | None:
    where = (document.label, document.scope, document.scope_key)
    for block in here.store.blocks.list(here.agent.id):
        if (block.label, block.scope, block.scope_key) == where:
            return block
    return None


def _merge(here: Opened, block: MemoryBlock, document: Document) -> dict[str, Any]:
    if block.value == document.value:
        return {"state": "unchanged", "version": block.version, "detail": ""}
    if document.version == block.version:
        made = here.store.blocks.rethink(
            block.id, document.value, version=block.version,
            origin=replace(IMPORT, untrusted=document.untrusted),
        )  # fmt: skip
        return {"state": "changed", "version": made.version, "detail": ""}
    try:
        base = text_at(here, block, document.version) if document.version else None
    except NotFound:
        base = None
    if base == document.value:
        return {"state": "older", "version": block.version, "detail": "the memory is newer"}
    lines = unified_diff(
        block.value.splitlines(), document.value.splitlines(),
        f"memory (version {block.version})", f"file (from version {document.version})",
        lineterm="",
    )  # fmt: skip
    detail = "both were edited; nothing was stored. Export anew, or edit the block:\n"
    return {"state": "conflict", "version": block.version, "detail": detail + "\n".join(lines)}


def _tell(done: list[dict[str, Any]], *, as_json: bool) -> int:
    clashes = [each for each in done if each["state"] in _CLASH]
    if as_json:
        say_json(done)
    else:
        for each in done:
            say(sanitize_line(f"{each['state']}: {each['label'] or '?'}  {each['path']}"))
            for line in each["detail"].splitlines():
                say(f"    {sanitize_line(line)}")
    if clashes:
        warn(f"{len(clashes)} of {len(done)} were left as they are; see above.")
    return 1 if clashes else 0
