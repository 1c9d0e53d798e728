"""Goes back to an earlier turn of a conversation: its files, its thread, or both.

Files go back where nobody else has changed them since. The thread goes back by going on in a copy
that ends before the turn; the conversation itself stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from letta_cli.core.agent import Conversation
from letta_cli.core.clock import to_text
from letta_cli.core.errors import NotFound
from letta_cli.core.message import Text
from letta_cli.store import Store
from letta_cli.workspace.undo import Blobs, Plan, Restored, Target, plan, restore

NOT_COVERED = (
    "Not covered: files that git ignores, links, what commands changed outside the repository or "
    "in a folder without one, and everything that is not a file."
)


@dataclass(frozen=True, slots=True)
class PastTurn:
    """Something that the person said, and what was done on it.

    Attributes:
        number: counts the turns of the conversation from 1.
        seq: of the person's message.
        files: how many files its run changed that are not taken back.
        started_at: as `clock.to_text` writes it.
    """

    number: int
    seq: int
    words: str
    files: int
    started_at: str


def past_turns(store: Store, conversation_id: str) -> list[PastTurn]:
    """All turns, oldest first. What steered a run belongs to its turn."""
    counts = store.changes.counts(conversation_id)
    found: list[PastTurn] = []
    runs: set[str] = set()
    for message in store.messages.read(conversation_id):
        if message.role != "user" or not message.run_id or message.run_id in runs:
            continue
        runs.add(message.run_id)
        files = counts.get(message.run_id, 0)
        started = to_text(message.created_at)
        found.append(PastTurn(len(found) + 1, message.seq, message.words, files, started))
    return found


def turn_numbered(turns: Sequence[PastTurn], number: int | None) -> PastTurn:
    """The turn of this number; without one, the newest that changed files.

    Raises:
        NotFound: there is no such turn.
    """
    if number is None:
        changing = [turn for turn in turns if turn.files]
        if not changing:
            raise NotFound(
                "No turn of this conversation has changed files that could be taken back."
            )
        return changing[-1]
    for turn in turns:
        if turn.number == number:
            return turn
    raise NotFound(f"There is no turn {number}; the conversation has {len(turns)}.")


def plan_files(store: Store, blobs: Blobs, conversation_id: str, turn: PastTurn) -> Plan:
    """What going back to before `turn` would do to files now."""
    return plan(store.changes.since(conversation_id, turn.started_at), blobs)


def restore_files(
    store: Store, blobs: Blobs, conversation: Conversation, chosen: Sequence[Target]
) -> Restored:
    """Take the changes back, and leave word of it in the thread. Hold the conversation's lease.

    Raises:
        StoreError: the files are restored, but it could not be written down.
    """
    done = restore(chosen, blobs)
    store.changes.undone(done.numbers)
    if done.changes:
        lines = [_line(change.path, removed=change.after is None) for change in done.changes]
        head = "The person took back changes of files. Read them again before you rely on them."
        text = "\n".join((head, *lines))
        store.messages.append(conversation.id, "notice", (Text(text),))
    return done


def thread_before(store: Store, conversation: Conversation, turn: PastTurn) -> Conversation:
    """A copy of the conversation that ends before `turn`; a new one when nothing comes before."""
    if turn.seq <= 1:
        return store.conversations.create(
            conversation.agent_id, cwd=conversation.cwd, project=conversation.project
        )
    return store.conversations.fork(conversation.id, upto_seq=turn.seq - 1)


def _line(path: str, *, removed: bool) -> str:
    return f"- {Path(path)}{' (removed again)' if removed else ''}"
