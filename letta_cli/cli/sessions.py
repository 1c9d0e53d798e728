"""`agent sessions`: the agent's conversations, and who is in them now."""

import json
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.opened import Opened, opened
from letta_cli.cli.output import age, at_least_one, clip, confirmed, say, say_json, table, write_out
from letta_cli.cli.table import CONTEXT, target
from letta_cli.cli.transcript import as_json_object, as_markdown
from letta_cli.core.agent import Conversation
from letta_cli.core.clock import to_text
from letta_cli.core.errors import Busy, NotFound, UsageError
from letta_cli.core.presence import Presence
from letta_cli.store import Store
from letta_cli.store.locks import host_name

app = new_app("List, search, fork, export conversations. WHICH is an id, its start, or a title.")

SHORT_ID = 13
"""``conv-`` and eight characters: enough to name a conversation by."""

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
    if as_json:
        say_json([facts(each, present.get(each.id, []), models.get(each.id, "")) for each in found])
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
    """Print a conversation, or its context window."""
    with opened(agent=agent, database=database) as here:
        conversation = find(here, which)
        if context:
            target(CONTEXT)(here, conversation, as_json=as_json)
            return
        messages = here.store.messages.read(conversation.id)
        present = _present(here).get(conversation.id, [])
        usage = here.store.runs.totals(conversation.id)
        ran_on = _ran_on(here, conversation)
    if as_json:
        say_json({**facts(conversation, present, ran_on), **as_json_object(messages, usage)})
    else:
        say(as_markdown(conversation, messages).rstrip("\n"))


@app.command("search", cls=LightCommand)
def search_sessions(
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="What to look for.")],
    as_json: options.Json = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most so many.")] = 10,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Search what was said in all conversations. A hit is named conversation:message."""
    at_least_one("--limit", limit)
    with opened(agent=agent, database=database) as here:
        hits = here.store.search.messages(here.agent.id, " ".join(words), limit=limit)
    if as_json:
        say_json(
            [
                {
                    "citation": hit.citation,
                    "conversation_id": hit.conversation_id,
                    "seq": hit.seq,
                    "role": hit.role,
                    "title": hit.title,
                    "snippet": hit.snippet,
                    "created_at": to_text(hit.created_at),
                    "score": hit.score,
                }
                for hit in hits
            ]
        )
        return
    if not hits:
        say("Nothing found.")
    for hit in hits:
        title = clip(hit.title or "(no title)", 50)
        name = f"{hit.conversation_id[:SHORT_ID]}:{hit.seq}"
        say(f"{name}  {hit.role}, {age(hit.created_at)}  {title}")
        say(f"    {clip(hit.snippet, 160)}")


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
    """Copy a conversation, to go on with it in another direction."""
    with opened(agent=agent, database=database) as here:
        conversation = find(here, which)
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
        messages = here.store.messages.read(conversation.id)
        usage = here.store.runs.totals(conversation.id)
        ran_on = _ran_on(here, conversation)
    if form == "json":
        document = {**facts(conversation, [], ran_on), **as_json_object(messages, usage)}
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    else:
        text = as_markdown(conversation, messages)
    write_out(text, output)


@app.command("delete", cls=LightCommand)
def delete_session(
    which: Which,
    yes: options.Yes = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
) -> None:
    """Delete a conversation and its messages for good. Memory stays."""
    with opened(agent=agent, database=database) as here:
        conversation = find(here, which)
        present = _present(here).get(conversation.id, [])
        if present:
            raise Busy(
                f"{conversation.id} is open in another terminal (pid {present[0].pid}); "
                "close it there first."
            )
        title = clip(conversation.title or "(no title)", 60)
        question = f"Delete {title!r} with {conversation.head} messages for good?"
        if not yes and not confirmed(question):
            raise UsageError("Nothing was deleted. To delete without a question add --yes.")
        here.store.conversations.delete(conversation.id)
    if as_json:
        say_json({"id": conversation.id, "deleted": True})
    else:
        say(f"Deleted {conversation.id}")


def find(here: Opened, which: str) -> Conversation:
    """The one conversation that `which` names; see `find_conversation`."""
    return find_conversation(here.store, here.agent.id, which)


def find_conversation(store: Store, agent_id: str, which: str) -> Conversation:
    """The one conversation of an agent that `which` names.

    Raises:
        NotFound: none. UsageError: several; lists them.
    """
    if which == "default":
        return store.conversations.default(agent_id)
    found = store.conversations.find(agent_id, which)
    exact = [each for each in found if which in (each.id, each.title)]
    named = exact or [each for each in found if each.id.startswith(which)] or found
    if not named:
        raise NotFound(f"No conversation matches {which!r}. See all with: agent sessions list")
    if len(named) > 1:
        listed = "\n".join(f"  {each.id}  {clip(each.title, 60)}" for each in named[:10])
        raise UsageError(f"{len(named)} conversations match {which!r}; name one:\n{listed}")
    return named[0]


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
    return doing if first.host == host_name() else f"{doing} at {first.host}"


def facts(conversation: Conversation, present: list[Presence], ran_on: str = "") -> dict[str, Any]:
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
