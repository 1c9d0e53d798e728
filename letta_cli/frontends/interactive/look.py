"""Signs and colours of the terminal, chosen once by what the terminal can show."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """Attributes:
    color: False keeps bold and dim, and drops every colour.
    """

    color: bool
    bullet: str
    elbow: str
    prompt: str
    rule: str
    dots: str
    todo_open: str
    todo_done: str
    cursor: str
    separator: str
    down: str
    spinner: tuple[str, ...]
    warning: str = "⚠"
    paste: str = "Pasted text"


def look_for(*, encoding: str | None, color: bool) -> Look:
    """The signs for a terminal of this character encoding."""
    if _is_unicode(encoding):
        return Look(
            color=color,
            bullet="●",
            elbow="⎿",
            prompt="❯",
            rule="─",
            dots="…",
            todo_open="☐",
            todo_done="☒",
            cursor="❯",
            separator=" · ",
            down="↓",
            spinner=("·", "✢", "✳", "✶", "✻", "✽", "✻", "✶", "✳", "✢"),
        )
    return Look(
        color=color,
        bullet="*",
        elbow="|",
        prompt=">",
        rule="-",
        dots="...",
        todo_open="[ ]",
        todo_done="[x]",
        cursor=">",
        separator=" | ",
        down="",
        spinner=("|", "/", "-", "\\"),
        warning="!",
    )


def _is_unicode(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "").startswith("utf")
