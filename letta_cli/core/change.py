"""Changes of files that can be taken back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileChange:
    """One change of one file by a tool call.

    Attributes:
        path: canonical.
        before: SHA-256 of the content that it had; None when there was no file.
        after: SHA-256 of the content that it got; None when it was removed.
        mode: permission bits that it had, or got when it is new.
    """

    path: str
    before: str | None
    after: str | None
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A change as the store knows it.

    Attributes:
        number: grows with time, over all conversations.
        run_id, call_id: whose call made it.
    """

    number: int
    conversation_id: str
    run_id: str
    call_id: str
    change: FileChange
