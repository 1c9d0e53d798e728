"""Model clients. Importing this package costs nothing: no SDK, no HTTP library, no asyncio.

`load` gives a provider by name, `detect` finds model servers on this machine.
"""

from typing import TYPE_CHECKING, Any

from letta_cli.providers.registry import KNOWN, load, split_handle

if TYPE_CHECKING:
    from letta_cli.providers.detection import Found, detect

__all__ = ["KNOWN", "Found", "detect", "load", "split_handle"]


def __getattr__(name: str) -> Any:
    if name in ("Found", "detect"):
        from letta_cli.providers import detection

        return getattr(detection, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
