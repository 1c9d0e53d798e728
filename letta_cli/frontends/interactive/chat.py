"""The conversation in the terminal: composes the widgets and takes what is typed, line by line."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.renderer import CPR_Support
from rich.console import Group, RenderableType
from rich.text import Text

from letta_cli.config import Config
from letta_cli.core.errors import AgentError
from letta_cli.core.event import Event
from letta_cli.core.exit_codes import TERMINATED
from letta_cli.core.permission import PermissionMode
from letta_cli.frontends.interactive.actions import ChatActions
from letta_cli.frontends.interactive.command_table import COMMANDS
from letta_cli.frontends.interactive.commands import Command, find_command, find_skill, offers
from letta_cli.frontends.interactive.completion import MessageCompleter
from letta_cli.frontends.interactive.door import ChatSession
from letta_cli.frontends.interactive.file_index import FileIndex
from letta_cli.frontends.interactive.header import header
from letta_cli.frontends.interactive.hints import Hints
from letta_cli.frontends.interactive.keys import key_bindings
from letta_cli.frontends.interactive.layout import STYLE, Screen
from letta_cli.frontends.interactive.live import render as render_live
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.paint import Painter
from letta_cli.frontends.interactive.panel import PanelSlot
from letta_cli.frontends.interactive.picker import Item, Picker
from letta_cli.frontends.interactive.player import Player
from letta_cli.frontends.interactive.presence import open_elsewhere
from letta_cli.frontends.interactive.prompt_line import PromptLine
from letta_cli.frontends.interactive.resizing import ResizingApplication
from letta_cli.frontends.interactive.scrollback import Scrollback
from letta_cli.frontends.interactive.toolbar import ToolbarFacts, toolbar
from letta_cli.frontends.sanitize import sanitize_line

SHELL = "!"
PLACEHOLDER = "Ask, or / for commands"
_LEAVE_SECONDS = 5.0
_BRANCH_SECONDS = 1.0
_BADGE_SECONDS = 2.0


class Chat:
    """One session on one screen. `run` is called once."""

    def __init__(self, session: ChatSession, config: Config, look: Look, output: Output) -> None:
        self.session = session
        self.config = config
        self.look = look
        self.commands: Sequence[Command] = COMMANDS
        self.painter = Painter(look)
        self.scrollback = Scrollback(self.painter, output)
        self.panels = PanelSlot()
        self.hints = Hints(self.redraw)
        completer = MessageCompleter(
            lambda: offers(self.commands, session), FileIndex(session.workspace.cwd)
        )
        self.prompt = PromptLine(config.history_file, completer, self.take)
        self.player = Player(
            session,
            look,
            self.scrollback,
            self.panels,
            draft=self.prompt,
            redraw=self.redraw,
            bell=output.bell,
        )
        self.actions = ChatActions(self, editor=config.editor)
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._exit_code = 0
        self._title = ""
        self._branch_name, self._branch_read = "", float("-inf")
        self.app = self._make_app(output)

    def _make_app(self, output: Output) -> Application[None]:
        screen = Screen(
            self.prompt.buffer,
            self.look,
            live=lambda width, height: render_live(self.player.live, self.painter, width, height),
            panel=self._panel_text,
            toolbar=self._toolbar,
            placeholder=lambda: "" if self.player.live.running else PLACEHOLDER,
            title=lambda: self._title,
        )
        app = ResizingApplication(
            layout=screen.layout,
            style=STYLE,
            key_bindings=key_bindings(self.actions, is_empty=lambda: not self.prompt.text),
            color_depth=None if self.look.color else ColorDepth.DEPTH_1_BIT,
            erase_when_done=True,
            min_redraw_interval=0.03,
            output=output,
        )
        app.reflows = self.config.reflows
        # Esc must act at once; a terminal sends Alt+Enter as one piece, so little time is enough.
        app.timeoutlen, app.ttimeoutlen = 0.1, 0.05
        # Without knowing the cursor's row the region is simply as high as its content: nothing
        # to ask the terminal for after each printed block.
        app.renderer.cpr_support = CPR_Support.NOT_SUPPORTED
        self.scrollback.attach(app)
        return app

    async def run(self, first_prompt: str | None) -> int:
        """Talk until the person leaves; returns the exit code."""
        self.opened()
        if first_prompt:
            self._lines.put_nowait(first_prompt)
        worker: asyncio.Task[None] | None = None

        def start() -> None:
            nonlocal worker
            worker = asyncio.get_running_loop().create_task(self._work())
            worker.add_done_callback(self._worked)
            self.app.create_background_task(self._watch_badge())

        try:
            await self.app.run_async(pre_run=start, handle_sigint=False)
        except EOFError:
            # The terminal is gone: there is nobody to say anything to.
            return TERMINATED
        finally:
            if worker is not None and not worker.done():
                worker.cancel()
                await asyncio.wait({worker})
        self.app.output.clear_title()
        self._say_goodbye()
        return self._exit_code

    async def _work(self) -> None:
        while (line := await self._lines.get()) is not None:
            try:
                await self._take(line)
            except AgentError as error:
                self.complain(str(error))

    def _worked(self, worker: asyncio.Task[None]) -> None:
        if worker.cancelled() or not self.app.is_running or self.app.future is None:
            return
        if self.app.future.done():
            return
        error = worker.exception()
        if error is None:
            self.app.exit()
        else:
            self.app.exit(exception=error)

    def take(self, text: str) -> None:
        """A message or command was sent; a running run hears it before its next step."""
        if not self.player.live.running:
            self._lines.put_nowait(text)
            return
        name = text[1:].partition(" ")[0]
        if text.startswith(SHELL):
            command = None
        elif not text.startswith("/") or "/" in name:
            self.player.steer(text)
            return
        else:
            command = find_command(self.commands, name)
        if command is None or not command.in_run:
            self.prompt.put_back(text)
            self.hints.say("the agent is working: esc interrupts it")
            return
        self.app.create_background_task(self._run_command(command, text))

    async def _take(self, line: str) -> None:
        if line.startswith(SHELL):
            await self._run_own(line)
            return
        if not line.startswith("/"):
            await self._say(line, self.session.send(line))
            return
        name, _, argument = line[1:].partition(" ")
        command = find_command(self.commands, name)
        if command is not None:
            await self._run_command(command, line)
        elif (skill := find_skill(self.session, name)) is not None:
            await self._say(line, self.session.invoke_skill(skill, argument.strip()))
        elif "/" in name:
            # A path such as /etc/hosts at the start of a message is no command.
            await self._say(line, self.session.send(line))
        else:
            self.complain(f"There is no command or skill /{name}. /help lists them.")

    async def _run_command(self, command: Command, line: str) -> None:
        self.player.view.typed_command(line)
        try:
            await command.run(self, line[1:].partition(" ")[2].strip())
        except AgentError as error:
            self.complain(str(error))

    # What commands may do with the screen (`commands.Host`).

    def show(self, renderable: RenderableType) -> None:
        self.scrollback.block(renderable)

    def complain(self, text: str) -> None:
        self.player.view.complain(text)

    def quiet(self, text: str) -> None:
        self.player.view.quiet(text)

    async def play(self, events: AsyncIterator[Event]) -> None:
        unheard = await self.player.play(events)
        self.refresh_title()
        if not unheard:
            return
        text = "\n\n".join(unheard)
        if self.player.unfinished:
            self.prompt.put_back(text)
        else:
            self._lines.put_nowait(text)

    async def _say(self, line: str, events: AsyncIterator[Event]) -> None:
        """Send the person's words; those that could not be stored go back into the line."""
        self.player.view.said(line)
        await self.play(events)
        if not self.player.stored:
            self.prompt.put_back(line)

    async def _run_own(self, line: str) -> None:
        """Run the person's own command; the line comes back when nothing became of it."""
        head = self.session.conversation.head
        self.player.view.said(line)
        await self.play(self.session.shell(line.removeprefix(SHELL).strip()))
        if self.session.conversation.head == head:
            self.prompt.put_back(line)

    async def choose(self, title: str, items: Sequence[Item]) -> str | None:
        chosen: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        def take(value: str | None) -> None:
            if not chosen.done():
                chosen.set_result(value)

        picker = Picker(title, items, self.look, take)
        self.panels.open(picker)
        self.redraw()
        try:
            return await chosen
        finally:
            self.panels.close(picker)
            self.redraw()

    def opened(self, *, clear: bool = False) -> None:
        if clear:
            self.scrollback.clear_screen()
        self.player.live.todos = ()
        self.refresh_title()
        session = self.session
        self.scrollback.block(header(session, self.look))
        if session.conversation.head:
            recovered = session.recover()
            self.player.view.replayed(session.store.messages.read(session.conversation.id))
            for line in recovered:
                self.player.view.complain(line, "warn")
        for line in open_elsewhere(session):
            self.player.view.complain(line, "warn")

    def refresh_title(self) -> None:
        """Read the conversation's title again: the first message or a command gave it one."""
        conversation = self.session.store.conversations.get(self.session.conversation.id)
        self._title = sanitize_line(conversation.title)
        if self._title and self.look.rule != "-":
            self.app.output.set_title(f"{self._title} - agent")

    def set_mode(self, mode: PermissionMode) -> None:
        self.session.set_mode(mode)
        self.redraw()

    def leave(self, exit_code: int = 0) -> None:
        """End the chat; a run that is going on is interrupted first, so that it is kept whole."""
        self._exit_code = exit_code
        if not self.player.live.running:
            self._exit()
            return
        self._lines.put_nowait(None)
        self.player.cancel()
        asyncio.get_running_loop().call_later(_LEAVE_SECONDS, self._exit)

    def _exit(self) -> None:
        if self.app.is_running and self.app.future is not None and not self.app.future.done():
            self.app.exit()

    # What the screen shows.

    def redraw(self) -> None:
        self.app.invalidate()

    def _panel_text(self, width: int, height: int) -> str | None:
        panel = self.panels.current
        if panel is None:
            return None
        room = height
        while True:
            text = self.painter.ansi(panel.render(width, room), width)
            excess = text.count("\n") - height
            # A panel counts unfolded lines; where some are folded it is asked for less.
            if excess <= 0 or room <= 1:
                return text
            room = max(1, room - excess)

    def _toolbar(self, width: int) -> StyleAndTextTuples:
        session = self.session
        facts = ToolbarFacts(
            mode=session.mode,
            model=session.model,
            cwd=str(session.workspace.cwd),
            branch=self._branch(),
            context_tokens=session.context_tokens,
            context_window=session.info.context_window,
            cost_usd=session.usage.cost_usd,
            hint=self.hints.text,
            badge=session.badge,
            sandbox=session.workspace.sandbox,
        )
        return toolbar(facts, self.look, width)

    async def _watch_badge(self) -> None:
        """Draw a new badge, or what the sandbox has proved, also while nobody types."""
        shown = ("", "")
        while True:
            await asyncio.sleep(_BADGE_SECONDS)
            now = (self.session.badge, self.session.workspace.sandbox)
            if now != shown:
                shown = now
                self.redraw()

    def _branch(self) -> str:
        """The git branch, read again when what is known is a second old."""
        now = time.monotonic()
        if now - self._branch_read > _BRANCH_SECONDS:
            self._branch_read, self._branch_name = now, self.session.workspace.branch()
        return self._branch_name

    def _say_goodbye(self) -> None:
        if self.session.conversation.head:
            command = f"agent chat -r {self.session.conversation.id}"
            self.show(Group(Text("To go on with this conversation:", style="quiet"), command))
