"""Commands on conversations: new, resume, fork, rename, and who has what open."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from letta_cli.core.agent import Conversation
from letta_cli.core.clock import now
from letta_cli.core.counting import plural
from letta_cli.core.presence import Presence
from letta_cli.frontends.interactive.commands import Host
from letta_cli.frontends.interactive.measures import ago, short_id, short_path
from letta_cli.frontends.interactive.picker import Item
from letta_cli.frontends.interactive.presence import place_of
from letta_cli.frontends.sanitize import sanitize_line

_LISTED = 200
_RECENT = 8


async def new(host: Host, argument: str) -> None:
    await host.session.new()
    host.opened()


async def clear(host: Host, argument: str) -> None:
    await host.session.new()
    host.opened(clear=True)


async def fork(host: Host, argument: str) -> None:
    before = host.session.conversation
    await host.session.fork()
    host.opened()
    host.quiet(f"forked from “{before.title or before.id}”, which stays as it is")


async def rename(host: Host, argument: str) -> None:
    if not argument:
        host.complain("Say the new title: /rename TITLE")
        return
    host.session.store.conversations.rename(host.session.conversation.id, argument)
    host.refresh_title()
    host.quiet(f"this conversation is now “{argument}”")


async def resume(host: Host, argument: str) -> None:
    """Choose among all conversations of the agent, those of this directory first."""
    session = host.session
    conversations = session.store.conversations
    if argument:
        found = conversations.find(session.agent.id, argument)
    else:
        found = conversations.list(session.agent.id, limit=_LISTED)
    found = [one for one in found if one.id != session.conversation.id]
    if not found:
        about = f" matches {argument!r}" if argument else ""
        host.complain(f"No other conversation{about}.")
        return
    here = str(session.workspace.cwd)
    found.sort(key=lambda one: one.cwd != here)
    live = {presence.conversation_id: presence for presence in session.store.sessions.live()}
    items = [_item(one, here, live.get(one.id)) for one in found]
    chosen = items[0].value if argument and len(items) == 1 else None
    chosen = chosen or await host.choose("Open a conversation", items)
    if chosen is not None:
        await session.switch(chosen)
        host.opened()


def _item(conversation: Conversation, here: str, live: Presence | None) -> Item:
    facts = [
        short_id(conversation.id),
        ago(conversation.updated_at, now()),
        plural(conversation.head, "message"),
    ]
    if conversation.cwd != here:
        facts.append(short_path(conversation.cwd, limit=30))
    if live is not None:
        facts.append(f"open in {place_of(live)}")
    title = conversation.title or ("default conversation" if conversation.is_default else "…")
    return Item(conversation.id, title, ", ".join(facts))


async def sessions(host: Host, argument: str) -> None:
    """Live sessions with what they do, then the newest other conversations."""
    session = host.session
    store = session.store
    live = store.sessions.live()
    table = Table.grid(padding=(0, 2, 0, 0))
    for _column in range(5):
        table.add_column(overflow="ellipsis")
    for presence in live:
        title = store.conversations.get(presence.conversation_id).title or "new"
        mine = presence.session_id == session.session_id
        state = f"{presence.state}{', this one' if mine else ''}"
        place = short_path(presence.cwd, limit=28)
        if presence.branch:
            place += f" ({presence.branch})"
        doing = sanitize_line(presence.activity) or place_of(presence)
        table.add_row(
            Text(f"  {state}", style="ok" if presence.state != "waiting" else "warn"),
            Text(short_id(presence.conversation_id), style="quiet", no_wrap=True),
            Text(sanitize_line(title)),
            Text(sanitize_line(place), style="quiet"),
            Text(doing, style="quiet"),
        )
    open_ids = {presence.conversation_id for presence in live}
    recent = [
        one
        for one in store.conversations.list(session.agent.id, limit=_RECENT + len(open_ids))
        if one.id not in open_ids
    ]
    for one in recent[:_RECENT]:
        table.add_row(
            Text("  past", style="quiet"),
            Text(short_id(one.id), style="quiet", no_wrap=True),
            Text(sanitize_line(one.title or "…")),
            Text(sanitize_line(short_path(one.cwd, limit=28)), style="quiet"),
            Text(ago(one.updated_at, now()), style="quiet"),
        )
    host.show(Group(table, Text("  /resume ID opens one of them here", style="quiet")))
