"""The way into a run: the person's words, answers and interrupts, from any frontend."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import TypeVar

from letta_cli.core.permission import Answer

T = TypeVar("T")


class Inbox:
    """Steer, answer and cancel one run. All methods belong to the event loop's thread."""

    def __init__(self) -> None:
        self._steers: deque[str] = deque()
        self._answers: dict[str, asyncio.Future[Answer]] = {}
        self._cancelled = asyncio.Event()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def steer(self, text: str) -> None:
        """Say something to the model before its next step."""
        self._steers.append(text)

    @property
    def has_steers(self) -> bool:
        return bool(self._steers)

    def take_steers(self) -> list[str]:
        """Everything said since the last call, oldest first."""
        said = list(self._steers)
        self._steers.clear()
        return said

    def answer(self, request_id: str, answer: Answer) -> None:
        """Answer an `ApprovalRequested`. An unknown or answered request is left alone."""
        future = self._answers.get(request_id)
        if future is not None and not future.done():
            future.set_result(answer)

    def cancel(self) -> None:
        """Interrupt the run; what it did so far is kept."""
        self._cancelled.set()

    def expect(self, request_id: str) -> None:
        """Open a request before it is announced, so that no answer can come too early."""
        self._answers[request_id] = asyncio.get_running_loop().create_future()

    async def wait_for_answer(self, request_id: str) -> Answer | None:
        """The person's answer; None when the run was cancelled instead. Waits for ever."""
        future = self._answers[request_id]
        cancelled = asyncio.ensure_future(self._cancelled.wait())
        try:
            await asyncio.wait({future, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            return future.result() if future.done() else None
        finally:
            cancelled.cancel()
            del self._answers[request_id]

    async def interrupted(self) -> None:
        """Return once the run is cancelled."""
        await self._cancelled.wait()

    async def pause(self, seconds: float) -> bool:
        """Sleep; True when the run was cancelled meanwhile."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._cancelled.wait(), timeout=seconds)
        return self._cancelled.is_set()

    async def until_cancelled(self, source: AsyncIterator[T]) -> AsyncGenerator[T, None]:
        """Pass `source` on; end early, leaving it, when the run is cancelled."""
        cancelled = asyncio.ensure_future(self._cancelled.wait())
        following: asyncio.Future[T] | None = None
        try:
            while True:
                following = asyncio.ensure_future(anext(source))
                await asyncio.wait({following, cancelled}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    return
                try:
                    yield following.result()
                except StopAsyncIteration:
                    return
        finally:
            cancelled.cancel()
            if following is not None and not following.done():
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following
