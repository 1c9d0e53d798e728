"""`agent search`: what was said, remembered and kept, with citations that can be opened."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.background import index_later
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.opened import Opened, find, opened
from letta_cli.cli.output import SHORT_ID, age, at_least_one, clip, say, say_json, warn
from letta_cli.core.clock import to_text
from letta_cli.core.errors import ConfigError, UsageError
from letta_cli.core.message import Message
from letta_cli.frontends.sanitize import sanitize
from letta_cli.providers.embedding import choose_embedder
from letta_cli.store import Hit
from letta_cli.store.filters import read_filters
from letta_cli.store.message_text import pieces_of

app = new_app("Search all conversations, memory and passages.")

_BOLD, _FAINT, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_NEIGHBOUR_CELLS = 100


@app.command(cls=LightCommand)
def search(
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORDS", help='What to look for; "in quotes": word by word.'),
    ],
    as_json: options.Json = False,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", metavar="KIND", help="messages, memory, passages or files. Repeatable."
        ),
    ] = None,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="Said by user, assistant or tool.")
    ] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="DATE", help="2026-05-31, 12h, 7d, 3m, yesterday …")
    ] = "",
    until: Annotated[
        str, typer.Option("--until", metavar="DATE", help="The same; a day is included whole.")
    ] = "",
    project: Annotated[
        str, typer.Option("--project", metavar="DIR", help="Path or name of a project; . for here.")
    ] = "",
    conversation: Annotated[
        str, typer.Option("--conversation", metavar="WHICH", help="Id, its beginning, or title.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most so many.")] = 10,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Search what was said, remembered and kept.

    A hit is named conversation:message. To read there: agent sessions show HIT. To go on from
    there: agent chat -r HIT, with --fork to leave out what came after.
    """
    at_least_one("--limit", limit)
    if not any(map(str.strip, words)):
        raise UsageError("There is nothing to look for: say some words.")
    with opened(agent=agent, database=database, directory=directory) as here:
        filters = read_filters(
            kinds=kind or (),
            role=role,
            project=_project(here, project),
            conversation_id=_conversation(here, conversation),
            since=since,
            until=until,
        )
        attach_embedder(here)
        hits = here.store.search.find(here.agent.id, " ".join(words), filters, limit=limit)
        hits = [here.store.files.named(hit) for hit in hits]
        around = [_around(here, hit) for hit in hits]
        _tell_what_is_missing(here)
    if as_json:
        say_json([_facts(hit, beside) for hit, beside in zip(hits, around, strict=True)])
        return
    if not hits:
        say("Nothing found.")
    styled = sys.stdout.isatty() and not here.config.no_color
    for hit, beside in zip(hits, around, strict=True):
        _print(hit, beside, styled=styled)


def attach_embedder(here: Opened) -> None:
    """Let the search compare meanings, too, where the configuration has a model for it."""
    try:
        here.store.vectors.embedder = choose_embedder(here.config.embedding, here.config.provider)
    except ConfigError as error:
        here.store.vectors.problem = str(error)


def _project(here: Opened, given: str) -> str:
    if not given:
        return ""
    return here.store.conversations.project_named(here.agent.id, given, here.directory)


def _conversation(here: Opened, which: str) -> str:
    return find(here, which).id if which else ""


def _around(here: Opened, hit: Hit) -> Sequence[Message]:
    """The messages before and after a hit."""
    if hit.kind != "message":
        return ()
    found = here.store.messages.read(
        hit.conversation_id, start=max(1, hit.seq - 1), end=hit.seq + 1
    )
    return [message for message in found if message.seq != hit.seq]


def _tell_what_is_missing(here: Opened) -> None:
    waiting = here.store.search.waiting()
    if waiting:
        warn(
            f"{waiting} older conversations or memories are not indexed yet; that goes on in the "
            "background. To wait for it: agent db index"
        )
    index_later(here.config, here.store)
    if problem := here.store.vectors.problem:
        warn(f"Found by words alone: {problem}")


def _print(hit: Hit, beside: Sequence[Message], *, styled: bool) -> None:
    title = clip(hit.title or ("(no title)" if hit.kind == "message" else ""), 50)
    who = hit.role or hit.kind
    say(f"{_name(hit)}  {who}, {age(hit.created_at)}  {title}".rstrip())
    for message in beside:
        if hit.kind == "message" and message.seq < hit.seq:
            _print_neighbour(message, styled=styled)
    say(f"  > {_marked(hit, styled=styled)}")
    for message in beside:
        if message.seq > hit.seq:
            _print_neighbour(message, styled=styled)


def _print_neighbour(message: Message, *, styled: bool) -> None:
    text = " ".join(" ".join(pieces_of(message)[:1]).split())
    if text:
        line = clip(f"{message.role}: {text}", _NEIGHBOUR_CELLS)
        say(f"    {_FAINT}{line}{_PLAIN}" if styled else f"    {line}")


def _name(hit: Hit) -> str:
    """The citation, short enough to be read and long enough to be opened."""
    if hit.kind == "message":
        return f"{hit.source[:SHORT_ID]}:{hit.place}"
    return hit.citation


def _marked(hit: Hit, *, styled: bool) -> str:
    if not styled:
        return sanitize(hit.snippet)
    line, end = "", 0
    for start, stop in hit.marks:
        before, found = hit.snippet[end:start], hit.snippet[start:stop]
        line += f"{sanitize(before)}{_BOLD}{sanitize(found)}{_PLAIN}"
        end = stop
    return line + sanitize(hit.snippet[end:])


def _facts(hit: Hit, beside: Sequence[Message]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "kind": hit.kind,
        "citation": hit.citation,
        "source": hit.source,
        "place": hit.place,
        "role": hit.role,
        "title": hit.title,
        "snippet": hit.snippet,
        "marks": [list(span) for span in hit.marks],
        "created_at": to_text(hit.created_at),
        "score": hit.score,
    }
    if hit.kind == "message":
        facts |= {
            "conversation_id": hit.conversation_id,
            "seq": hit.seq,
            "around": [
                {"seq": each.seq, "role": each.role, "text": "".join(pieces_of(each)[:1])}
                for each in beside
            ],
        }
    return facts
