"""Numbers as people read them: times, tokens, money, paths."""

from datetime import datetime
from pathlib import Path


def duration(seconds: float) -> str:
    """``8s``, ``1m5s``, ``1h2m3s``."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def tokens(count: float) -> str:
    """``950``, ``1.2k``, ``45k``, ``1.5M``."""
    if count < 1000:
        return str(int(count))
    if count < 999_500:
        thousands = count / 1000
        return f"{thousands:.1f}k" if thousands < 10 else f"{thousands:.0f}k"
    return f"{count / 1_000_000:.1f}M"


def estimate(text: str) -> float:
    """About how many tokens `text` is: a quarter of a token a character, CJK one and a half."""
    wide = sum(char > "\u2e7f" for char in text)
    return (len(text) - wide) / 4 + wide * 1.5


def money(usd: float) -> str:
    """``$0.004`` for little, ``$1.25`` for more."""
    return f"${usd:.3f}" if usd < 0.1 else f"${usd:.2f}"


def ago(moment: datetime, now: datetime) -> str:
    """``just now``, ``5 min ago``, ``3 h ago``, ``2 days ago``, then the date."""
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 86_400:
        return f"{int(seconds // 3600)} h ago"
    days = int(seconds // 86_400)
    if days < 14:
        return "yesterday" if days == 1 else f"{days} days ago"
    return moment.astimezone().strftime("%Y-%m-%d")


def short_path(path: str | Path, home: Path | None = None, limit: int = 0) -> str:
    """The path with ``~`` for home, cut from the left to `limit` characters when that is set."""
    text = str(path)
    home_text = str(home or Path.home())
    if text == home_text or text.startswith(home_text.rstrip("/") + "/"):
        text = "~" + text[len(home_text) :]
    return text if not limit or len(text) <= limit else "…" + text[-(limit - 1) :]


def short_id(identifier: str) -> str:
    """``conv-1f2e3d4c``: as much of an id as a person needs to name it."""
    return identifier[:13]
