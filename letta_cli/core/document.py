"""Documents that a person gives the agent to open, grep and search."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from letta_cli.core.errors import AgentError

DocumentKind = Literal["text", "pdf", "transcript"]


class DocumentRefused(AgentError):
    """A file cannot be taken as a document; ``str(error)`` says why, in a few words."""

    code = "document_refused"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document.

    Attributes:
        place: the end of its citation: ``12-40`` for lines, ``p3`` for a page.
        heading: what stands above it: a heading, a time in a transcript; may be empty.
    """

    place: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as it was read.

    Attributes:
        sha256: of its bytes.
        modified_ns: its date, as the file system has it.
    """

    kind: DocumentKind
    sha256: str
    size: int
    modified_ns: int
    sections: Sequence[Section]


@dataclass(frozen=True, slots=True)
class Document:
    """A file that the agent has.

    Attributes:
        name: what it is cited by, such as ``manual.pdf``; unique for the agent.
        path: where it lies, absolute.
        sections: how many.
        trouble: why it could not be read again; its last text is kept.
    """

    id: str
    agent_id: str
    name: str
    path: str
    kind: DocumentKind
    sha256: str
    size: int
    modified_ns: int
    sections: int
    trouble: str
    read_at: datetime
