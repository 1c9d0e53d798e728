"""Memory that others edit is in the very next request, stays there, and leaves the cache alone.

The model is a server that speaks the real wire formats. It edits memory itself while it "thinks",
as another session would, and so knows what each next request has to hold.
"""

import itertools
import json
import re
import subprocess
import sys
import time

import pexpect
import pytest
from wire import Call, Fail, Say, WireServer

from letta_cli.core.memory import Origin
from letta_cli.store import open_store

pytestmark = pytest.mark.slow

PROVIDERS = {
    "anthropic": ("anthropic/claude-test", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", ""),
    "responses": ("openai/gpt-test", "OPENAI_API_KEY", "OPENAI_BASE_URL", "/v1"),
    "chat": ("openai-compatible/some/model", "OPENAI_API_KEY", "OPENAI_BASE_URL", "/v1"),
}
WRITERS, STEPS = 8, 10
TICK = Call("Bash", {"command": "true"})

WRITER = """
import sys, time
from pathlib import Path
from letta_cli.core.memory import Origin
from letta_cli.store import open_store
url, number, stop = sys.argv[1], sys.argv[2], Path(sys.argv[3])
store = open_store(url)
agent = store.agents.current()
made = store.conversations.create(agent.id, cwd="/elsewhere", project="/elsewhere")
human = store.blocks.find(agent.id, "human")
for edit in range(100):
    if stop.exists():
        break
    store.blocks.insert(human.id, f"fact-{number}-{edit:02}.", origin=Origin("model", made.id))
    time.sleep(0.2)
"""


def environment(kind, server):
    handle, key, base, path = PROVIDERS[kind]
    return {"AGENT_MODEL": handle, key: "sk-test-0123456789", base: server.base_url + path}


@pytest.fixture(params=list(PROVIDERS))
def kind(request):
    return request.param


@pytest.fixture
def store(agent):
    agent.database.parent.mkdir(mode=0o700)
    opened = open_store(f"sqlite:///{agent.database}")
    yield opened
    opened.close()


def unmarked(value):
    """Without the marks of what is to be cached, which move on with the end."""
    if isinstance(value, dict):
        return {key: unmarked(each) for key, each in value.items() if key != "cache_control"}
    return [unmarked(each) for each in value] if isinstance(value, list) else value


def cached_text(request):
    """A request in the order in which providers cache it: tools, system prompt, messages."""
    body = unmarked(request.json)
    messages = body.get("messages") or body.get("input")
    return json.dumps([body["tools"], body.get("system") or body.get("instructions"), messages])


def common_prefix(one, two):
    pairs = enumerate(zip(one, two, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(two)))


def assert_prefix_kept(requests):
    texts = [cached_text(request) for request in requests]
    for earlier, later in itertools.pairwise(texts):
        assert len(later) > len(earlier)
        assert common_prefix(earlier, later) >= 0.99 * len(earlier)


def notices(request):
    """The memory notices of a request, in order."""
    text = json.dumps(request.json, ensure_ascii=False)
    return re.findall(r"Shared memory: .*?(?=</notice>)", text)


def facts_in(text):
    return set(re.findall(r"fact-\d-\d\d", text))


def test_with_eight_writers_each_request_has_all_that_was_stored_and_keeps_the_prefix(
    agent, store, kind
):
    human = store.blocks.find(store.agents.current().id, "human")
    store.blocks.set_limit(human.id, 20_000)
    stored = []

    def answer(_request):
        before = stored[-1] if stored else set()
        deadline = time.monotonic() + 45
        while len(facts := facts_in(store.blocks.find(human.agent_id, "human").value)) < len(
            before
        ) + (1 if stored else 0):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        stored.append(facts)
        number = len(stored)
        return Say(calls=[TICK]) if 1 < number < STEPS else Say("done")

    stop = agent.root / "stop"
    with WireServer(answer) as server:
        env = environment(kind, server)
        first = agent.json("run", "hello", "--output-format", "json", env=env)
        conversation = ("--conversation", first["conversation_id"])
        url = f"sqlite:///{agent.database}"
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, url, str(number), str(stop)])
            for number in range(WRITERS)
        ]
        try:
            deadline = time.monotonic() + 60
            while not facts_in(store.blocks.find(human.agent_id, "human").value):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            mode = ("--permission-mode", "bypassPermissions")
            worked = agent.run("run", "work", *conversation, *mode, env=env)
            assert worked.returncode == 0, worked.stderr
            resumed = agent.run("run", "and now?", *conversation, env=env)
            assert resumed.returncode == 0, resumed.stderr
        finally:
            stop.touch()
            assert [writer.wait(60) for writer in writers] == [0] * WRITERS
        requests = server.requests
    assert len(requests) == STEPS + 1
    seen = [facts_in(request.raw.decode()) for request in requests]
    assert seen[0] == set()
    for there, next_one in zip(stored, seen[1:], strict=False):
        assert there <= next_one
    for earlier, later in itertools.pairwise(seen):
        assert earlier <= later
    counts = [len(notices(request)) for request in requests]
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(counts))
    assert counts[-1] >= STEPS - 1
    assert_prefix_kept(requests)


