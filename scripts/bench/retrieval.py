"""How well and how fast search finds: ours beside plain full text, plain vectors and naive fusion.

Everything is stored through the product's own store, all conversations in one, and searched through
its own search. Plain full text is an FTS5 table of the bare texts, asked for any of the query's
words; naive fusion is its reciprocal rank fusion with the vectors, k = 60, equal weights (Cormack,
Clarke and Büttcher, 2009). Times are CPU of this thread; ``ms`` counts the search alone, without
turning the question into a vector.

    python scripts/bench/retrieval.py LOCOMO_JSON [--code REPOSITORY] [--functions FOLDER]
        [--models FOLDER]
    python scripts/bench/retrieval.py --scale 100000
    python scripts/bench/retrieval.py --database postgresql://… LOCOMO_JSON

Vectors take part where the embedding model is there: agent models pull all-minilm-l6-v2
"""

import argparse
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from unittest import mock

import apsw
from retrieval_sets import Said, Set, changed_files, commits, functions, locomo, transcripts

from letta_cli.core.message import Text
from letta_cli.core.provider import ProviderSettings
from letta_cli.providers.embedding import LOCAL, load_embedder, runtime_missing, weights_missing
from letta_cli.store import Store, open_store
from letta_cli.store.embedded_text import embedded_text
from letta_cli.store.search_words import parse

DEPTH = 20
RRF_K = 60
COLD = """
import sys, time
from letta_cli.store import open_store
store = open_store(sys.argv[1])
store.search.find(store.agents.current().id, sys.argv[2])
print(time.process_time() * 1000)
"""

Search = Callable[[str], list[int]]


class Bench:
    """One set in one store, and the ways to search it."""

    def __init__(self, data: Set, url: str, models: Path) -> None:
        self.data = data
        self.store = open_store(url)
        self.agent = self.store.agents.create(f"bench {time.time_ns()}")
        self.place: dict[tuple[str, int], int] = {}
        self.write_ms = fill(self.store, self.agent.id, data.said, self.place)
        self.plain = plain_index(data.said)
        self.vectors: dict[str, bytes] = {}
        self.embed_seconds = 0.0
        if not (runtime_missing() or weights_missing(models)):
            self._embed(models)

    def _embed(self, models: Path) -> None:
        embedder = load_embedder(LOCAL, ProviderSettings("local", cache_dir=str(models)))
        self.store.vectors.embedder = embedder
        started = time.process_time()
        while self.store.vectors.add_some(256):
            pass
        self.embed_seconds = time.process_time() - started
        texts = [embedded_text(question) for question, _ in self.data.questions]
        self.vectors = dict(zip(texts, embedder.embed(texts), strict=True))
        self.embedder = Known(embedder.model, self.vectors)

    def ours(self, *, meaning: bool) -> Search:
        def search(question: str) -> list[int]:
            self.store.vectors.embedder = self.embedder if meaning else None
            hits = self.store.search.messages(self.agent.id, question, limit=DEPTH)
            return [self.place[hit.conversation_id, hit.seq] for hit in hits]

        return search

    def plain_words(self, question: str, depth: int = DEPTH) -> list[int]:
        query = " OR ".join(f'"{word}"' for word in parse(question).words)
        sql = "SELECT rowid FROM plain WHERE plain MATCH ? ORDER BY rank LIMIT ?"
        return [row[0] for row in self.plain.execute(sql, (query, depth))] if query else []

    def plain_vectors(self, question: str, depth: int = DEPTH) -> list[int]:
        self.store.vectors.embedder = self.embedder
        found = self.store.vectors.nearest(self.agent.id, question, depth * 3)
        rows = self.store.database.query(
            "SELECT e.number, m.conversation_id, m.seq FROM search_entry e"
            f" JOIN message m ON m.number = e.document WHERE e.number IN ({marks(found)})",
            *found,
        )
        places = {entry: self.place[conversation, seq] for entry, conversation, seq in rows}
        best = sorted(found, key=lambda entry: -found[entry])
        return list(dict.fromkeys(places[entry] for entry in best))[:depth]

    def naive_fusion(self, question: str) -> list[int]:
        scores: dict[int, float] = {}
        for found in (self.plain_words(question, 100), self.plain_vectors(question, 100)):
            for rank, place in enumerate(found, start=1):
                scores[place] = scores.get(place, 0.0) + 1 / (RRF_K + rank)
        return sorted(scores, key=lambda place: -scores[place])[:DEPTH]


