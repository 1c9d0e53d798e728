"""`agent sessions`: the agent's conversations, and who is in them now."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.opened import Opened, find, find_named, opened
from letta_cli.cli.output import (
    SHORT_ID,
    age,
    agree_to_delete,
    at_least_one,
    clip,
    say,
    say_json,
    table,
    tell_deleted,
    write_out,
)
from letta_cli.cli.search import search
from letta_cli.cli.table import CONTEXT, target
from letta_cli.cli.transcript import as_markdown, spent_text
from letta_cli.core.agent import Conversation
from letta_cli.core.clock import to_text
from letta_cli.core.counting import plural
from letta_cli.core.errors import Busy, NotFound, UsageError
from letta_cli.core.ids import parse_citation
from letta_cli.core.outside import source
from letta_cli.core.presence import Presence
from letta_cli.portable.checked import read_document
from letta_cli.portable.conversation import conversation_document, take_conversation

app = new_app(
    "List, search, fork, export, import conversations. WHICH is an id, its start, or a title."
)

AROUND = 3
"""Messages on each side of a cited one."""

Which = Annotated[str, typer.Argument(metavar="WHICH", help="Id, its beginning, or title.")]


@app.command("list", cls=LightCommand)
def list_sessions(
    as_json: options.Json = False,
    here_only: Annotated[
        bool, typer.Option("--here", help="Only those of this directory.")
    ] = False,
    archived: Annotated[bool, typer.Option("--archived", help="Only archived ones.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those of reflection and learning, and archived.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most so many.")] = 30,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """List conversations, the newest first.

    live: an agent works or waits in it; idle: a terminal has it open; past: nobody has it open.
    """
    at_least_one("--limit", limit)
    with opened(agent=agent, database=database, directory=directory) as here:
        found = here.store.conversations.list(
            here.agent.id,
            cwd=here.directory if here_only else None,
            archived=None if everything else archived,
            kind=None if everything else "chat",
            limit=limit,
        )
        present = _present(here)
        models = here.store.runs.last_models(here.agent.id) if as_json else {}
        origins = here.store.imports.origins(here.agent.id) if as_json else {}
    if as_json:
        say_json(
            [
                facts(each, present.get(each.id, []), models.get(each.id, ""), origins.get(each.id))
                for each in found
            ]
        )
        return
    # Every agent has a default conversation; unused it tells a person nothing.
    found = [each for each in found if each.head or not each.is_default or each.id in present]
    if not found:
        say("No conversation yet. Start one with: agent chat")
        return
    rows = [
        (
            state_of(present.get(each.id, [])),
            each.id[:SHORT_ID],
            age(each.updated_at),
            each.title or "(no title)",
            _activity(present.get(each.id, [])),
            here.shorten(each.cwd),
        )
        for each in found
    ]
    table(("STATE", "ID", "AGE", "TITLE", "NOW", "DIRECTORY"), rows, flexible=3)


@app.command("show", cls=LightCommand)
def show_session(
    which: Which,
    context: Annotated[
        bool, typer.Option("--context", help="What the model would see now, with its tokens.")
    ] = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Print a conversation, its context, or what is around conv-12:5."""
    with opened(agent=agent, database=database) as here:
        conversation = find(here, which)
        if context:
            target(CONTEXT)(here, conversation, as_json=as_json)
            return
        cited = _cited(conversation, which)
        span = (max(1, cited - AROUND), cited + AROUND) if cited else (1, conversation.head)
        if as_json:
            document = _document(here, conversation)
            shown = document["thread"][span[0] - 1 : span[1]]
            say_json({**document, "thread": shown})
        else:
            messages = here.store.messages.read(conversation.id, start=span[0], end=span[1])
            spent = "" if cited else spent_text(here.store, conversation)
            say(as_markdown(conversation, messages, spent).rstrip("\n"))


app.command("search", cls=LightCommand)(search)


@app.command("rename", cls=LightCommand)
def rename_session(
    which: Which,
    title: Annotated[list[str], typer.Argument(metavar="TITLE", help="The new title.")],
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Give a conversation another title."""
    new = " ".join(title).strip()
    if not new:
        raise UsageError("A title needs at least one word.")
    with opened(agent=agent, database=database) as here:
        conversation = find(here, which)
        here.store.conversations.rename(conversation.id, new)
        _done(here, conversation.id, as_json, f"{conversation.id} is now {new!r}")


@app.command("fork", cls=LightCommand)
def fork_session(
    which: Which,
    upto: Annotated[
        int | None,
        typer.Option("--upto", metavar="N", help="Copy only up to this message."),
    ] = None,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Copy a conversation, up to a citation such as conv-1234:5."""
    with opened(agent=agent, database=database) as here:
        conversation = find(here, which)
        upto = _cited(conversation, which) if upto is None else upto
        if upto is not None and not 1 <= upto <= conversation.head:
            raise UsageError(
                f"--upto: expected a message of {conversation.id}, 1 to {conversation.head}, "
                f"found {upto}."
                if conversation.head
                else f"--upto: {conversation.id} has no messages yet."
            )
        made = here.store.conversations.fork(conversation.id, upto_seq=upto)
        hint = f"go on with: agent chat --conversation {made.id}"
        _done(here, made.id, as_json, f"Forked into {made.id}; {hint}")


@app.command("archive", cls=LightCommand)
def archive_session(
    which: Which,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Hide a conversation from the list. Its messages stay searchable."""
    with opened(agent=agent, database=database) as here:
        conversation = find(here, which)
        here.store.conversations.archive(conversation.id, True)
        _done(here, conversation.id, as_json, f"Archived {conversation.id}")


@app.command("unarchive", cls=LightCommand)
def unarchive_session(
    which: Which,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Show an archived conversation in the list again."""
    with opened(agent=agent, database=database) as here:
        conversation = find(here, which)
        here.store.conversations.archive(conversation.id, False)
        _done(here, conversation.id, as_json, f"{conversation.id} is in the list again")


@app.command("export", cls=LightCommand)
def export_session(
    which: Which,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="md or json.")] = "md",
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Else standard output.")
    ] = None,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Write a conversation out, as Markdown or JSON."""
    if form not in ("md", "json"):
        raise UsageError(f"--format: expected md or json, found {form!r}.")
    with opened(agent=agent, database=database) as here:
        conversation = find(here, which)
        if form == "json":
            text = json.dumps(_document(here, conversation), indent=2) + "\n"
        else:
            text = as_markdown(conversation, here.store.messages.read(conversation.id))
    write_out(text, output)


@app.command("import", cls=LightCommand)
def import_session(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Exported as JSON.")],
    trusted: options.TrustFile = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Import conversations that were exported as JSON.

    One that is here already is left as it is.
    """
    with opened(agent=agent, database=database) as here:
        read = [read_document(Path(file).expanduser()) for file in files]
        done = [
            take_conversation(
                here.store,
                here.agent.id,
                each,
                note=f"file {each.where}",
                outside="" if trusted else source("file", str(each.where)),
            )
            for each in read
        ]
        while here.store.indexing.catch_up():
            pass
    if as_json:
        say_json([{**facts(each.conversation, []), "added": each.added} for each in done])
        return
    for each in done:
        state = "Imported" if each.added else "Already here:"
        title = clip(each.conversation.title or "(no title)", 60)
        say(f"{state} {each.conversation.id}  {plural(each.conversation.head, 'message')}  {title}")


