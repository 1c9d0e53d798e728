"""What summaries cost: a model call that answers nobody, and so is no step of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from letta_cli.core.clock import from_text, to_text
from letta_cli.core.ids import new_id
from letta_cli.core.run import Usage
from letta_cli.store import rows
from letta_cli.store.database import Database


@dataclass(frozen=True, slots=True)
class Compaction:
    """Attributes:
    seq: of the summary.
    run_id: the run in which it became necessary; None when a person asked for it.
    """

    seq: int
    usage: Usage
    created_at: datetime
    run_id: str | None = None


def add(database: Database, conversation_id: str, made: Compaction) -> None:
    """Write down what a summary cost. Inside a transaction."""
    usage = made.usage
    database.execute(
        "INSERT INTO compaction (id, conversation_id, run_id, seq, input, output, cache_read,"
        " cache_write, reasoning, cost_usd, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        new_id("compaction"), conversation_id, made.run_id, made.seq, usage.input, usage.output,
        usage.cache_read, usage.cache_write, usage.reasoning, usage.cost_usd,
        to_text(made.created_at),
    )  # fmt: skip


def of(database: Database, conversation_id: str) -> Sequence[Compaction]:
    """Those of a conversation that a model was asked for, oldest first."""
    found = database.query(
        "SELECT seq, run_id, created_at, input, output, cache_read, cache_write, reasoning,"
        " cost_usd FROM compaction WHERE conversation_id = ? ORDER BY number",
        conversation_id,
    )
    return [
        Compaction(seq, rows.usage(tuple(counts)), from_text(at), run_id)
        for seq, run_id, at, *counts in found
    ]
