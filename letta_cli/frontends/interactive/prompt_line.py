"""The line the person types in: history, completion, pasted chips, drafts."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.history import FileHistory, History, InMemoryHistory, ThreadedHistory

from letta_cli.frontends.interactive.chips import Chips


class PromptLine:
    """`submitted` gets the text that was sent, with every chip expanded."""

    def __init__(
        self, history_file: Path, completer: Completer, submitted: Callable[[str], None]
    ) -> None:
        self._submitted = submitted
        self._chips = Chips()
        self.buffer = Buffer(
            history=_history(history_file, self._chips),
            completer=completer,
            complete_while_typing=True,
            multiline=True,
            accept_handler=self._accept,
            on_completions_changed=self._completions_changed,
            on_text_changed=self._text_changed,
        )
        self._take_first = False

    @property
    def text(self) -> str:
        return self.buffer.text

    @property
    def menu_open(self) -> bool:
        return self.buffer.complete_state is not None

    def submit(self) -> None:
        """Send what is written; a backslash at the end makes a new line instead."""
        buffer = self.buffer
        if (
            buffer.document.current_char in {"", "\n"}
            and buffer.document.char_before_cursor == "\\"
        ):
            buffer.delete_before_cursor()
            self.newline()
            return
        self.close_menu()
        buffer.validate_and_handle()

    def newline(self) -> None:
        self.buffer.insert_text("\n")

    def close_menu(self) -> None:
        self.buffer.complete_state = None

    def accept_completion(self) -> None:
        """Take the chosen completion, or the first one."""
        state = self.buffer.complete_state
        if state is None or not state.completions:
            # Taken as soon as there is one: the key often comes before the list.
            self._take_first = True
            self.buffer.start_completion(select_first=False)
            return
        self.buffer.apply_completion(state.current_completion or state.completions[0])

    def _completions_changed(self, buffer: Buffer) -> None:
        state = buffer.complete_state
        if self._take_first and state is not None and state.completions:
            self._take_first = False
            buffer.apply_completion(state.completions[0])

    def _text_changed(self, buffer: Buffer) -> None:
        self._take_first = False

    def insert(self, text: str) -> None:
        """Type `text`; a large paste becomes a chip."""
        self.buffer.insert_text(self._chips.take(text))

    def backspace(self) -> None:
        self.buffer.delete_before_cursor()

    def expanded(self) -> str:
        return self._chips.expand(self.buffer.text)

    def replace(self, text: str) -> None:
        self.buffer.text = text
        self.buffer.cursor_position = len(text)

    def put_back(self, text: str) -> None:
        """Put `text` before what is written now."""
        self.replace("\n".join(part for part in (text, self.buffer.text) if part))

    def clear(self) -> None:
        """Empty the line for good."""
        self.buffer.reset()

    def put_aside(self) -> None:
        """Empty the line; what stood there is in the history."""
        self.replace(self.expanded())
        self.buffer.append_to_history()
        self.buffer.reset()

    def _accept(self, buffer: Buffer) -> bool:
        text = self.expanded()
        # The history keeps what was sent, not the marks, which mean nothing later.
        buffer.text = text
        if text.strip():
            # After the line was emptied: whoever cannot take the text puts it back.
            asyncio.get_running_loop().call_soon(self._submitted, text.strip())
        return False


class _Recalled(ThreadedHistory):
    """Keeps messages as they were sent, and brings very long ones back as marks."""

    def __init__(self, history: History, chips: Chips) -> None:
        super().__init__(history)
        self._chips = chips

    async def load(self) -> AsyncGenerator[str, None]:
        async for text in super().load():
            yield self._chips.recall(text)


def _history(path: Path, chips: Chips) -> History:
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        return _Recalled(FileHistory(path), chips)
    return _Recalled(InMemoryHistory(), chips)
