"""The process that runs the model: ``python -m letta_cli.providers.local.serve OPTIONS``.

Serves one model on a random port of 127.0.0.1 behind a random key, for all terminals of one
person. Its kernel lock says that it lives; it ends soon after its last user, and after ten
minutes without a request. It never outlives both, however its users die.
"""

import argparse
import contextlib
import importlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock
from filelock import Timeout as LockTimeout

from letta_cli.providers.local import prefix
from letta_cli.providers.local.rendezvous import Rendezvous, ServerState

LOOK_SECONDS = 0.5
"""How often it looks whether anybody still needs it."""


def main(argv: Sequence[str]) -> int:
    """Run until nobody needs the model any more; returns the exit code."""
    options = _parse(argv)
    os.umask(0o077)
    meeting = Rendezvous(options.folder)
    alive = FileLock(str(meeting.alive_lock), mode=0o600)
    try:
        alive.acquire(timeout=0)
    except LockTimeout:
        sys.stderr.write("another server is running already\n")
        return 3
    meeting.state_file.unlink(missing_ok=True)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    key = secrets.token_urlsafe(32)
    url, version = _serve(options, key)
    prefix.restore(url, key, meeting.slots, version)
    meeting.write(ServerState(url=url, key=key, pid=os.getpid(), model_sha256=options.sha256))
    _wait_until_needless(meeting, options.linger_seconds, options.idle_seconds)
    prefix.save(url, key, meeting.slots, version)
    # Not a return: the native threads have no orderly end, and the locks end with the process.
    os._exit(0)


def _end(_signal: int, _frame: FrameType | None) -> None:
    os._exit(0)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="letta_cli.providers.local.serve")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--sha256", required=True)
    parser.add_argument("--alias", required=True)
    parser.add_argument("--context", type=int, required=True)
    parser.add_argument("--linger-seconds", type=float, required=True)
    parser.add_argument("--idle-seconds", type=float, required=True)
    return parser.parse_args(argv)


def _serve(options: argparse.Namespace, key: str) -> tuple[str, str]:
    """Load the model and start the HTTP threads; returns base address and runtime version."""
    # Spinning barriers cost a factor of eight on a busy machine. Read by the OpenMP library when
    # it is loaded, hence set before the import; and the import is late because of that.
    os.putenv("OMP_WAIT_POLICY", "PASSIVE")
    runtime: Any = importlib.import_module("xllamacpp")
    params = runtime.CommonParams()
    params.model.path = str(options.weights)
    params.model_alias = {options.alias}
    params.n_ctx = options.context
    params.n_parallel = 1
    # Progress is told, and a cancelled request noticed, once for each batch.
    params.n_batch = 256
    params.n_ubatch = 256
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = _threads()
    params.fit_params = False
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.ui = False
    params.cache_ram_mib = 1024
    params.slot_save_path = f"{Rendezvous(options.folder).slots}/"
    server = runtime.Server(params)
    # Kept for ever: the server stops when its object is collected.
    _SERVERS.append(server)
    return str(server.listening_address), str(getattr(runtime, "__version__", "unknown"))


_SERVERS: list[object] = []


def _threads() -> int:
    """All cores, but one less when others need them: late threads hold up all the rest."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    busy = hasattr(os, "getloadavg") and os.getloadavg()[0] > cores / 2
    return max(1, cores - 1) if busy else cores


def _wait_until_needless(meeting: Rendezvous, linger: float, idle: float) -> None:
    """Return, with the start lock held, when the last user has gone or nobody asked for long.

    Users come and the server goes only under the start lock, so that none is left with the
    address of a server that is just ending.
    """
    start_lock = FileLock(str(meeting.start_lock), mode=0o600)
    needed_at = asked_at = time.time()
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            start_lock.acquire(timeout=0)
        except LockTimeout:
            needed_at = time.time()
            continue
        users = meeting.living_users()
        moment = time.time()
        if users:
            needed_at = moment
            asked_at = max(asked_at, *(user.asked_at for user in users))
        if moment - needed_at >= linger or moment - asked_at >= idle:
            meeting.state_file.unlink(missing_ok=True)
            return
        start_lock.release()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main(sys.argv[1:]))
