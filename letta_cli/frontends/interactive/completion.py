"""Completes ``/command`` at the start of a message and ``@file`` anywhere in it."""

import re
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from letta_cli.frontends.interactive.file_index import FileIndex
from letta_cli.frontends.sanitize import sanitize_line

_COMMAND = re.compile(r"/([\w:.-]*)$")
_FILE = re.compile(r"(?:^|\s)@(\"?)([^\s\"]*)$")


@dataclass(frozen=True, slots=True)
class Offer:
    """A command as the menu shows it."""

    name: str
    summary: str


class MessageCompleter(Completer):
    def __init__(self, offers: Callable[[], Sequence[Offer]], files: FileIndex) -> None:
        self._offers = offers
        self._files = files

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """Commands only; files are found asynchronously."""
        typed = _COMMAND.fullmatch(document.text_before_cursor)
        if typed is None:
            return
        for offer in matching(self._offers(), typed[1]):
            yield Completion(
                f"/{offer.name} ",
                start_position=-len(typed[0]),
                display=f"/{sanitize_line(offer.name)}",
                display_meta=sanitize_line(offer.summary),
            )

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        for completion in self.get_completions(document, complete_event):
            yield completion
        typed = _FILE.search(document.text_before_cursor)
        if typed is None:
            return
        for path in await self._files.find(typed[2]):
            # A name that could do harm on a terminal, or that needs quoting, is not offered.
            if sanitize_line(path) != path or '"' in path:
                continue
            quoted = f'@"{path}"' if " " in path else f"@{path}"
            yield Completion(
                quoted if path.endswith("/") else quoted + " ",
                start_position=-len(typed[1]) - len(typed[2]) - 1,
                display=path,
            )


def matching(offers: Sequence[Offer], typed: str) -> list[Offer]:
    """Names that begin with what was typed, then those that hold it."""
    wanted = typed.lower()
    first = [offer for offer in offers if offer.name.lower().startswith(wanted)]
    return first + [
        offer for offer in offers if offer not in first and wanted in offer.name.lower()
    ]
