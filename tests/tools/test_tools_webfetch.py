"""WebFetch against a real HTTP server on this machine."""

import asyncio
import gzip
import resource
import threading
import time
import zlib
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from letta_cli.tools import webfetch

PAGE = """<!doctype html><html><head><title>Guide &amp; more</title><style>p{}</style></head>
<body><nav>menu</nav><main><h1>Start</h1><p>Use <code>agent</code> and
<a href="/x">this</a>.</p><script>alert(1)</script><ul><li>one</li></ul></main></body></html>"""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path
        if path.startswith("/hop/"):
            count = int(path.split("/")[2])
            where = f"/hop/{count - 1}" if count > 1 else "/page"
            return self._send(b"", 302, location=where)
        if path == "/to":
            return self._send(b"", 302, location=self.server.leads_to)
        if path == "/slow":
            time.sleep(3)
        bodies = {
            "/page": (PAGE.encode(), "text/html; charset=utf-8"),
            "/json": (b'{"a": 1}', "application/json"),
            "/latin": ("é".encode("latin-1"), "text/plain; charset=iso-8859-1"),
            "/image": (b"\x89PNG\0", "image/png"),
            "/long": (b"word " * 20_000, "text/plain"),
            "/big": (b"x" * (webfetch.MAX_BYTES + 100_000), "text/plain"),
            "/slow": (b"late", "text/plain"),
            "/host": (self.headers["host"].encode(), "text/plain"),
        }
        if path.startswith("/packed/"):
            kind = path.split("/")[2]
            body = gzip.compress(b"small") if kind == "small" else BOMB if kind == "bomb" else b"xx"
            encoding = {"brotli": "br"}.get(kind, "gzip")
            return self._send(body, 200, **{"content-encoding": encoding})
        if path not in bodies:
            return self._send(b"gone", 404)
        body, kind = bodies[path]
        return self._send(body, 200, kind)

    def _send(self, body: bytes, status: int, kind: str = "text/plain", **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # A client that has enough closes early.
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _bomb() -> bytes:
    """Some 100 KB that stand for 100 MB."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(b"0" * 1_000_000) for _ in range(100)), packer.flush()])


BOMB = _bomb()


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    server.base = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


async def test_a_page_comes_as_markdown(call, server):
    outcome = await call("WebFetch", url=f"{server.base}/page")
    assert outcome.status == "ok"
    assert outcome.outside == f"web {server.base}/page"
    assert outcome.content.startswith("# Guide & more\n\n# Start")
    assert "Use `agent` and\n[this](/x)." in outcome.content
    assert "- one" in outcome.content
    assert "alert" not in outcome.content
    assert "menu" not in outcome.content


async def test_other_texts_come_as_they_are(call, server):
    async def text(url: str) -> str:
        return (await call("WebFetch", url=url)).content

    assert await text(f"{server.base}/json") == '{"a": 1}'
    assert await text(f"{server.base}/latin") == "é"
    host = f"localhost:{server.server_port}"
    assert await text(f"http://{host}/host") == host


async def test_what_is_no_text_or_no_page_is_an_error(call, server):
    image = await call("WebFetch", url=f"{server.base}/image")
    assert (image.status, "image/png" in image.content) == ("error", True)
    missing = await call("WebFetch", url=f"{server.base}/none")
    assert (missing.status, "status 404" in missing.content) == ("error", True)


async def test_redirects_are_followed_but_not_for_ever(call, server):
    outcome = await call("WebFetch", url=f"{server.base}/hop/5")
    assert f"(from {server.base}/page)" in outcome.content
    outcome = await call("WebFetch", url=f"{server.base}/hop/6")
    assert "more than 5 redirects" in outcome.content


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://169.254.169.254/latest/meta-data", "link-local"),
        ("http://[fe80::1]/", "link-local"),
        ("http://10.0.0.1/", "inside this machine or network"),
        ("http://0.0.0.0/", "inside this machine or network"),
        ("http://[::ffff:192.168.0.1]/", "inside this machine or network"),
        ("file:///etc/passwd", "no http or https address"),
        ("ftp://example.com/", "no http or https address"),
    ],
)
async def test_a_redirect_is_judged_like_an_address(call, server, target: str, words: str):
    server.leads_to = target
    outcome = await call("WebFetch", url=f"{server.base}/to")
    assert (outcome.status, words in outcome.content) == ("error", True), outcome.content


async def test_another_host_is_not_followed_to_for_permission_was_given_for_one(call, server):
    server.leads_to = "http://93.184.216.34/collect?secret"
    outcome = await call("WebFetch", url=f"{server.base}/to")
    assert outcome.status == "error"
    assert "leads to another host" in outcome.content
    assert "http://93.184.216.34/collect?secret" in outcome.content


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "example.com",
        "",
        "http://",
        "http://user:secret@example.com/",
        "http://example.com:99999/",
        "http://169.254.169.254/",
        "http://no-such-host.invalid/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://localhost./",
        "http://0/",
        "http://[fe80::1%25lo]/",
    ],
)
async def test_bad_addresses_are_refused_with_a_reason(call, url: str):
    outcome = await call("WebFetch", url=url)
    assert outcome.status == "error"
    assert len(outcome.content) > 20


async def test_a_name_that_leads_inside_is_refused(call, server, monkeypatch: pytest.MonkeyPatch):
    # A public name whose owner points it at this machine, without asking a name server.
    loop = asyncio.get_running_loop()
    address = (2, 1, 6, "", ("127.0.0.1", server.server_port))

    async def resolve(*_: object, **__: object) -> list[object]:
        return [address]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    outcome = await call("WebFetch", url=f"http://rebound.example.com:{server.server_port}/page")
    assert "leads to 127.0.0.1, inside this machine" in outcome.content


async def test_long_pages_are_cut_and_kept_in_a_file(call, server):
    outcome = await call("WebFetch", url=f"{server.base}/long")
    assert len(outcome.content) < webfetch.MAX_CHARS + 300
    path = outcome.content.rsplit("page is in ", 1)[1].split(",")[0]
    assert (await call("Read", file_path=path)).status == "ok"
    big = await call("WebFetch", url=f"{server.base}/big")
    assert "only the first 5 MB" in big.content


async def test_a_slow_server_is_given_up_on(call, server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(webfetch, "SECONDS", 0.3)
    begun = time.monotonic()
    outcome = await call("WebFetch", url=f"{server.base}/slow")
    assert "did not answer" in outcome.content or "could not be fetched" in outcome.content
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "address",
    [
        "::7f00:1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "::ffff:0:7f00:1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe", "::ffff:10.0.0.1", "fd00::1", "fec0::1", "ff02::1",
        "::", "::1", "100.64.0.1", "192.0.0.8", "224.0.0.1", "255.255.255.255", "0.1.2.3",
    ],
)  # fmt: skip
async def test_a_name_may_lead_to_no_address_that_ends_inside(
    call, monkeypatch: pytest.MonkeyPatch, address: str
):
    family = 10 if ":" in address else 2

    async def resolve(*_: object, **__: object) -> list[object]:
        return [(family, 1, 6, "", (address, 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    outcome = await call("WebFetch", url="http://rebound.example.com/")
    assert "inside this machine or network" in outcome.content, outcome.content


async def test_a_name_is_resolved_once_and_the_judged_address_is_connected_to(
    call, server, monkeypatch: pytest.MonkeyPatch
):
    answers = ["127.0.0.1", "169.254.169.254", "10.0.0.1"]
    asked: list[object] = []

    async def resolve(host: object, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [(2, 1, 6, "", (answers[len(asked) - 1], server.server_port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    outcome = await call("WebFetch", url=f"http://localhost:{server.server_port}/json")
    assert (outcome.status, outcome.content) == ("ok", '{"a": 1}')
    assert asked == ["localhost"]


async def test_a_proxy_is_not_asked_for_an_address_inside_in_any_spelling(call, context, server):
    environment = {"http_proxy": server.base}
    context.workspace.shell.environment |= environment
    through = await call("WebFetch", url="http://example.com/json")
    assert "gone" in through.content, "the proxy was asked for the name"
    for url in ("http://2130706433/json", "http://0x7f000001/json"):
        outcome = await call("WebFetch", url=url)
        assert outcome.status == "error", (url, outcome.content)


async def test_a_small_body_that_stands_for_a_huge_one_is_unpacked_as_far_as_there_is_room(
    call, server
):
    assert (await call("WebFetch", url=f"{server.base}/packed/small")).content == "small"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bomb = await call("WebFetch", url=f"{server.base}/packed/bomb")
    assert "only the first 5 MB" in bomb.content
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000, "kilobytes"
    for kind in ("damaged", "brotli"):
        outcome = await call("WebFetch", url=f"{server.base}/packed/{kind}")
        assert outcome.status == "error", outcome.content
