"""`agent files`: documents that the agent can open, grep and search, cited by page and line."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.opened import Opened, opened
from letta_cli.cli.output import age, at_least_one, clip, say, say_json, say_text, table, warn
from letta_cli.core.clock import to_text
from letta_cli.core.counting import plural
from letta_cli.core.document import Document, DocumentRefused
from letta_cli.core.errors import NotFound
from letta_cli.tools.files import found_by, passage
from letta_cli.workspace.documents import find_documents, read_document, stamp

app = new_app(
    "Documents for the agent: text, Markdown, code, PDF, transcripts. It cites them by page and "
    "line: manual.pdf:p3, notes.md:12-40."
)

_SHOWN = 20
_SHOW_CHARACTERS = 1_000_000

Paths = Annotated[list[str], typer.Argument(metavar="PATH", help="Files or folders.")]


@app.command("add", cls=LightCommand)
def add_files(
    paths: Paths,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> int:
    """Add files, and folders with all in them that git does not ignore."""
    with opened(agent=agent, database=database, directory=directory) as here:
        done: list[dict[str, Any]] = []
        for given in paths:
            path = _absolute(here, given)
            if path.is_dir():
                here.store.files.add_folder(here.agent.id, str(path))
                done += _take(here, find_documents(path), quiet=True)
            elif path.exists():
                done += _take(here, [path])
            else:
                detail = "there is no such file or folder"
                done.append({"path": str(path), "state": "refused", "detail": detail})
    return _tell(done, as_json)


@app.command("list", cls=LightCommand)
def list_files(
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """List the agent's files."""
    with opened(agent=agent, database=database) as here:
        found = here.store.files.list(here.agent.id)
        if as_json:
            say_json([_facts(each) for each in found])
            return
        if not found:
            say("No files yet. Add some with: agent files add PATH")
            return
        rows = [
            (each.name, each.kind, str(each.sections), age(each.read_at), _state(each),
             here.shorten(each.path))
            for each in found
        ]  # fmt: skip
    table(("NAME", "KIND", "SECTIONS", "READ", "STATE", "PATH"), rows, flexible=5)


@app.command("show", cls=LightCommand)
def show_file(
    citation: Annotated[
        str, typer.Argument(metavar="CITATION", help="A name, or a place in it: manual.pdf:p3.")
    ],
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Print a file as the agent has it, from a place on."""
    with opened(agent=agent, database=database) as here:
        document, place = found_by(here.store, here.agent.id, citation)
        shown = passage(document, here.store.files.sections(document), place, _SHOW_CHARACTERS)
    if shown is None:
        raise NotFound(f"{document.name} has no {place!r}. See: agent files show {document.name}")
    say_text(shown)


@app.command("search", cls=LightCommand)
def search_files(
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="What to look for.")],
    as_json: options.Json = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most so many.")] = 10,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Search in the files."""
    at_least_one("--limit", limit)
    with opened(agent=agent, database=database) as here:
        found = here.store.files.search(here.agent.id, " ".join(words), limit=limit)
    if as_json:
        say_json(
            [
                {"citation": citation, "snippet": hit.snippet, "score": hit.score}
                for citation, hit in found
            ]
        )
        return
    if not found:
        say("Nothing found.")
    for citation, hit in found:
        say_text(citation)
        say(f"    {clip(hit.snippet, 160)}")


@app.command("remove", cls=LightCommand)
def remove_files(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Names, paths or folders.")],
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> int:
    """Take files from the agent; a folder with all that is in it. On disk nothing changes."""
    with opened(agent=agent, database=database, directory=directory) as here:
        removed: list[str] = []
        unknown: list[str] = []
        for name in names:
            try:
                removed += _remove(here, name)
            except NotFound as error:
                unknown.append(str(error))
    if as_json:
        say_json(removed)
    else:
        for name in removed[:_SHOWN]:
            say_text(f"removed {name}")
        if len(removed) > _SHOWN:
            say(f"… and {len(removed) - _SHOWN} more")
    for problem in unknown:
        warn(problem)
    return 1 if unknown else 0


@app.command("refresh", cls=LightCommand)
def refresh_files(
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> int:
    """Read what changed on disk, and new files in added folders."""
    with opened(agent=agent, database=database) as here:
        known = here.store.files.list(here.agent.id)
        done = _take(here, [Path(each.path) for each in known])
        paths = {each.path for each in known}
        for folder in here.store.files.folders(here.agent.id):
            fresh = (path for path in find_documents(Path(folder)) if str(path) not in paths)
            done += _take(here, fresh, quiet=True)
    return _tell(done, as_json)


def _take(here: Opened, paths: Iterable[Path], *, quiet: bool = False) -> list[dict[str, Any]]:
    """Read files and keep them.

    Args:
        quiet: they were not named one by one: what is no document is counted, not complained of.
    """
    files, agent_id = here.store.files, here.agent.id
    known = {each.path: each for each in files.list(agent_id)}
    done: list[dict[str, Any]] = []
    for path in paths:
        before = known.get(str(path))
        if before and stamp(path) == (before.size, before.modified_ns) and not before.trouble:
            done.append({**_facts(before), "state": "unchanged", "detail": ""})
            continue
        try:
            document, state = files.put(agent_id, str(path), read_document(path))
            done.append({**_facts(document), "state": state, "detail": ""})
        except DocumentRefused as error:
            if before:
                files.refresh(before, read_document)
            state = "unreadable" if before else "skipped" if quiet else "refused"
            done.append({"path": str(path), "state": state, "detail": str(error)})
    return done


def _remove(here: Opened, name: str) -> list[str]:
    files, agent_id = here.store.files, here.agent.id
    folder = str(_absolute(here, name))
    inside = [each for each in files.list(agent_id) if each.path.startswith(folder + os.sep)]
    if files.remove_folder(agent_id, folder) or inside:
        found = inside
    else:
        found = [each for each in files.list(agent_id) if each.path == folder]
        found = found or [files.find(agent_id, name)]
    for document in found:
        files.remove(document)
    return [document.name for document in found]


def _absolute(here: Opened, given: str) -> Path:
    return Path(os.path.realpath(Path(here.directory) / Path(given).expanduser()))


def _tell(done: list[dict[str, Any]], as_json: bool) -> int:
    refused = [each for each in done if each["state"] in ("refused", "unreadable")]
    if as_json:
        say_json(done)
    else:
        news = [each for each in done if each["state"] in ("new", "changed")]
        for each in news[:_SHOWN]:
            size = plural(each["sections"], "section")
            say_text(f"{each['state']:8} {each['name']}  {each['kind']}, {size}")
        if len(news) > _SHOWN:
            say(f"… and {len(news) - _SHOWN} more")
        counts = Counter(each["state"] for each in done)
        say(", ".join(f"{count} {state}" for state, count in counts.items()) or "No file found.")
        reasons = Counter(each["detail"] for each in done if each["state"] == "skipped")
        for reason, count in reasons.most_common(5):
            say_text(f"  {count} skipped: {reason}")
    for each in refused:
        warn(f"{each['path']}: {each['detail']}.")
    return 1 if refused else 0


def _state(document: Document) -> str:
    if document.trouble:
        return document.trouble
    now = stamp(Path(document.path))
    if now is None:
        return "gone"
    return "" if now == (document.size, document.modified_ns) else "changed on disk"


def _facts(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "name": document.name,
        "path": document.path,
        "kind": document.kind,
        "sha256": document.sha256,
        "size_bytes": document.size,
        "sections": document.sections,
        "trouble": document.trouble,
        "read_at": to_text(document.read_at),
    }
