"""`agent memory review`: the person looks at edits made with text from outside in context."""

from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.memory_view import PERSON, author, changed_lines, revision_facts
from letta_cli.cli.opened import opened
from letta_cli.cli.output import age, clip, say, say_json
from letta_cli.core.clock import to_text
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.memory import BlockRevision, Passage
from letta_cli.frontends.sanitize import sanitize_line


def review_edits(
    label: Annotated[
        str | None, typer.Argument(metavar="LABEL", help="Only edits of this block.")
    ] = None,
    version: Annotated[
        int | None, typer.Argument(metavar="VERSION", help="Only this edit of it.")
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Vouch for them.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Take back what they brought.")] = False,
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """List edits made with outside text in context; decide.

    --accept vouches for them, --drop takes back the lines that they brought.
    """
    if accept and drop:
        raise UsageError("--accept and --drop contradict one another; give one of them.")
    with opened(agent=agent, database=database, directory=directory) as here:
        store = here.store
        blocks = store.blocks.list(here.agent.id)
        waiting = [
            revision
            for block in blocks
            if label is None or block.label == label.strip()
            for revision in store.reviews.open(block.id)
            if version is None or revision.version == version
        ]
        if not waiting and (label is not None and label.strip() not in {b.label for b in blocks}):
            raise NotFound(f"There is no memory block {label!r}. See: agent memory list")
        # The newest first: what came last can be taken back as a whole.
        for revision in reversed(waiting):
            if accept:
                store.reviews.accept(revision.block_id, revision.version)
            elif drop:
                store.reviews.drop(revision.block_id, revision.version, origin=PERSON)
        passages = store.passages.marked(here.agent.id) if label is None else []
        for passage in passages:
            if accept:
                store.passages.accept(passage.id)
            elif drop:
                store.passages.delete(passage.id)
    if as_json:
        done = "accepted" if accept else "dropped" if drop else ""
        edits = [{**revision_facts(revision), "reviewed": done} for revision in waiting]
        say_json([*edits, *({**_facts(passage), "reviewed": done} for passage in passages)])
        return
    if not waiting and not passages:
        say("No edit waits for a review.")
    for revision in waiting:
        _show(revision, "accepted: " if accept else "dropped: " if drop else "")
    for passage in passages:
        deed = "accepted: " if accept else "dropped: " if drop else ""
        source = clip(passage.origin.untrusted, 80)
        say(f"{deed}{passage.id}  {age(passage.created_at)}  [untrusted: {source}]")
        say(f"    + {clip(passage.text, 160)}")
    if (waiting or passages) and not (accept or drop):
        say("Vouch for them with --accept, or take them back with --drop.")


def _facts(passage: Passage) -> dict[str, Any]:
    return {
        "passage_id": passage.id,
        "text": passage.text,
        "conversation_id": passage.origin.conversation_id,
        "untrusted": passage.origin.untrusted,
        "created_at": to_text(passage.created_at),
    }


def _show(revision: BlockRevision, deed: str) -> None:
    head = f"{revision.label} {revision.version}  {age(revision.created_at)}  {author(revision)}"
    say(f"{deed}{sanitize_line(head)}")
    for line in changed_lines(revision):
        say(f"    {sanitize_line(line)}")