def test_each_kind_of_change_is_told_in_the_next_request_once_and_stays(agent, store, kind):
    owner = store.agents.current().id
    other = store.conversations.create(owner, cwd="/x", project="/x", title="billing")
    origin = Origin("model", other.id)
    blocks = store.blocks

    def block(label):
        return blocks.find(owner, label).id

    long_text = "\n".join(f"rule {number} stands as it was" for number in range(120))
    blocks.create(owner, "rules", value=long_text, origin=Origin("person"))
    editor = f"{sys.executable} -c \"import sys; open(sys.argv[1], 'a').write('likes rye')\""

    def by_the_person():
        command = ["-m", "letta_cli", "memory", "edit", "human"]
        env = agent.env(VISUAL=editor, EDITOR=editor)
        person = pexpect.spawn(sys.executable, command, env=env, cwd=str(agent.project))
        person.expect(pexpect.EOF, timeout=60)
        person.close()
        assert person.exitstatus == 0, person.before

    def many_small_ones():
        for number in range(5):
            blocks.insert(block("human"), f"small {number}", origin=origin)

    by_billing = f'by conversation "billing" ({other.id})'
    changes = [
        (lambda: blocks.insert(block("human"), "Ada", origin=origin),
         ['block "human" was changed', by_billing, "Ada"]),
        (by_the_person, ['block "human" was changed by the person', "likes rye"]),
        (many_small_ones, [by_billing, *(f"small {number}" for number in range(5))]),
        (lambda: blocks.replace(block("rules"), "rule 60 stands", "rule 60 falls", origin=origin),
         ['block "rules" was changed', "-rule 60 stands", "+rule 60 falls"]),
        (lambda: blocks.create(owner, "deploys", value="On Fridays.", origin=origin),
         ['block "deploys" was created', "On Fridays."]),
        (lambda: blocks.rename(block("deploys"), "shipping", origin=origin),
         ['block "shipping" was changed', 'renamed from \\"deploys\\"']),
        (lambda: blocks.delete(block("shipping"), origin=origin),
         ['block "shipping" was deleted', "do not rely on its text"]),
        (lambda: blocks.rethink(block("human"), "", origin=origin),
         ['block "human" was changed', "It is empty."]),
    ]  # fmt: skip
    answers = iter([Say("ready"), *(Say(calls=[TICK]) for _ in changes), Say("done"), Say("Bye.")])
    due = iter(changes)

    def answer(request):
        reply = next(answers)
        if reply.calls:
            next(due)[0]()
        return reply

    with WireServer(answer) as server:
        env = environment(kind, server)
        first = agent.json("run", "hello", "--output-format", "json", env=env)
        conversation = ("--conversation", first["conversation_id"])
        mode = ("--permission-mode", "bypassPermissions")
        worked = agent.run("run", "work", *conversation, *mode, env=env)
        assert worked.returncode == 0, worked.stderr
        resumed = agent.run("run", "and now?", *conversation, env=env)
        assert resumed.returncode == 0, resumed.stderr
        told = [notices(request) for request in server.requests]
        requests = server.requests
    for number, (_, words) in enumerate(changes, start=1):
        new = told[number + 1]
        assert len(new) == number, f"after change {number}: {new[number - 1 :]}"
        plain = new[-1].replace('\\"', '"')
        for word in words:
            assert word.replace('\\"', '"') in plain
    assert "rule 61 stands" not in told[4 + 1][3]
    for earlier, later in itertools.pairwise(told):
        assert later[: len(earlier)] == earlier
    assert told[-1] == told[-2]
    assert_prefix_kept(requests)


