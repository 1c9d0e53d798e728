"""Plays a run: events to the view, approvals to a panel, and the person's words into the run."""

import asyncio
from collections.abc import AsyncIterator, Callable

from rich.console import RenderableType

from letta_cli.core.errors import AgentError
from letta_cli.core.event import ApprovalRequested, Event, RunFinished, RunStarted
from letta_cli.core.permission import Answer
from letta_cli.frontends.interactive.approval import ApprovalPanel, Draft
from letta_cli.frontends.interactive.door import ChatSession
from letta_cli.frontends.interactive.live import Live
from letta_cli.frontends.interactive.look import Look
from letta_cli.frontends.interactive.panel import PanelSlot
from letta_cli.frontends.interactive.scrollback import Scrollback
from letta_cli.frontends.interactive.turn import TurnView

_FRAME_SECONDS = 0.12
_LONG_RUN_SECONDS = 30.0


class Player:
    def __init__(
        self,
        session: ChatSession,
        look: Look,
        scrollback: Scrollback,
        panels: PanelSlot,
        *,
        draft: Draft,
        redraw: Callable[[], None],
        bell: Callable[[], None],
    ) -> None:
        self.live = Live()
        self.view = TurnView(self.live, scrollback, look, self._ask)
        self._session = session
        self._look = look
        self._scrollback = scrollback
        self._panels = panels
        self._redraw = redraw
        self._draft = draft
        self._bell = bell
        self._approval: ApprovalPanel | None = None
        self.unfinished = False
        """Whether the newest run was interrupted or failed: then nothing is sent by itself."""
        self.stored = False
        """Whether what was said in the newest run is in the thread."""

    async def play(self, events: AsyncIterator[Event]) -> list[str]:
        """Show a run to its end; return what was typed during it and not heard by the model.

        Errors are shown, not raised: the conversation goes on.
        """
        live = self.live
        live.begin()
        self.unfinished = self.stored = False
        ticker = asyncio.create_task(self._tick())
        try:
            async for event in events:
                self.view.handle(event)
                self._note(event)
                self._redraw()
        except AgentError as error:
            self.unfinished = True
            self.view.broke_off()
            self.view.complain(str(error))
        finally:
            ticker.cancel()
            if live.elapsed > _LONG_RUN_SECONDS:
                self._bell()
            self._close_approval()
            live.end()
            self._redraw()
        unheard, live.queued = live.queued, []
        return unheard

    def steer(self, text: str) -> None:
        """Say something during the run; it is shown as queued until the model hears it."""
        self.live.queued.append(text)
        self._session.steer(text)
        self._redraw()

    def cancel(self) -> None:
        """Interrupt the run; what it did is kept."""
        self.live.cancelling = self.unfinished = True
        self._session.cancel()
        self._redraw()

    def _note(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.stored = True
            case RunFinished(stop_reason="error"):
                self.unfinished = True
            case _:
                pass

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_FRAME_SECONDS)
            self._redraw()

    def _ask(self, event: ApprovalRequested) -> None:
        def answered(answer: Answer | None) -> None:
            self._close_approval()
            if answer is None:
                self.cancel()
            else:
                self._session.answer(event.request_id, answer)

        self._approval = ApprovalPanel(
            event,
            self._look,
            answered=answered,
            draft=self._draft,
            show_all=self._show_all,
            later=asyncio.get_running_loop().call_later,
        )
        self._panels.open(self._approval)
        self.live.pause()
        self._bell()

    def _show_all(self, renderable: RenderableType) -> None:
        self._scrollback.block(renderable)

    def _close_approval(self) -> None:
        if self._approval is not None:
            self._panels.close(self._approval)
            self._approval = None
        self.live.unpause()
