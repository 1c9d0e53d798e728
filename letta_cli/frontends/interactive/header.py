"""What stands at the top: the program, the model, the place, and what was loaded."""

from rich.console import Group, RenderableType
from rich.text import Text

from letta_cli import __version__
from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.counting import plural
from letta_cli.frontends.interactive.door import ChatSession
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.measures import short_path
from letta_cli.frontends.interactive.paint import Hanging
from letta_cli.frontends.sanitize import sanitize_line
from letta_cli.store.agents import FIRST_NAME


def header(session: ChatSession, look: Look) -> RenderableType:
    """Three or four lines; the notes of the session below, one a line."""
    place = short_path(session.workspace.cwd)
    branch = session.workspace.branch()
    if branch:
        place += f" ({branch})"
    conversation = session.conversation
    dot = look.separator
    invocable = sum(skill.user_invocable for skill in session.skills)
    lines = [
        Text.assemble(
            (f"{look.spinner[-4]} agent {__version__}", "bold"),
            (f"{dot}{sanitize_line(session.model)}", "accent"),
        ),
        _quiet(sanitize_line(place)),
        _quiet(_what(conversation, session.agent)),
    ]
    loaded = [plural(invocable, "skill")] if invocable else []
    loaded.append("/help for commands, ? for keys, @ for files")
    lines.append(_quiet(dot.join(loaded)))
    lines += [_quiet(note) for note in session.notes]
    return Group(*lines)


def _what(conversation: Conversation, agent: Agent) -> str:
    """Which conversation, and with whom when it is not the agent that everybody begins with."""
    if conversation.title:
        what = f"conversation “{conversation.title}”"
    else:
        what = "default conversation" if conversation.is_default else "new conversation"
    return what if agent.name == FIRST_NAME else f"{what} with agent {agent.name}"


def _quiet(text: str) -> Hanging:
    return Hanging(Text(sanitize_line(text), style="quiet"), "  ")
