"""The proxy that opens a confined command's network for single hosts."""

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sandbox_world import World

from letta_cli.core.need import Need
from letta_cli.workspace.sandbox import HostProxy

pytestmark = pytest.mark.slow


class Site(BaseHTTPRequestHandler):
    """Answers with what it was asked for, and as whom."""

    def do_GET(self) -> None:
        body = f"{self.path} of {self.headers['Host']}, {self.headers.get('Proxy-Connection')}\n"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def site() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture
def hosts(world: World) -> World:
    if not world.sandbox.knows_hosts:
        pytest.skip(f"{world.sandbox.level} cannot open the network for single hosts")
    return world


async def test_a_granted_host_is_reached_and_no_other(hosts: World, site: int) -> None:
    with_host = f"network:127.0.0.1:{site}"
    page = f"http://127.0.0.1:{site}/page"
    for how in ("", "--proxytunnel "):
        done = await hosts.run(f"curl -sS {how}{page}", with_host)
        assert done.output == f"/page of 127.0.0.1:{site}, None\n"
    done = await hosts.run(f"curl -sSf --noproxy '' {page}", "network:example.com")
    assert done.exit_code and done.refused_hosts == (f"127.0.0.1:{site}",)
    assert "/page" not in done.output


async def test_past_the_proxy_there_is_no_way_to_a_granted_host(hosts: World, site: int) -> None:
    direct = f"curl -sS --noproxy '*' -m 3 http://127.0.0.1:{site}/page"
    assert "/page" not in (await hosts.run(direct, f"network:127.0.0.1:{site}")).output


async def test_a_server_of_the_commands_own_is_reached_without_the_proxy(hosts: World) -> None:
    serve = "python3 -m http.server 8123 --bind 127.0.0.1 >/dev/null 2>&1 & "
    fetch = "for i in {1..100}; do curl -sf http://127.0.0.1:8123/app.py && break; sleep 0.1; done"
    assert "print('app')" in (await hosts.run(serve + fetch, "network:example.com")).output


async def test_a_sandbox_that_cannot_open_single_hosts_says_so(world: World) -> None:
    if world.sandbox.knows_hosts:
        pytest.skip("this one can")
    with pytest.raises(ValueError, match="ask for network"):
        await world.workspace().shell.run("true", needs=[Need("host", "pypi.org")])


class Wire:
    """A proxy on a socket, and raw requests to it."""

    def __init__(self, proxy: HostProxy, path: Path) -> None:
        self.proxy, self.path = proxy, path

    async def ask(self, request: bytes) -> str:
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        writer.write(request)
        await writer.drain()
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
        return answer.decode("latin-1")


@contextlib.asynccontextmanager
async def proxy_of(*allowed: str, denied: tuple[str, ...] = (), **addresses: str):
    async def resolve(host: str, _port: int) -> list[str]:
        name = host.replace(".", "_")
        if name not in addresses:
            raise OSError("no such host")
        return addresses[name].split()

    with tempfile.TemporaryDirectory(prefix="wire-") as folder:
        proxy = HostProxy(allowed, denied, resolve)
        await proxy.listen(Path(folder) / "s")
        try:
            yield Wire(proxy, Path(folder) / "s")
        finally:
            await proxy.close()


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.8", "192.168.1.1", "169.254.169.254", "::1", "fe80::1",
     "::ffff:127.0.0.1", "93.184.215.14 10.0.0.1"],
)  # fmt: skip
async def test_an_allowed_name_that_leads_inside_is_refused(address: str) -> None:
    async with proxy_of("good.example", good_example=address) as wire:
        answer = await wire.ask(b"CONNECT good.example:443 HTTP/1.1\r\n\r\n")
    assert answer.startswith("HTTP/1.1 403") and "good.example" in answer


async def test_a_link_local_address_is_refused_though_it_was_named(site: int) -> None:
    async with proxy_of("169.254.169.254", **{"169_254_169_254": "169.254.169.254"}) as wire:
        answer = await wire.ask(b"GET http://169.254.169.254/latest HTTP/1.1\r\n\r\n")
    assert answer.startswith("HTTP/1.1 403") and "link-local" in answer


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("CONNECT evil.example:443 HTTP/1.1", 403),
        ("CONNECT good.example:22 HTTP/1.1", 403),
        ("CONNECT good.example.evil.example:443 HTTP/1.1", 403),
        ("CONNECT evilgood.example:443 HTTP/1.1", 403),
        ("CONNECT x.good.example:443 HTTP/1.1", 403),
        ("CONNECT wide.example:443 HTTP/1.1", 403),
        ("CONNECT no.wide.example:443 HTTP/1.1", 403),
        ("CONNECT good.example\0.evil.example:443 HTTP/1.1", 400),
        ("CONNECT good.example%00.evil.example:443 HTTP/1.1", 400),
        ("CONNECT good.example@evil.example:443 HTTP/1.1", 400),
        ("CONNECT *.wide.example:443 HTTP/1.1", 400),
        ("CONNECT good.example HTTP/1.1", 400),
        ("CONNECT good.example:99999 HTTP/1.1", 400),
        ("CONNECT 2130706433:80 HTTP/1.1", 403),
        ("GET http://good.example@evil.example/ HTTP/1.1", 400),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: good.example", 403),
        ("GET /path HTTP/1.1\r\nHost: good.example", 400),
        ("GET file:///etc/passwd HTTP/1.1", 400),
        ("nonsense", 400),
        ("GET  http://good.example/ HTTP/1.1", 400),
        ("GET http://good.example/ HTTP/1.1\r\nbroken", 400),
        ("GET http://good.example/ HTTP/1.1\r\nX: a\rHost: evil", 400),
    ],
)
async def test_requests_that_are_not_for_an_allowed_host_go_nowhere(
    request_line: str, status: int
) -> None:
    async with proxy_of("good.example", "*.wide.example", denied=("no.wide.example",)) as wire:
        answer = await wire.ask(request_line.encode("latin-1") + b"\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {status}"), answer


async def test_the_server_is_told_the_host_that_was_judged(site: int) -> None:
    name = f"localhost:{site}"
    async with proxy_of(name, localhost="127.0.0.1") as wire:
        lie = f"GET http://{name}/a?b HTTP/1.1\r\nHost: evil.example\r\nProxy-Connection: x\r\n\r\n"
        answer = await wire.ask(lie.encode())
    assert f"/a?b of {name}, None" in answer


async def test_what_was_refused_is_remembered_by_name_and_only_some_of_it() -> None:
    async with proxy_of("good.example") as wire:
        for number in range(40):
            await wire.ask(f"CONNECT h{number}.example:443 HTTP/1.1\r\n\r\n".encode())
        assert wire.proxy.refused[:2] == ["h0.example", "h1.example"]
        assert len(wire.proxy.refused) == 20


async def test_garbage_and_a_client_that_goes_away_leave_the_proxy_as_it_was(site: int) -> None:
    name = f"localhost:{site}"
    async with proxy_of(name, localhost="127.0.0.1") as wire:
        assert (await wire.ask(b"A" * 200_000 + b"\r\n\r\n")).startswith("HTTP/1.1 431")
        for _ in range(5):
            _reader, writer = await asyncio.open_unix_connection(str(wire.path))
            writer.write(b"CONNECT local")
            writer.close()
        assert "200" in await wire.ask(f"GET http://{name}/ HTTP/1.1\r\n\r\n".encode())
