"""What a search may be limited to, and how people and models write it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from letta_cli.core.clock import now
from letta_cli.core.errors import UsageError
from letta_cli.core.message import Role

KINDS = ("messages", "memory", "passages", "files")
"""As they are written; the store's own names are without the plural."""

ROLES = ("user", "assistant", "tool")

_AGO = re.compile(r"(\d{1,4})\s*(h|d|w|m|y)")
_UNIT = {"h": 1 / 24, "d": 1, "w": 7, "m": 30, "y": 365}
_WORDS = {"today": 0, "yesterday": 1}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a search is limited to; everything when left as it is.

    Attributes:
        kinds: kinds of hits. Where a role, project or conversation is asked for, only messages
            can fit.
        project: the project key of the conversation, or the last part of its path.
        conversation_id: this one, with what it took over when it was forked.
        since, until: when it was said or written; `until` itself is not included.
        tags: passages with all of these; other kinds do not fit.
    """

    kinds: tuple[str, ...] = ()
    role: Role | None = None
    project: str | None = None
    conversation_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    tags: tuple[str, ...] = ()


def read_filters(
    *,
    kinds: Sequence[str] = (),
    role: str = "",
    project: str = "",
    conversation_id: str = "",
    since: str = "",
    until: str = "",
) -> Filters:
    """Filters from words; an empty one limits nothing.

    Args:
        since, until: a date as ``2026-05-31``, with a time as ``2026-05-31T14:00``, a time ago as
            ``12h``, ``7d``, ``2w``, ``3m``, ``1y``, or ``today``, ``yesterday``. A day that is
            named is included whole.

    Raises:
        UsageError: one of them means nothing, or together they fit nothing; says which.
    """
    for kind in kinds:
        _check("kind", kind, KINDS)
    if role:
        _check("role", role, ROLES)
    of_talk = {"role": role, "project": project, "conversation": conversation_id}
    if kinds and "messages" not in kinds and any(of_talk.values()):
        named = next(name for name, value in of_talk.items() if value)
        raise UsageError(
            f"{named}: only messages have one, and only {' and '.join(kinds)} are asked for."
        )
    begin = _moment("since", since)[0] if since else None
    end = _moment("until", until)[1] if until else None
    if begin and end and begin >= end:
        raise UsageError(f"since, until: nothing lies between {since} and {until}.")
    return Filters(
        kinds=tuple("memory" if kind == "memory" else kind.removesuffix("s") for kind in kinds),
        role=cast("Role", role) if role else None,
        project=project or None,
        conversation_id=conversation_id or None,
        since=begin,
        until=end,
    )


def _check(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise UsageError(f"{name}: expected {', '.join(known[:-1])} or {known[-1]}, not {value!r}.")


def _moment(name: str, text: str) -> tuple[datetime, datetime]:
    """Where what `text` names begins and ends, in the time zone of this computer."""
    here = now().astimezone()
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    text = text.strip().lower()
    if text in _WORDS:
        day = midnight - timedelta(days=_WORDS[text])
        return day, day + timedelta(days=1)
    if ago := _AGO.fullmatch(text):
        moment = here - timedelta(days=int(ago[1]) * _UNIT[ago[2]])
        return moment, moment
    try:
        found = datetime.fromisoformat(text)
        moment = found if found.tzinfo else found.astimezone()
        whole_day = re.fullmatch(r"[\d-]+", text) is not None
        return moment, moment + timedelta(days=1) if whole_day else moment
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{name}: expected a date such as 2026-05-31, a time ago such as 12h, 7d or 3m, today "
            f"or yesterday, not {text[:40]!r}."
        ) from error
