"""What the keys do in a chat; see `keys.Actions`."""

from typing import Protocol

from prompt_toolkit.application import Application

from letta_cli.core.permission import PermissionMode
from letta_cli.frontends.interactive.door import ChatSession
from letta_cli.frontends.interactive.editor import edit_text
from letta_cli.frontends.interactive.hints import Hints
from letta_cli.frontends.interactive.key_help import KeyHelp
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.panel import PanelSlot
from letta_cli.frontends.interactive.player import Player
from letta_cli.frontends.interactive.prompt_line import PromptLine
from letta_cli.frontends.interactive.scrollback import Scrollback
from letta_cli.frontends.interactive.tool_lines import tool_block
from letta_cli.frontends.interactive.toolbar import MODE_NAMES

CYCLE: tuple[PermissionMode, ...] = ("default", "acceptEdits", "plan")


class Desk(Protocol):
    """The parts of a chat that keys reach."""

    @property
    def session(self) -> ChatSession: ...
    @property
    def look(self) -> Look: ...
    @property
    def app(self) -> Application[None]: ...
    @property
    def prompt(self) -> PromptLine: ...
    @property
    def panels(self) -> PanelSlot: ...
    @property
    def player(self) -> Player: ...
    @property
    def scrollback(self) -> Scrollback: ...
    @property
    def hints(self) -> Hints: ...
    def set_mode(self, mode: PermissionMode) -> None: ...
    def complain(self, text: str) -> None: ...
    def take(self, text: str) -> None:
        """Do what this text says, as if it had been typed."""
        ...

    def leave(self, exit_code: int = 0) -> None: ...


class ChatActions:
    def __init__(self, desk: Desk, *, editor: str) -> None:
        self._desk = desk
        self._editor = editor

    def panel_open(self) -> bool:
        return self._desk.panels.current is not None

    def panel_press(self, key: str, text: str = "") -> None:
        panel = self._desk.panels.current
        if panel is not None:
            panel.press(key, text)
            self._desk.app.invalidate()

    def submit(self) -> None:
        self._desk.prompt.submit()

    def newline(self) -> None:
        self._desk.prompt.newline()

    def paste(self, text: str) -> None:
        self._desk.prompt.insert(text)

    def accept_completion(self) -> None:
        self._desk.prompt.accept_completion()

    def escape(self) -> None:
        """Close the menu, else interrupt, else (twice) put the text aside, else (twice) rewind."""
        desk = self._desk
        if desk.prompt.menu_open:
            desk.prompt.close_menu()
        elif desk.player.live.running:
            desk.player.cancel()
        elif desk.prompt.text and desk.hints.repeated("esc again puts this text aside"):
            desk.prompt.put_aside()
        elif not desk.prompt.text and desk.hints.repeated("esc again goes back to an earlier turn"):
            desk.take("/rewind")

    def interrupt(self) -> None:
        """Interrupt the run, else clear the line, else (twice) leave."""
        desk = self._desk
        if desk.player.live.running and not desk.player.live.cancelling:
            desk.player.cancel()
        elif desk.prompt.text:
            desk.prompt.put_aside()
        elif desk.hints.repeated("ctrl+c again quits"):
            desk.leave()

    def leave_if_empty(self) -> None:
        desk = self._desk
        if not desk.player.live.running or desk.hints.repeated("ctrl+d again interrupts and quits"):
            desk.leave()

    def next_mode(self) -> None:
        mode = self._desk.session.mode
        following = CYCLE[(CYCLE.index(mode) + 1) % len(CYCLE)] if mode in CYCLE else CYCLE[0]
        self._desk.set_mode(following)
        self._desk.hints.say(f"mode: {following} ({MODE_NAMES[following]})")

    def expand_output(self) -> None:
        desk = self._desk
        last = desk.player.view.last_output
        if last is None:
            desk.hints.say("there is no tool output yet")
            return
        block = tool_block(last.title, last.result, last.seconds, desk.look, expanded=True)
        desk.scrollback.block(block.body)

    def open_editor(self) -> None:
        if not self._editor:
            self._desk.hints.say("set EDITOR to write in your editor")
            return
        self._desk.app.create_background_task(self._edit())

    async def _edit(self) -> None:
        desk = self._desk
        desk.scrollback.suspend()
        try:
            text = await edit_text(desk.prompt.expanded(), self._editor)
        except OSError as error:
            desk.complain(f"The message was not edited: {error}.")
        else:
            desk.prompt.replace(text)
        finally:
            desk.scrollback.resume()

    def redraw(self) -> None:
        self._desk.scrollback.clear_screen()

    def show_keys(self) -> None:
        desk = self._desk

        def closed(typed: str) -> None:
            desk.panels.close(panel)
            if typed:
                desk.prompt.insert(typed)

        panel = KeyHelp(desk.look, closed)
        desk.panels.open(panel)
