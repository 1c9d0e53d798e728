"""What sessions did with files: the values that the edit radar works on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

TouchKind = Literal["read", "write"]

RECENT_WRITE_SECONDS = 600.0
"""A file that another live session wrote within this time is worth a word."""


@dataclass(frozen=True, slots=True)
class Touch:
    """One read or write of a file by a tool.

    Attributes:
        path: canonical.
        sha256: of the whole file as it was read, or as it was written.
    """

    path: str
    sha256: str
    kind: TouchKind


@dataclass(frozen=True, slots=True)
class FileWriter:
    """A session that wrote a file.

    Attributes:
        title: of its conversation; may be empty.
        sha256: the file as that session last knew it.
    """

    path: str
    session_id: str
    conversation_id: str
    title: str
    sha256: str
    written_at: datetime

    @property
    def name(self) -> str:
        """Who it was, for the model and the person."""
        if self.title:
            return f'conversation "{self.title}" ({self.conversation_id})'
        return f"conversation {self.conversation_id}"


@dataclass(frozen=True, slots=True)
class News:
    """What one session tells another one. ``number`` orders and identifies it."""

    number: int
    text: str
