"""WebFetch: a public web page as Markdown. GET only; bounded in time, size and redirects.

An address inside this machine or network is fetched only when the URL itself names it, which the
person saw and allowed; never because a public name or a redirect leads there."""

import asyncio
import re
import socket
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from letta_cli.core.address import is_number, names_itself_private, refused_address
from letta_cli.core.outside import source
from letta_cli.core.tool import Display, ToolSpec
from letta_cli.tools.arguments import schema, text, text_of
from letta_cli.tools.paths import TitleOf
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok

SECONDS = 30.0
MAX_BYTES = 5 * 1024 * 1024
MAX_CHARS = 30_000
MAX_REDIRECTS = 5

SPEC = ToolSpec(
    name="WebFetch",
    description="Fetch a web page as Markdown.",
    parameters=schema("url", url=text_of()),
    kind="network",
    summary="read a web page",
    concurrent=True,
)

_TEXT_TYPES = re.compile(r"text/|[/+](json|xml|yaml|javascript|x-sh|toml)\b|^$")
_HEADERS = {
    "user-agent": "Mozilla/5.0 (compatible; agent; +terminal coding agent)",
    "accept-encoding": "gzip",
    "accept": "text/markdown, text/html;q=0.9, text/plain;q=0.8, */*;q=0.5",
}


class _Refused(Exception):
    """``str`` says why, for the model."""


@dataclass(frozen=True, slots=True)
class _Page:
    url: str
    status: int
    content_type: str
    encoding: str
    body: bytes
    cut: bool


async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    url = text(arguments, "url").strip()
    try:
        async with asyncio.timeout(SECONDS):
            page = await _fetch(url, context.workspace.shell.environment)
            content = await asyncio.to_thread(_readable, page)
    except _Refused as error:
        return failed(str(error))
    except TimeoutError:
        return failed(f"{url} did not answer within {SECONDS:.0f} s. Try another address.")
    title = f"WebFetch {page.url} ({page.status}, {len(content):,} characters)"
    if page.status >= 400:
        told = f"{page.url} answered with status {page.status}.\n{content[:1_000]}"
        return failed(told, outside=source("web", page.url))
    shown = content[:MAX_CHARS]
    if len(content) > MAX_CHARS:
        whole = context.workspace.keep_overflow(content, "page")
        shown += f"\n… (cut; the whole page is in {whole}, Read it in parts)"
    if page.cut:
        shown += f"\n(only the first {MAX_BYTES // 1_048_576} MB were fetched)"
    moved = f"(from {page.url})\n" if page.url != url else ""
    told = moved + (shown or "The page is empty.")
    return ok(told, Display(title=title), outside=source("web", page.url))


async def _fetch(url: str, environment: Mapping[str, str]) -> _Page:
    """Follow redirects by hand: every address is judged before it is connected to."""
    import httpx2

    asked_host = urlsplit(url).hostname or ""
    bundle = environment.get("SSL_CERT_FILE")
    verify = ssl.create_default_context(cafile=bundle) if bundle else True
    proxy = _proxy(url, environment)
    options: dict[str, Any] = {"proxy": proxy} if proxy else {}
    async with httpx2.AsyncClient(
        verify=verify, trust_env=False, follow_redirects=False, timeout=SECONDS, **options
    ) as client:
        for _ in range(MAX_REDIRECTS + 1):
            target, headers, extensions = await _target(url, asked_host, pin=not proxy)
            request = client.build_request(
                "GET", target, headers={**_HEADERS, **headers}, extensions=extensions
            )
            try:
                response = await client.send(request, stream=True)
            except httpx2.HTTPError as error:
                raise _Refused(f"{url} could not be fetched: {error}.") from error
            try:
                where = response.headers.get("location")
                if response.status_code in (301, 302, 303, 307, 308) and where:
                    following = urljoin(url, where)
                    await _target(following, asked_host, pin=not proxy)
                    _same_host(url, following)
                    url = following
                    continue
                body, cut = await _body(response)
            except httpx2.HTTPError as error:
                raise _Refused(f"{url} broke off: {error}.") from error
            finally:
                await response.aclose()
            return _Page(
                url=url,
                status=response.status_code,
                content_type=response.headers.get("content-type", "").lower(),
                encoding=response.encoding or "utf-8",
                body=body,
                cut=cut,
            )
    raise _Refused(f"{url}: more than {MAX_REDIRECTS} redirects. Fetch the final address.")


