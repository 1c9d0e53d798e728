"""The mirror of memory while everybody is at work: writers, a person who pushes, and kills."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from letta_cli.store import open_store

WRITERS, MOST_EDITS, PUSHES, KILLS = 8, 300, 4, 16
WRITER = """
import sys, time
from pathlib import Path
from letta_cli.core.memory import Origin
from letta_cli.store import open_store
url, number, most, stop = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
store = open_store(url)
agent = store.agents.current()
talk = store.conversations.create(agent.id, cwd="/p", project="/p", title="writer " + number)
origin = Origin("model", talk.id)
shared = store.blocks.find(agent.id, "shared")
own = store.blocks.create(agent.id, "of " + number, limit=99_999, origin=origin)
for edit in range(most):
    if stop.exists():
        break
    store.blocks.insert(shared.id, f"{number}-{edit}", line=0, origin=origin)
    store.blocks.insert(own.id, f"{number}-{edit}", origin=origin)
    time.sleep(0.1)
store.blocks.rename(own.id, "by " + number, origin=origin)
"""


def test_what_a_killed_git_left_locked_stops_no_later_mirror(agent):
    mirror = agent.root / "mirror"
    assert agent.run("memory", "mirror", str(mirror)).returncode == 0
    (mirror / ".git" / "refs" / "agent" / "next.lock").touch()
    (mirror / ".git" / "refs" / "heads" / "main.lock").touch()
    os.utime(mirror / ".git" / "refs" / "heads" / "main.lock", (1, 1))
    agent.run("memory", "create", "fresh", "--text", "new words")
    done = agent.run("memory", "mirror")
    assert done.returncode == 0, done.stderr
    assert "new words" in git(agent, mirror, "log", "-p", "-1")


@pytest.mark.slow
def test_writers_a_person_who_pushes_and_kills_lose_nothing_and_repeat_nothing(agent):
    (agent.home / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    padding = "\n".join(f"line {number}" for number in range(20))
    agent.run("memory", "create", "shared", "--limit", "99999", "--text", f"{padding}\nend")
    mirror, copy, stop = (agent.root / name for name in ("mirror", "clone", "stop"))
    first = agent.run("memory", "mirror", str(mirror))
    assert first.returncode == 0, first.stderr
    git(agent, agent.root, "clone", "-q", str(mirror), str(copy))
    url = f"sqlite:///{agent.database}"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, str(number), str(MOST_EDITS), str(stop)]
        )
        for number in range(WRITERS)
    ]
    pushed = killed = 0
    chance = random.Random(7)
    for kill in range(KILLS):
        sync = agent.start("memory", "mirror", start_new_session=True)
        beside = agent.start("memory", "mirror", start_new_session=True)
        time.sleep(chance.uniform(0.1, 0.7))
        for process in (sync, beside):
            if process.poll() is None:
                # With the git it may have started: nothing of it goes on.
                os.killpg(process.pid, signal.SIGKILL)
                killed += 1
            process.communicate()
        if kill % (KILLS // PUSHES) == 0:
            pushed += push(agent, copy, f"Ada {pushed}")
    assert killed
    stop.touch()
    assert [writer.wait(120) for writer in writers] == [0] * WRITERS
    while pushed < PUSHES:
        pushed += push(agent, copy, f"Ada {pushed}")
    last = agent.run("memory", "mirror")
    assert last.returncode == 0, last.stdout + last.stderr

    store = open_store(url)
    keys = sorted(" ".join(map(str, key)) for key in store.blocks.revision_keys())
    blocks = {block.label: block.value for block in store.blocks.everything()}
    store.close()
    log = git(agent, mirror, "log", "main", "--format=%(trailers:key=Memory-Revision,valueonly)")
    assert sorted(filter(None, log.splitlines())) == keys
    lines = blocks["shared"].splitlines()
    for number in range(WRITERS):
        told = blocks[f"by {number}"].splitlines()
        assert told == [f"{number}-{edit}" for edit in range(len(told))]
        assert len(told) > KILLS
        assert sorted(line for line in lines if line.startswith(f"{number}-")) == sorted(told)
    assert [line for line in lines if line.startswith("Ada")] == [f"Ada {n}" for n in range(pushed)]
    for label, text in blocks.items():
        assert (mirror / f"agent/{label}.md").read_text().endswith(f"---\n{text}\n")
    assert git(agent, mirror, "status", "--short") == ""
    git(agent, mirror, "fsck", "--strict")
    assert git(agent, mirror, "branch", "--list", "kept/*") == ""


def push(agent, copy: Path, line: str) -> bool:
    """Append a line at the end and push it, as a person does; False when it came too late."""
    git(agent, copy, "fetch", "-q")
    git(agent, copy, "reset", "-q", "--hard", "origin/main")
    file = copy / "agent/shared.md"
    file.write_text(file.read_text() + line + "\n")
    git(agent, copy, "commit", "-qam", line)
    done = subprocess.run(
        ["git", "push", "-q"], cwd=copy, env=agent.env(), capture_output=True, check=False
    )
    return done.returncode == 0


def git(agent, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=agent.env(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
