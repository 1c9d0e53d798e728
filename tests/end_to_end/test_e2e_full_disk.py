"""A full disk: the run says so, nothing is torn, and with room again the work goes on."""

import os
import subprocess

import pytest
from command import Command


@pytest.fixture
def small_disk(tmp_path):
    """A file system of four megabytes, as the home."""
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mount)], capture_output=True
    )
    if done.returncode:
        pytest.skip("mounting a small file system needs more rights than this test has")
    yield mount
    subprocess.run(["umount", str(mount)], check=False)


def fill(path):
    with open(path, "wb") as file:
        while True:
            try:
                os.write(file.fileno(), bytes(4096))
            except OSError:
                return


def test_a_full_disk_is_explained_and_nothing_that_was_said_before_is_lost(small_disk):
    agent = Command(small_disk)
    script = agent.script([{"text": "one"}, {"text": "two"}, {"text": "three"}])
    assert agent.run("run", "before", env=script).returncode == 0
    fill(agent.home / "ballast")
    full = agent.run("run", "while it is full " * 2000, "-c", env=script)
    assert full.returncode == 1
    assert "disk" in full.stderr.lower() or "space" in full.stderr.lower()
    assert "Traceback" not in full.stderr
    os.unlink(agent.home / "ballast")
    done = agent.run("run", "after", "-c", env=script)
    assert done.returncode == 0, done.stderr
    shown = agent.run("sessions", "show", agent.json("sessions", "list", "--json")[0]["id"])
    assert "before" in shown.stdout and "after" in shown.stdout
