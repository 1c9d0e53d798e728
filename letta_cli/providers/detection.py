"""Finds model servers that listen on this machine. Only 127.0.0.1, 300 ms each, never a key.

Written on bare sockets: an HTTP library costs 90 ms to import, and this runs before the first
word of a first start.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from letta_cli.providers.shapes import as_object, as_rows

PROBE_SECONDS = 0.3
_MAX_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answered.

    Attributes:
        provider: a name of `KNOWN`; the first part of a handle.
        base_url: where its Chat Completions are.
        models: names as the server tells them, without the provider; may be empty.
    """

    provider: str
    base_url: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """Where a server usually listens and what tells it from others.

    Attributes:
        mark: a JSON path that only this server answers; its answer must hold `key`.
        listing: the JSON path with its models, under ``data`` or ``models``.
    """

    provider: str
    port: int
    mark: str
    key: str
    listing: str


PROBES: tuple[Probe, ...] = (
    Probe("ollama", 11434, "/api/version", "version", "/api/tags"),
    Probe("lmstudio", 1234, "/v1/models", "data", "/v1/models"),
    Probe("llamacpp", 8080, "/props", "default_generation_settings", "/v1/models"),
    Probe("vllm", 8000, "/v1/models", "data", "/v1/models"),
)


async def detect(probes: Sequence[Probe] = PROBES) -> list[Found]:
    """Ask all usual places at once. Takes at most `PROBE_SECONDS`; never fails."""
    answers = await asyncio.gather(*(_probe(probe) for probe in probes))
    return [found for found in answers if found is not None]


async def _probe(probe: Probe) -> Found | None:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            mark = as_object(await _get_json(probe.port, probe.mark))
            if probe.key not in mark:
                return None
            same = probe.listing == probe.mark
            listing = mark if same else as_object(await _get_json(probe.port, probe.listing))
    except (OSError, ValueError, TimeoutError, EOFError):
        return None
    return Found(probe.provider, f"http://127.0.0.1:{probe.port}/v1", _names(listing))


def _names(listing: Mapping[str, Any]) -> tuple[str, ...]:
    rows = as_rows(listing.get("data") or listing.get("models"))
    names = [str(row.get("id") or row.get("name") or "") for row in rows]
    return tuple(name for name in names if name)


async def _get_json(port: int, path: str) -> Any:
    """A GET of HTTP/1.0, which no server answers in chunks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        request = (
            f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n\r\n"
        )
        writer.write(request.encode())
        status = (await reader.readline()).split()
        if len(status) < 2 or status[1] != b"200":
            return None
        headers = await reader.readuntil(b"\r\n\r\n")
        length = _content_length(headers)
        if length is not None:
            body = await reader.readexactly(min(length, _MAX_BYTES))
        else:
            body = await reader.read(_MAX_BYTES)
        return json.loads(body)
    finally:
        writer.close()


def _content_length(headers: bytes) -> int | None:
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return None