class Known:
    """Questions whose vectors were made before, so that the search alone is timed."""

    def __init__(self, model: str, vectors: dict[str, bytes]) -> None:
        self.model = model
        self._vectors = vectors

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        return [self._vectors[text] for text in texts]


def fill(
    store: Store, agent_id: str, said: Sequence[Said], place: dict[tuple[str, int], int]
) -> list[float]:
    """Store all messages with their own dates; returns CPU milliseconds for each."""
    threads: dict[str, str] = {}
    times: list[float] = []
    with store.database.transaction(durable=False):
        for position, each in enumerate(said):
            if each.thread not in threads:
                made = store.conversations.create(agent_id, cwd="/", project="/")
                threads[each.thread] = made.id
            with mock.patch("letta_cli.store.messages.now", lambda at=each.at: at):
                started = time.thread_time()
                message = store.messages.append(threads[each.thread], each.role, each.parts)
                times.append((time.thread_time() - started) * 1000)
            place[message.conversation_id, message.seq] = position
    return times


def plain_index(said: Sequence[Said]) -> apsw.Connection:
    made = apsw.Connection(":memory:")
    made.execute("CREATE VIRTUAL TABLE plain USING fts5 (text, tokenize = 'porter unicode61')")
    made.executemany(
        "INSERT INTO plain (rowid, text) VALUES (?, ?)",
        [(place, each.text) for place, each in enumerate(said)],
    )
    return made


def measure(name: str, search: Search, questions: Sequence[tuple[str, frozenset[int]]]) -> str:
    """One line of the table."""
    found: list[tuple[list[int], frozenset[int]]] = []
    times: list[float] = []
    for question, answers in questions:
        started = time.thread_time()
        ranked = search(question)
        times.append((time.thread_time() - started) * 1000)
        found.append((ranked, answers))
    figures = [recall(found, 5), recall(found, 10), recall(found, 20), ndcg(found), mrr(found)]
    p50, p95 = percentiles(times)
    cells = "".join(f"{100 * figure:8.1f}" for figure in figures)
    return f"{name:<38}{cells}{p50:9.2f}{p95:9.2f}"


def recall(found: Sequence[tuple[list[int], frozenset[int]]], depth: int) -> float:
    shares = [len(answers.intersection(ranked[:depth])) / len(answers) for ranked, answers in found]
    return sum(shares) / len(shares)


def ndcg(found: Sequence[tuple[list[int], frozenset[int]]], depth: int = 10) -> float:
    total = 0.0
    for ranked, answers in found:
        gains = [1 / math.log2(i + 2) for i, place in enumerate(ranked[:depth]) if place in answers]
        ideal = sum(1 / math.log2(i + 2) for i in range(min(depth, len(answers))))
        total += sum(gains) / ideal
    return total / len(found)


def mrr(found: Sequence[tuple[list[int], frozenset[int]]]) -> float:
    firsts = (
        next((1 / (i + 1) for i, place in enumerate(ranked) if place in answers), 0.0)
        for ranked, answers in found
    )
    return sum(firsts) / len(found)


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(times)
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]


def marks(found: object) -> str:
    return ", ".join("?" for _ in found)  # type: ignore[attr-defined]