def test_an_edit_of_ones_own_among_those_of_others_is_told_as_the_text_is_now(agent, store, kind):
    owner = store.agents.current().id
    other = store.conversations.create(owner, cwd="/x", project="/x", title="billing")
    human = store.blocks.find(owner, "human").id
    theirs = Origin("model", other.id)

    def insert(text):
        return Call("memory_insert", {"label": "human", "new_string": text})

    program = agent.root / "meanwhile.py"
    program.write_text(
        "from letta_cli.core.memory import Origin\nfrom letta_cli.store import open_store\n"
        f"store = open_store('sqlite:///{agent.database}')\n"
        f"store.blocks.insert('{human}', 'theirs 2', origin=Origin('model', '{other.id}'))\n"
    )
    meanwhile = Call("Bash", {"command": f"{sys.executable} {program}"})

    def answer(request):
        match len(server.requests):
            case 1:
                return Say(calls=[insert("mine 1")])
            case 2:
                store.blocks.insert(human, "theirs 1", origin=theirs)
                return Say(calls=[insert("mine 2")])
            case 3:
                # In one step: one's own edit first, then that of another while a tool runs.
                return Say(calls=[insert("mine 3"), meanwhile])
            case _:
                return Say("done")

    with WireServer(answer) as server:
        done = agent.run(
            "run", "go", "--permission-mode", "bypassPermissions", env=environment(kind, server)
        )
        assert done.returncode == 0, done.stderr
        bodies = [json.dumps(request.json, ensure_ascii=False) for request in server.requests]
        told = [notices(request) for request in server.requests]
    assert [len(each) for each in told] == [0, 0, 1, 2]
    now = ["mine 1", "theirs 1", "mine 2", "mine 3", "theirs 2"]
    for notice, body, lines in ((told[2][0], bodies[2], now[:3]), (told[3][1], bodies[3], now)):
        assert '"billing' in notice.replace("\\", "")
        assert re.sub(r"\\+n", "|", notice).rstrip("|").endswith("|".join(lines))
        # The newest word on the block is the notice, not the return of one's own edit.
        assert body.rindex("Shared memory: ") > body.rindex("Memory block human now has")


def test_a_change_while_a_failed_request_waits_to_be_tried_again_is_in_the_next_try(
    agent, store, kind
):
    owner = store.agents.current().id
    human = store.blocks.find(owner, "human").id
    origin = Origin("model", store.conversations.create(owner, cwd="/x", project="/x").id)

    def answer(request):
        if len(server.requests) == 1:
            store.blocks.insert(human, "likes rye", origin=origin)
            return Fail(429, retry_after="1")
        return Say("done")

    with WireServer(answer) as server:
        done = agent.run("run", "hello", env=environment(kind, server))
        assert done.returncode == 0, done.stderr
        assert [len(notices(request)) for request in server.requests] == [0, 1]
        assert "likes rye" in notices(server.requests[1])[0]
        assert_prefix_kept(server.requests)
