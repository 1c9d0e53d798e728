"""What a command did is not forgotten before it is written down."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from letta_cli.workspace.undo.pending import Begun, Pending

BEGUN = Begun("conv-1", "run-1", "call-1", "4b825dc642cb6eb9a060e54bf8d69288fbee4904")


def test_a_command_that_runs_is_nobody_elses_business(tmp_path: Path) -> None:
    pending = Pending(tmp_path)
    with pending.running(BEGUN), Pending(tmp_path).left() as left:
        assert left == []


def test_what_was_written_down_is_forgotten(tmp_path: Path) -> None:
    with Pending(tmp_path).running(BEGUN) as settled:
        settled()
    assert not list(tmp_path.iterdir())


def test_what_could_not_be_written_down_is_there_for_the_next_one(tmp_path: Path) -> None:
    with Pending(tmp_path).running(BEGUN):
        pass
    with pytest.raises(OSError, match="full"), Pending(tmp_path).left() as left:
        assert left == [BEGUN]
        raise OSError("full")
    with Pending(tmp_path).left() as left:
        assert left == [BEGUN]
    with Pending(tmp_path).left() as left:
        assert left == []


def test_a_command_whose_process_was_killed_is_found(tmp_path: Path) -> None:
    begin = (
        "import sys, time; from letta_cli.workspace.undo.pending import *; from pathlib import Path"
        f"\nwith Pending(Path({str(tmp_path)!r})).running({BEGUN!r}):"
        "\n    print('begun', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", begin], stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"begun\n"
        with Pending(tmp_path).left() as left:
            assert left == []
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    with Pending(tmp_path).left() as left:
        assert left == [BEGUN]
