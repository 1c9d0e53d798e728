"""Who else has this conversation open, and where."""

from letta_cli.core.presence import Presence
from letta_cli.frontends.interactive.door import ChatSession
from letta_cli.frontends.sanitize import sanitize_line


def place_of(presence: Presence) -> str:
    """``/dev/pts/3, pid 4121``."""
    terminal = sanitize_line(presence.terminal)
    return f"{terminal}, pid {presence.pid}" if terminal else f"pid {presence.pid}"


def open_elsewhere(session: ChatSession) -> list[str]:
    """A line when another session has this conversation open, too."""
    others = [
        place_of(presence)
        for presence in session.store.sessions.live()
        if presence.conversation_id == session.conversation.id
        and presence.session_id != session.session_id
    ]
    if not others:
        return []
    return [
        f"This conversation is also open elsewhere ({'; '.join(others)}). "
        "What is said there is shown here before the next answer; /fork goes on in a copy."
    ]
