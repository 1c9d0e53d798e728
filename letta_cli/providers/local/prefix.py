"""Keeps what the model has read across restarts of its server: the next first request reads only
what differs from the last one, not the tools and the prompt again.

One file, beside the server's state, private like it. Losing it costs seconds and nothing else, so
every failure here is passed over.
"""

import contextlib
import json
import urllib.request
from pathlib import Path
from typing import Any

MOST_TOKENS = 4096
"""Longer conversations are not kept: about 28 KiB of disk a token."""

TIMEOUT_SECONDS = 20.0


def restore(url: str, key: str, folder: Path, version: str) -> bool:
    """Give the server what an earlier one had read; whether there was anything."""
    name = _name(version)
    if not (folder / name).exists():
        return False
    with contextlib.suppress(OSError, ValueError):
        _ask(f"{url}/slots/0?action=restore", key, {"filename": name})
        return True
    with contextlib.suppress(OSError):
        (folder / name).unlink()
    return False


def save(url: str, key: str, folder: Path, version: str) -> bool:
    """Keep what the server has read now, in place of what was kept before."""
    new = folder / "new.slot"
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        slots = _ask(f"{url}/slots", key)
        if not 0 < int(slots[0]["n_prompt_tokens"]) <= MOST_TOKENS:
            return False
        _ask(f"{url}/slots/0?action=save", key, {"filename": new.name})
        for old in folder.glob("*.prefix"):
            old.unlink()
        new.replace(folder / _name(version))
        return True
    return False


def _name(version: str) -> str:
    """Another version of the runtime may lay it out differently."""
    return f"{version}.prefix"


def _ask(url: str, key: str, body: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(
        url,
        json.dumps(body).encode() if body is not None else None,
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        return json.loads(answer.read())
