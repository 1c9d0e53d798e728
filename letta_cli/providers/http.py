"""The connection pool under every client of a model server, and how fast it is given up."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from httpx2 import AsyncClient

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 0.05
KEEP_SECONDS = 120.0
"""A connection outlives the tools of a step; the library's own five seconds would mean a new
TLS handshake for nearly every request."""


def is_loopback(url: str) -> bool:
    """Whether `url` stays on this machine."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")


def make_http_client(
    base_url: str, timeout_seconds: float, headers: dict[str, str] | None = None
) -> "AsyncClient":
    """A pool for one server.

    Args:
        timeout_seconds: between two pieces of an answer; connecting has its own bound.
    """
    import httpx2

    return httpx2.AsyncClient(
        base_url=base_url,
        headers=headers,
        timeout=httpx2.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
        limits=httpx2.Limits(max_connections=20, keepalive_expiry=KEEP_SECONDS),
        follow_redirects=True,
        # A proxy from the environment has no business with a server on this machine.
        trust_env=not is_loopback(base_url),
    )
