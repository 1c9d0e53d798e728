"""Eight sessions edit memory all the time while one works: it sees every edit, and keeps it."""

import itertools
import re
import subprocess
import sys

from wire import Call, Say, WireServer

WRITERS = 8
EDITS = 6
STEPS = 12

WRITER = """
import sys, time
from letta_cli.core.memory import Origin
from letta_cli.store import open_store
url, number, edits = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = open_store(url)
agent = store.agents.current()
conversation = store.conversations.create(agent.id, cwd="/elsewhere", project="/elsewhere")
human = store.blocks.find(agent.id, "human")
for edit in range(edits):
    store.blocks.insert(human.id, f"fact-{number}-{edit}.", origin=Origin("model", conversation.id))
    time.sleep(0.15)
"""


def facts_in(raw):
    return set(re.findall(r"fact-\d-\d", raw.decode()))


def common_prefix(one, two):
    for index, (a, b) in enumerate(zip(one, two, strict=False)):
        if a != b:
            return index
    return min(len(one), len(two))


def test_every_edit_of_eight_writers_is_seen_and_stays_and_the_prefix_is_kept(agent):
    steps = [Say(calls=[Call("Bash", {"command": "sleep 0.15"})]) for _ in range(STEPS)]
    last_words = [Say("done"), Say("Goodbye.")]
    with WireServer([Say("ready"), *steps, *last_words]) as server:
        env = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": server.base_url + "/v1"}
        env["AGENT_MODEL"] = "openai-compatible/model"
        first = agent.json("run", "hello", "--output-format", "json", env=env)
        conversation = ("--conversation", first["conversation_id"])
        url = f"sqlite:///{agent.database}"
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, url, str(number), str(EDITS)])
            for number in range(WRITERS)
        ]
        worked = agent.run(
            "run", "work", *conversation, "--permission-mode", "bypassPermissions", env=env
        )
        assert worked.returncode == 0, worked.stderr
        assert [writer.wait(60) for writer in writers] == [0] * WRITERS
        after = agent.run("run", "and now?", *conversation, env=env)
        assert after.returncode == 0, after.stderr
        requests = [received.raw for received in server.requests]
    seen = [facts_in(raw) for raw in requests]
    assert all(earlier <= later for earlier, later in itertools.pairwise(seen))
    assert len(seen[-1]) == WRITERS * EDITS
    assert seen[0] == set() and any(0 < len(s) < WRITERS * EDITS for s in seen)
    for earlier, later in itertools.pairwise(requests):
        assert common_prefix(earlier, later) >= 0.99 * len(earlier)
