"""Sessions: who has which conversation open, where, doing what."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

SessionState = Literal["idle", "running", "waiting"]
"""``waiting``: for a person to approve something."""

HEARTBEAT_SECONDS = 5.0
EXPIRY_SECONDS = 20.0
"""A session whose heart has not beaten for this long is past, not live."""


@dataclass(frozen=True, slots=True)
class Presence:
    """One open terminal or client on one conversation."""

    session_id: str
    conversation_id: str
    pid: int
    host: str
    terminal: str
    cwd: str
    branch: str
    state: SessionState
    activity: str
    started_at: datetime
    heartbeat_at: datetime
    here: bool = True
    """Whether `pid` is a process of this machine, and `cwd` one of its folders."""