@app.command("remove", cls=LightCommand)
def delete_session(
    which: Which,
    yes: options.Yes = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Delete a conversation and its messages for good. Memory stays."""
    with opened(agent=agent, database=database) as here:
        conversation = find_named(here, which)
        present = _present(here).get(conversation.id, [])
        if present:
            raise Busy(
                f"{conversation.id} is open in another terminal (pid {present[0].pid}); "
                "close it there first."
            )
        title = clip(conversation.title or "(no title)", 60)
        size = plural(conversation.head, "message")
        agree_to_delete(f"Delete {title!r} with {size} for good?", yes=yes)
        here.store.conversations.delete(conversation.id)
    tell_deleted(conversation.id, as_json=as_json)


def _cited(conversation: Conversation, which: str) -> int | None:
    """The message that a citation names; None when `which` names the conversation alone.

    Raises:
        NotFound: the conversation has no such message.
    """
    cited = parse_citation(which)
    if cited is None:
        return None
    if not 1 <= cited[1] <= conversation.head:
        raise NotFound(
            f"{conversation.id} has {plural(conversation.head, 'message')}; there is no {cited[1]}."
        )
    return cited[1]


def state_of(present: list[Presence]) -> str:
    """``live``, ``idle`` or ``past``."""
    if not present:
        return "past"
    return "idle" if all(each.state == "idle" for each in present) else "live"


def _activity(present: list[Presence]) -> str:
    """What is done there now, and on which machine when that is another one."""
    if not present:
        return ""
    first = next((each for each in present if each.state != "idle"), present[0])
    if first.state == "idle":
        doing = first.terminal or f"pid {first.pid}"
    else:
        doing = f"{first.state}: {first.activity}" if first.activity else first.state
    return doing if first.here else f"{doing} at {first.host}"


def facts(
    conversation: Conversation,
    present: list[Presence],
    ran_on: str = "",
    imported_from: str | None = None,
) -> dict[str, Any]:
    """A conversation as JSON says it; `ran_on` is its model where it has none of its own."""
    return {
        "id": conversation.id,
        "agent_id": conversation.agent_id,
        "title": conversation.title,
        "state": state_of(present),
        "cwd": conversation.cwd,
        "project": conversation.project,
        "kind": conversation.kind,
        "model": conversation.model or ran_on,
        "messages": conversation.head,
        "is_default": conversation.is_default,
        "archived": conversation.archived,
        "forked_from": conversation.forked_from,
        "imported_from": imported_from,
        "created_at": to_text(conversation.created_at),
        "updated_at": to_text(conversation.updated_at),
        "sessions": [
            {
                "session_id": each.session_id,
                "pid": each.pid,
                "host": each.host,
                "terminal": each.terminal,
                "cwd": each.cwd,
                "branch": each.branch,
                "state": each.state,
                "activity": each.activity,
                "started_at": to_text(each.started_at),
                "heartbeat_at": to_text(each.heartbeat_at),
            }
            for each in present
        ],
    }


def _document(here: Opened, conversation: Conversation) -> dict[str, Any]:
    present = _present(here).get(conversation.id, [])
    origin = here.store.imports.origins(conversation.agent_id).get(conversation.id)
    told = facts(conversation, present, _ran_on(here, conversation), origin)
    return {**conversation_document(here.store, conversation), **told}


def _ran_on(here: Opened, conversation: Conversation) -> str:
    return here.store.runs.last_models(conversation.agent_id).get(conversation.id, "")


def _present(here: Opened) -> dict[str, list[Presence]]:
    present: dict[str, list[Presence]] = {}
    for each in here.store.sessions.live():
        present.setdefault(each.conversation_id, []).append(each)
    return present


def _done(here: Opened, conversation_id: str, as_json: bool, line: str) -> None:
    if as_json:
        conversation = here.store.conversations.get(conversation_id)
        present = _present(here).get(conversation_id, [])
        say_json(facts(conversation, present, _ran_on(here, conversation)))
    else:
        say(line)
