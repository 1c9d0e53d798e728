"""The slash commands: a registry of small functions, and how a typed line finds one."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.console import RenderableType

from letta_cli.config import Config
from letta_cli.core.event import Event
from letta_cli.core.permission import PermissionMode
from letta_cli.frontends.interactive.completion import Offer
from letta_cli.frontends.interactive.door import ChatSession
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.picker import Item


class Host(Protocol):
    """What a command may do with the screen."""

    @property
    def session(self) -> ChatSession: ...
    @property
    def config(self) -> Config: ...
    @property
    def look(self) -> Look: ...
    @property
    def commands(self) -> Sequence["Command"]: ...

    def show(self, renderable: RenderableType) -> None:
        """Print a block."""
        ...

    def complain(self, text: str) -> None:
        """Print an error or a hint."""
        ...

    def quiet(self, text: str) -> None:
        """Print one grey line."""
        ...

    async def play(self, events: AsyncIterator[Event]) -> None:
        """Show a run to its end."""
        ...

    async def choose(self, title: str, items: Sequence[Item]) -> str | None:
        """Let the person choose; None when they leave."""
        ...

    def opened(self, *, clear: bool = False) -> None:
        """Another conversation is open now: show where we are."""
        ...

    def refresh_title(self) -> None:
        """The conversation has another title now."""
        ...

    def set_mode(self, mode: PermissionMode) -> None: ...
    def leave(self) -> None: ...


Action = Callable[[Host, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command:
    """Attributes:
    argument: how the argument is written in help; empty when there is none.
    in_run: may be used while the agent works.
    """

    name: str
    argument: str
    summary: str
    run: Action
    in_run: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.argument}".rstrip()


def offers(commands: Sequence[Command], session: ChatSession) -> list[Offer]:
    """Commands, then skills, as the completion menu shows them; a command hides a skill."""
    names = {command.name for command in commands}
    found = [Offer(command.name, command.summary) for command in commands]
    for skill in session.skills:
        if skill.user_invocable and skill.name not in names:
            hint = f"{skill.argument_hint}  " if skill.argument_hint else ""
            found.append(Offer(skill.name, f"{hint}{skill.description}"))
    return found


def find_command(commands: Sequence[Command], name: str) -> Command | None:
    """The command of this name or alias, or the only one that begins with it."""
    exact = [command for command in commands if name in (command.name, *command.aliases)]
    if exact:
        return exact[0]
    begun = [command for command in commands if command.name.startswith(name)]
    return begun[0] if len(begun) == 1 else None


def find_skill(session: ChatSession, name: str) -> str | None:
    """The name of the skill that ``/name`` invokes."""
    invocable = [skill.name for skill in session.skills if skill.user_invocable]
    if name in invocable:
        return name
    begun = [skill for skill in invocable if skill.startswith(name)]
    return begun[0] if len(begun) == 1 else None
