"""Load on the store: many processes that write at once, and the cost of single calls.

    python scripts/bench/store_load.py [--writers 32] [--seconds 4] [--designs "ours;..."|all]
                                       [--folder DIR | --url URL]

Each writer is a process of its own that keeps its connection open. It alternates between a turn of
three messages, appended in one transaction to its own conversation, and an edit of its line in one
memory block that all share. The designs of `store_designs` do the same work one after the other,
each on a fresh database. Printed are, for each: operations a second; how long one took, the first
second left out, in which all start at once; how evenly the writers were served (the fewest
operations of one against the mean, and Jain's index, where 1 is perfect); edits and turns that were
acknowledged and lost; lock errors; and how large the write-ahead log became. The last lines compare
with the first design, and with what the disk takes for a commit alone.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from store_designs import DESIGNS, TURN, Writer, edits_kept, first_text

from letta_cli.core.errors import StoreError
from letta_cli.core.memory import Origin
from letta_cli.core.message import Text
from letta_cli.core.run import Usage
from letta_cli.store import Store, open_store

WARM_UP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """What the writers of one design came to. Times in milliseconds, sizes in bytes."""

    design: str
    a_second: float
    p50: float
    p99: float
    longest: float
    fewest_of_mean: float
    jain: float
    lost_edits: int
    lost_turns: int
    errors: int
    first_error: str
    log: int
    integrity: str


def main() -> int:
    options = arguments()
    if options.child:
        return write(options.child, options.designs, options.name, options.seconds)
    names = list(DESIGNS) if options.designs == "all" else options.designs.split(";")
    if unknown := [name for name in names if name not in DESIGNS]:
        sys.exit(f"There is no design {unknown[0]!r}. Designs: {'; '.join(DESIGNS)}")
    if options.url:
        names = ["ours"]
    results: list[Result] = []
    for name in names:
        folder = Path(tempfile.mkdtemp(prefix="store-load-", dir=options.folder))
        try:
            url = options.url or f"sqlite:///{folder}/agent.db"
            with_store = open_store(url)
            if not results:
                announce(with_store, options.writers, options.seconds)
            results.append(load(with_store, url, folder, name, options.writers, options.seconds))
            print(line(results[-1]), flush=True)
            if name == names[-1]:
                compare(results, folder)
                if options.calls:
                    report_calls(with_store)
            with_store.close()
        finally:
            shutil.rmtree(folder)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Load on the store.")
    parser.add_argument("--writers", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--designs", default="all", help=f"of: {'; '.join(DESIGNS)}")
    parser.add_argument("--folder", help="where to make the databases; the default is temporary")
    parser.add_argument("--url", help="an empty database, e.g. postgresql://…; it is filled")
    parser.add_argument("--no-calls", dest="calls", action="store_false", help="load only")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--name", help=argparse.SUPPRESS)
    return parser.parse_args()


def announce(store: Store, writers: int, seconds: float) -> None:
    facts = store.health()
    if facts["driver"] == "sqlite":
        what = f"SQLite {facts['sqlite_version']}, {facts['filesystem']}"
    else:
        what = f"PostgreSQL {facts['server_version']}, fsync {facts['fsync']}"
    print(f"{what}, synchronous={facts['synchronous']}; {writers} writers, {seconds:g} s each;")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before the first")
    print(
        f"{'design':<24}{'ops/s':>6} {'p50':>7} {'p99':>7} {'max':>7} ms {'min/mean':>9} "
        f"{'Jain':>5}  {'lost':>11} {'errors':>6} {'log MB':>7}"
    )


def line(result: Result) -> str:
    lost = f"{result.lost_edits} + {result.lost_turns}"
    text = (
        f"{result.design:<24}{result.a_second:>6.0f} {result.p50:>7.1f} {result.p99:>7.1f} "
        f"{result.longest:>7.1f}    {result.fewest_of_mean:>9.2f} {result.jain:>5.3f}  {lost:>11} "
        f"{result.errors:>6} {result.log / 1e6:>7.1f}"
    )
    if result.integrity != "ok":
        text += f"  {result.integrity}"
    return text + (f"\n    {result.first_error[:150]}" if result.errors else "")


def compare(results: Sequence[Result], folder: Path) -> None:
    """The others as multiples of the first, and the first beside the disk."""
    first = results[0]
    for each in results[1:]:
        print(
            f"{each.design}: p99 x {each.p99 / first.p99:.1f}, max x "
            f"{each.longest / first.longest:.1f}, log x {each.log / max(1, first.log):.1f}, "
            f"ops x {each.a_second / first.a_second:.2f} of {first.design}"
        )
    p50, p99 = sync_times(folder)
    print(
        f"disk alone: 64 KB and fdatasync p50 {p50:.2f}, p99 {p99:.2f} ms; a transaction of "
        f"{first.design} took {1e3 / first.a_second:.2f} ms, x {1e3 / first.a_second / p50:.1f}; "
        f"load {os.getloadavg()[0]:.1f}"
    )


def sync_times(folder: Path) -> tuple[float, float]:
    """What this disk takes for the writing of a commit; p50 and p99 in milliseconds."""
    path, data, times = folder / "sync", os.urandom(65_536), list[float]()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    sync = getattr(os, "fdatasync", os.fsync)
    for number in range(300):
        began = time.perf_counter()
        os.lseek(descriptor, number % 60 * len(data), os.SEEK_SET)
        os.write(descriptor, data)
        sync(descriptor)
        times.append(time.perf_counter() - began)
    os.close(descriptor)
    times.sort()
    return percentile(times, 50), percentile(times, 99)


def write(url: str, design: str, name: str, seconds: float) -> int:
    """One writer: waits for the time to begin on stdin, works, prints what it did as JSON."""
    writer = Writer(url, DESIGNS[design], name)
    print("ready", flush=True)
    begin = float(sys.stdin.readline())
    time.sleep(max(0.0, begin - time.monotonic()))
    times: list[tuple[float, float]] = []
    errors: list[str] = []
    number = 0
    while (began := time.monotonic()) < begin + seconds:
        try:
            if number % 2:
                writer.edit_block()
            else:
                writer.append_turn()
        except StoreError as error:
            errors.append(f"{type(error).__name__}: {error}")
        number += 1
        times.append((began - begin, time.monotonic() - began))
    facts = {"name": name, "conversation": writer.conversation, "times": times, "errors": errors}
    print(json.dumps({**facts, "turns": writer.turns, "edits": writer.edits}), flush=True)
    os._exit(0)  # 128 that close at once would disturb the next design


def load(store: Store, url: str, folder: Path, design: str, writers: int, seconds: float) -> Result:
    """Let the writers work and count what is left of it."""
    agent = store.agents.current()
    names = [f"w{number:03d}" for number in range(writers)]
    text = first_text(names)
    store.blocks.create(agent.id, "load", value=text, limit=len(text), origin=Origin("person"))
    command = [sys.executable, __file__, "--child", url, "--seconds", str(seconds)]
    children = [
        subprocess.Popen(
            [*command, "--designs", design, "--name", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    begin = time.monotonic() + 0.5
    for child in children:
        assert child.stdin is not None
        child.stdin.write(f"{begin}\n")
        child.stdin.flush()
    log = watch_log(folder / "agent.db-wal", begin + seconds)
    done: list[dict[str, Any]] = [json.loads(child.communicate()[0]) for child in children]
    return judge(store, agent.id, design, done, log, seconds)


def judge(
    store: Store, agent_id: str, design: str, done: Sequence[dict[str, Any]], log: int,
    seconds: float,
) -> Result:  # fmt: skip
    taken = [pair for each in done for pair in each["times"]]
    counts = [len(each["times"]) for each in done]
    times = sorted(length for began, length in taken if began > WARM_UP_SECONDS) or [0.0]
    block = store.blocks.find(agent_id, "load")
    kept = edits_kept(block.value)
    lost_edits = sum(max(0, each["edits"] - kept[each["name"]]) for each in done)
    heads = [store.conversations.get(each["conversation"]).head for each in done]
    lost_turns = sum(each["turns"] - head // 3 for each, head in zip(done, heads, strict=True))
    errors = [error for each in done for error in each["errors"]]
    health = store.health()
    mean = sum(counts) / len(counts)
    return Result(
        design=design,
        a_second=len(taken) / seconds,
        p50=percentile(times, 50),
        p99=percentile(times, 99),
        longest=max(length for _, length in taken) * 1e3,
        fewest_of_mean=min(counts) / mean,
        jain=mean * sum(counts) / sum(count * count for count in counts),
        lost_edits=lost_edits,
        lost_turns=lost_turns,
        errors=len(errors),
        first_error=errors[0] if errors else "",
        log=log,
        integrity="ok" if health["quick_check"] == health["integrity"] == "ok" else "DAMAGED",
    )


def watch_log(path: Path, until: float) -> int:
    """The largest size the log has while the writers work, in bytes."""
    largest = 0
    while time.monotonic() < until:
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