def compare(data: Set, url: str, models: Path) -> None:
    bench = Bench(data, url, models)
    p50, p95 = percentiles(bench.write_ms)
    print(f"\n{data.name}: {len(data.said)} messages, {len(data.questions)} questions")
    print(f"stored and indexed in {p50:.2f} ms p50, {p95:.2f} ms p95 of CPU a message")
    if bench.vectors:
        print(
            f"vectors took {bench.embed_seconds / len(data.said) * 1000:.1f} s for 1,000 messages"
        )
    names = ("R@5", "R@10", "R@20", "nDCG@10", "MRR")
    print(f"{'':<38}{''.join(f'{name:>8}' for name in names)}{'ms p50':>9}{'ms p95':>9}")
    rows: list[tuple[str, Search]] = [("plain FTS5", bench.plain_words)]
    if bench.vectors:
        rows.append(("plain vectors", bench.plain_vectors))
        rows.append(("both, reciprocal ranks, equal weights", bench.naive_fusion))
    rows.append(("ours", bench.ours(meaning=False)))
    if bench.vectors:
        rows.append(("ours, with vectors", bench.ours(meaning=True)))
    for name, search in rows:
        print(measure(name, search, data.questions), flush=True)
    bench.store.close()


def scale(count: int, url: str) -> None:
    """Many messages: how long storing, searching, and the first search of a process take."""
    dice = random.Random(5)
    own = transcripts()
    sentences = [line for each in own.said for line in each.text.split(". ") if len(line) > 15]
    # As in a natural language: few words are frequent, most are rare.
    names = [f"word{number}" for number in range(50_000)]
    weights = [1 / (rank + 20) for rank in range(len(names))]
    said: list[Said] = []
    for number in range(count):
        words = dice.choices(names, weights, k=dice.choice((8, 15, 30, 60, 120)))
        text = f"{dice.choice(sentences)} {' '.join(words)}"
        role = "user" if number % 2 else "assistant"
        said.append(Said(str(number // 500), role, datetime.now().astimezone(), (Text(text),)))
    store = open_store(url)
    agent = store.agents.current()
    written = fill(store, agent.id, said, {})
    questions = [" ".join(dice.choices(names, weights, k=5)) for _ in range(200)]
    questions += [question for question, _ in own.questions]
    times: list[float] = []
    for question in questions:
        started = time.thread_time()
        store.search.find(agent.id, question)
        times.append((time.thread_time() - started) * 1000)
    store.close()
    cold = [
        float(
            subprocess.run(
                [sys.executable, "-c", COLD, url, question],
                capture_output=True,
                check=True,
                text=True,
            ).stdout
        )
        for question in questions[:5]
    ]
    print(f"\n{count} messages; milliseconds of CPU")
    print("store and index a message: p50 {:.2f}, p95 {:.2f}".format(*percentiles(written)))
    print("search: p50 {:.2f}, p95 {:.2f}".format(*percentiles(times)))
    print(f"first search of a process, start included: {min(cold):.0f} to {max(cold):.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("locomo", nargs="?", type=Path, help="LoCoMo's JSON")
    parser.add_argument("--code", type=Path, help="a git repository, for sets of its commits")
    parser.add_argument("--functions", type=Path, help="Python files, for a set of functions")
    parser.add_argument("--models", type=Path, default=Path("~/.agent/models").expanduser())
    parser.add_argument("--scale", type=int, help="so many made-up messages")
    parser.add_argument("--database", help="an empty database instead of a file in memory")
    given = parser.parse_args()
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=base, prefix="bench-") as folder:
        sets = [transcripts()] if not given.scale else []
        if given.locomo:
            sets.append(locomo(given.locomo))
        if given.code:
            sets += [commits(given.code), changed_files(given.code)]
        if given.functions:
            sets.append(functions(given.functions))
        for number, data in enumerate(sets):
            url = given.database or f"sqlite:///{folder}/{number}.db"
            compare(data, url, given.models)
        if given.scale:
            scale(given.scale, given.database or f"sqlite:///{folder}/scale.db")


if __name__ == "__main__":
    main()
