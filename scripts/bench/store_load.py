"""Load on the store: many processes that write at once, and the cost of single calls.

    python scripts/bench/store_load.py [--writers 32] [--seconds 6] [--folder DIR | --url URL]

Each writer is a process of its own. It alternates between a turn of three messages, appended in one
transaction to its own conversation, and an insert into one memory block that all share. Printed are
operations a second, how long one took, how evenly the writers were served (Jain's index, 1 is
perfect), what was lost, lock errors, and how large the write-ahead log became.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from letta_cli.core.errors import StoreError
from letta_cli.core.memory import Origin
from letta_cli.core.message import Text, ToolCall, ToolReturn
from letta_cli.core.run import Usage
from letta_cli.store import Store, open_store

BLOCK_LIMIT = 100_000_000
TURN = "Please make the login test pass; it fails since the session cookie got a shorter life. " * 4


def main() -> int:
    options = arguments()
    if options.child:
        return write(options.child, options.seconds)
    folder = Path(tempfile.mkdtemp(prefix="store-load-", dir=options.folder))
    url = options.url or f"sqlite:///{folder}/agent.db"
    try:
        store = open_store(url)
        facts = store.health()
        if facts["driver"] == "sqlite":
            print(f"SQLite {facts['sqlite_version']}, {facts['filesystem']}")
        else:
            print(f"PostgreSQL {facts['server_version']}, fsync {facts['fsync']}")
        report_load(store, url, folder, options.writers, options.seconds)
        report_calls(store)
        store.close()
    finally:
        shutil.rmtree(folder)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Load on the store.")
    parser.add_argument("--writers", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--folder", help="where to make the database; the default is temporary")
    parser.add_argument("--url", help="an empty database, e.g. postgresql://…; it is filled")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def write(url: str, seconds: float) -> int:
    """One writer: waits for a line on stdin, works, prints what it did as JSON."""
    store = open_store(url, reason="bench")
    agent = store.agents.current()
    block = store.blocks.find(agent.id, "load")
    mine = store.conversations.create(agent.id, cwd="/bench", project="/bench")
    print("ready", flush=True)
    sys.stdin.readline()
    end = time.monotonic() + seconds
    times: list[float] = []
    errors: list[str] = []
    turns = edits = 0
    while time.monotonic() < end:
        began = time.perf_counter()
        try:
            if len(times) % 2:
                store.blocks.insert(block.id, f"{mine.id} {edits}", origin=Origin("model"))
                edits += 1
            else:
                append_turn(store, mine.id, 3 * turns)
                turns += 1
        except StoreError as error:
            errors.append(f"{type(error).__name__}: {error}")
        times.append(time.perf_counter() - began)
    facts = {"conversation": mine.id, "times": times, "turns": turns, "edits": edits}
    print(json.dumps({**facts, "errors": errors}))
    store.close()
    return 0


def append_turn(store: Store, conversation_id: str, head: int) -> None:
    call = ToolCall(f"call-{head}", "Bash", {"command": "pytest -q tests/test_login.py"})
    result = ToolReturn(call.id, call.name, "ok", TURN * 3)
    with store._database.transaction():  # one turn, one transaction
        store.messages.append(conversation_id, "user", [Text(TURN)], expected_head=head)
        store.messages.append(conversation_id, "assistant", [Text(TURN), call])
        store.messages.append(conversation_id, "tool", [result])


def report_load(store: Store, url: str, folder: Path, writers: int, seconds: float) -> None:
    agent = store.agents.current()
    block = store.blocks.create(agent.id, "load", limit=BLOCK_LIMIT, origin=Origin("person"))
    command = [sys.executable, __file__, "--child", url, "--seconds", str(seconds)]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(writers)
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    wal = watch_log(folder / "agent.db-wal", seconds)
    done: list[dict[str, Any]] = [json.loads(child.communicate()[0]) for child in children]
    times = sorted(taken for each in done for taken in each["times"])
    counts = [len(each["times"]) for each in done]
    errors = [error for each in done for error in each["errors"]]
    value = store.blocks.find(agent.id, block.label).value
    lines = set(value.split("\n"))
    lost_edits = sum(
        f"{each['conversation']} {number}" not in lines
        for each in done
        for number in range(each["edits"])
    )
    heads = {each["conversation"]: 3 * each["turns"] for each in done}
    lost_turns = sum(store.conversations.get(key).head != head for key, head in heads.items())
    health = store.health()
    jain = sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts))
    print(f"{writers} writers, {seconds:g} s, synchronous={health['synchronous']}")
    print(f"  operations        {len(times)} ({len(times) / seconds:,.0f} a second)")
    print(
        f"  time of one, ms   p50 {percentile(times, 50):.1f}   p99 {percentile(times, 99):.1f}"
        f"   max {times[-1] * 1e3:.1f}"
    )
    print(f"  fairness          Jain {jain:.3f}, fewest {min(counts)}, most {max(counts)}")
    print(f"  lost              {lost_edits} block edits, {lost_turns} turns")
    print(f"  lock errors       {len(errors)} {errors[:1] or ''}")
    print(f"  write-ahead log   {wal / 1e6:.1f} MB at most")
    print(f"  integrity         {health['quick_check']}, {health['integrity']}")


def watch_log(path: Path, seconds: float) -> int:
    """The largest size the log has while the writers work, in bytes."""
    largest, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        if path.exists():
            largest = max(largest, path.stat().st_size)
        time.sleep(0.05)
    return largest


def report_calls(store: Store) -> None:
    """What single calls cost one process that is alone."""
    agent = store.agents.create("single")
    made = store.conversations.create(agent.id, cwd="/bench", project="/bench")
    store.blocks.ensure_project(agent.id, "/bench")
    seen = {block.id: block.version for block in store.blocks.visible(made)}
    store.conversations.set_prompt(made.id, "prompt " * 1_500, seen)
    made = store.conversations.get(made.id)
    session = store.sessions.open(conversation_id=made.id, cwd="/", branch="", terminal="")
    human = store.blocks.find(agent.id, "human")
    print("one process, microseconds   p50      p99      CPU")
    show("blocks.changed, nothing new", 3_000, lambda: store.blocks.changed(made))
    show("conversations.get", 1_000, lambda: store.conversations.get(made.id))
    show("messages.append, 350 letters", 400, lambda: append(store, made.id, TURN))
    show("messages.append, 30,000", 200, lambda: append(store, made.id, TURN * 86))
    show("runs: start, reply, finish", 200, lambda: whole_run(store, made.id))
    show(
        "sessions.beat",
        400,
        lambda: store.sessions.beat(session.session_id, state="idle", activity=""),
    )
    show(
        "blocks.rethink",
        200,
        lambda: store.blocks.rethink(human.id, str(time.time()), origin=Origin("model")),
    )
    made = store.conversations.get(made.id)
    show(f"messages.window, {made.head}", 5, lambda: store.messages.window(made))
    show("search.messages", 20, lambda: store.search.messages(agent.id, "failing login cookie"))


def append(store: Store, conversation_id: str, text: str) -> None:
    store.messages.append(conversation_id, "user", [Text(text)])


def whole_run(store: Store, conversation_id: str) -> None:
    run, message = store.runs.start(conversation_id, "m", [Text(TURN)], expected_head=None)
    store.runs.add_reply(run.id, [Text(TURN)], Usage(1, 1), expected_head=message.seq)
    store.runs.finish(run.id, "end_turn")


def show(name: str, times: int, call: Callable[[], object]) -> None:
    call()
    taken: list[float] = []
    cpu = time.process_time()
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    cpu = (time.process_time() - cpu) / times * 1e6
    taken.sort()
    p50, p99 = percentile(taken, 50) * 1e3, percentile(taken, 99) * 1e3
    print(f"  {name:<26}{p50:>8.0f} {p99:>8.0f} {cpu:>8.0f}")


def percentile(ordered: list[float], percent: int) -> float:
    """In milliseconds."""
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1e3


if __name__ == "__main__":
    sys.exit(main())
