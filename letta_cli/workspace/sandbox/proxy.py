"""The one way out of a confined command's network: a proxy that knows which hosts it may reach.

It listens on a Unix socket that the command's sandbox shows as its proxy, serves CONNECT and plain
HTTP, looks each name up itself and connects to the address that it has judged. Where a public name
leads inside this machine or network it is refused, see `core.address`.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from letta_cli.core.address import names_itself_private, refused_address
from letta_cli.core.need import checked_host, host_fits, split_port

MOST_HEAD = 65_536
"""Bytes of a request's line and headers."""
HEAD_SECONDS = 30.0
CONNECT_SECONDS = 30.0
MOST_REMEMBERED = 20

_CHUNK = 65_536
_HOP_BY_HOP = ("proxy-", "connection:", "keep-alive:", "host:")

Resolve = Callable[[str, int], Awaitable[list[str]]]


class _Refused(Exception):
    """``args``: status line, and a sentence for the program that asked."""


@dataclass(slots=True)
class HostProxy:
    """Reaches `allowed` hosts but those of `denied`; see `core.need.host_fits` for the forms.

    Attributes:
        refused: hosts that were asked for and are not allowed, each once, with their port where
            that is not one of the web.
    """

    allowed: tuple[str, ...]
    denied: tuple[str, ...] = ()
    resolve: Resolve = field(default_factory=lambda: _look_up)
    refused: list[str] = field(default_factory=list[str])
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def listen(self, path: Path) -> None:
        """Serve on a Unix socket at `path` until `close`.

        Raises:
            OSError: the socket cannot be made there.
        """
        self._server = await asyncio.start_unix_server(self._accept, path, limit=MOST_HEAD)
        path.chmod(0o600)

    async def close(self) -> None:
        """End all connections and stop to listen."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except _Refused as refusal:
            status, said = refusal.args
            body = f"{said}\n".encode()
            head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            with contextlib.suppress(OSError):
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass  # One side is gone: so is the connection.
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError as error:
            raise _Refused("431 Request Header Fields Too Large", "too long") from error
        method, target, headers = _parse(head)
        if method == "CONNECT":
            host, port = _authority(target, None)
            far_reader, far_writer = await self._connect(host, port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            parts = urlsplit(target)
            if parts.scheme != "http":
                raise _Refused("400 Bad Request", "give a whole http:// address, or CONNECT")
            host, port = _authority(parts.netloc, 80)
            far_reader, far_writer = await self._connect(host, port)
            path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
            # What the server is told as its host is what was judged, whatever the header says.
            lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", *headers]
            far_writer.write(("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode())
        await _relay(reader, writer, far_reader, far_writer)

    async def _connect(
        self, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if any(host_fits(each, host, port) for each in self.denied) or not any(
            host_fits(each, host, port) for each in self.allowed
        ):
            self._note(host, port)
            raise _Refused("403 Forbidden", f"the sandbox does not let this command reach {host}")
        try:
            addresses = await self.resolve(host, port)
        except OSError as error:
            raise _Refused("502 Bad Gateway", f"the host {host} was not found") from error
        private = names_itself_private(host)
        for address in addresses:
            if why := refused_address(host, address, allow_private=private):
                raise _Refused("403 Forbidden", why)
        problem = "no address"
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(address, port)
            except OSError as error:  # TimeoutError is one.
                problem = str(error)
        raise _Refused("502 Bad Gateway", f"{host} cannot be reached: {problem}")

    def _note(self, host: str, port: int) -> None:
        name = host if port in (80, 443) else f"{host}:{port}"
        if name not in self.refused and len(self.refused) < MOST_REMEMBERED:
            self.refused.append(name)


def _parse(head: bytes) -> tuple[str, str, list[str]]:
    """Method, target, and the headers that are passed on."""
    try:
        text = head.decode("latin-1")
        line, *headers = text.removesuffix("\r\n\r\n").split("\r\n")
        method, target, version = line.split(" ")
    except ValueError as error:
        raise _Refused("400 Bad Request", "the request is not understood") from error
    named = all(":" in each and each[:1] not in " \t" for each in headers)
    clean = not any(ord(c) < 32 and c != "\t" for each in (line, *headers) for c in each)
    if not (version.startswith("HTTP/1.") and method.isalpha() and named and clean):
        raise _Refused("400 Bad Request", "the request is not understood")
    kept = [each for each in headers if not each.lower().startswith(_HOP_BY_HOP)]
    return method, target, kept


def _authority(text: str, port: int | None) -> tuple[str, int]:
    """Host and port of a request. A user name, an encoding or a NUL is none."""
    try:
        host, named = split_port(checked_host(text))
    except ValueError as error:
        raise _Refused("400 Bad Request", str(error)) from error
    found = named if named is not None else port
    if found is None or not 0 < found < 65_536 or "*" in host:
        raise _Refused("400 Bad Request", "the request names no host and port")
    return host, found


async def _look_up(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _relay(
    near_reader: asyncio.StreamReader,
    near_writer: asyncio.StreamWriter,
    far_reader: asyncio.StreamReader,
    far_writer: asyncio.StreamWriter,
) -> None:
    """Carry bytes both ways until both sides have said all."""
    try:
        await asyncio.gather(_carry(near_reader, far_writer), _carry(far_reader, near_writer))
    finally:
        far_writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