def _same_host(url: str, following: str) -> None:
    """Permission was given for one host; another one is a call of its own, judged by itself."""
    before, after = (
        (urlsplit(each).hostname or "").removeprefix("www.") for each in (url, following)
    )
    if before != after:
        raise _Refused(
            f"{url} leads to another host, which was not asked for: {following[:500]}\n"
            "Fetch that address if it is needed."
        )
    if url.startswith("https:") and not following.startswith("https:"):
        raise _Refused(f"{url} leads away from https, to {following[:500]}: not followed.")


async def _body(response: Any) -> tuple[bytes, bool]:
    """The beginning of the body, and whether there is more. A small body may stand for a huge one,
    so it is unpacked here, no further than there is room."""
    packing = response.headers.get("content-encoding", "").strip().lower()
    if packing not in ("", "identity", "gzip", "x-gzip"):
        raise _Refused(f"{response.url} is packed as {packing[:40]!r}, which was not asked for.")
    unpack = zlib.decompressobj(wbits=31) if packing.endswith("gzip") else None
    body = bytearray()
    async for chunk in response.aiter_raw():
        try:
            body += unpack.decompress(chunk, MAX_BYTES + 1 - len(body)) if unpack else chunk
        except zlib.error as error:
            raise _Refused(f"{response.url} is damaged: {error}.") from error
        if len(body) > MAX_BYTES:
            return bytes(body[:MAX_BYTES]), True
    return bytes(body), False


async def _target(
    url: str, asked_host: str, *, pin: bool
) -> tuple[str, dict[str, str], dict[str, Any]]:
    """The URL to connect to, with the judged address in place of the name.

    The name is resolved once: a second look-up could answer with another address.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        raise _Refused(f"{url!r} is no http or https address. Give a whole URL.")
    if parts.username or parts.password:
        raise _Refused("The URL carries a user name or password. Leave them out.")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise _Refused(f"{url!r} has no valid port.") from error
    named = host == asked_host and names_itself_private(host)
    address = await _address(host, port, allow_private=named, look_up=pin)
    if not pin:
        return url, {}, {}
    shown = f"[{address}]" if ":" in address else address
    target = urlunsplit((parts.scheme, f"{shown}:{port}", parts.path or "/", parts.query, ""))
    return target, {"host": parts.netloc}, {"sni_hostname": host}


async def _address(host: str, port: int, *, allow_private: bool, look_up: bool) -> str:
    if not look_up and not is_number(host):
        return host
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _Refused(f"The host {host} was not found. Check the address.") from error
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    for address in addresses:
        if why := refused_address(host, address, allow_private=allow_private):
            raise _Refused(why)
    return addresses[0]


def _proxy(url: str, environment: Mapping[str, str]) -> str | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    without = (environment.get("NO_PROXY") or environment.get("no_proxy") or "").split(",")
    if any(name.strip() and host.endswith(name.strip().lstrip("*.")) for name in without):
        return None
    if "*" in (name.strip() for name in without) or names_itself_private(host):
        return None
    name = f"{parts.scheme}_proxy"
    return environment.get(name) or environment.get(name.upper()) or None


def _readable(page: _Page) -> str:
    """The body as text; HTML as Markdown."""
    kind = page.content_type.partition(";")[0].strip()
    if not _TEXT_TYPES.search(kind) or b"\0" in page.body[:4_096]:
        raise _Refused(
            f"{page.url} is {kind or 'binary'} ({len(page.body):,} bytes), not text. "
            "Download it with a Bash command if it is needed."
        )
    try:
        source = page.body.decode(page.encoding, "replace")
    except LookupError:
        source = page.body.decode("utf-8", "replace")
    if "html" not in kind and not source.lstrip()[:15].lower().startswith("<!doctype html"):
        return source.strip()
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    soup = BeautifulSoup(source, "html.parser")
    for element in soup(["script", "style", "noscript", "template", "svg", "iframe"]):
        element.decompose()
    main = soup.find("main") or soup.find("article") or soup.body or soup
    title = soup.title.get_text(strip=True) if soup.title else ""
    converted = str(MarkdownConverter(heading_style="ATX", bullets="-").convert_soup(main))
    body = re.sub(r"[ \t]+\n", "\n", converted)
    body = re.sub(r"\n{3,}", "\n\n", body).strip()
    return f"# {title}\n\n{body}" if title and title not in body[:200] else body


TOOL = Tool(SPEC, run, TitleOf("WebFetch", "url"))
