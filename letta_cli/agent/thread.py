"""A conversation in memory: what is stored, kept in step with every append, one head."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from letta_cli.core.agent import Conversation
from letta_cli.core.errors import LeaseLost
from letta_cli.core.message import Message, Part, Role, ToolReturn
from letta_cli.core.run import Run, StopReason, Usage
from letta_cli.store import Lease, Store

PATIENCE_SECONDS = 30.0
"""How long a write waits for a server that does not answer, as it would for its turn."""


class Thread:
    """The window of one conversation and the only place in the engine that appends to it.

    Every append names the head it continues, so two processes can never interleave: the
    store answers the later one with `Conflict`. Where it is held by a lease, it also makes sure
    of that first: a lease at a server ends with its connection.
    """

    def __init__(self, store: Store, conversation_id: str) -> None:
        self._store = store
        self.conversation: Conversation = store.conversations.get(conversation_id)
        self.messages: list[Message] = store.messages.window(self.conversation)
        self.regained = False
        """Whether the lease was lost and taken again; for who tells it to take back."""
        self._lease: Lease | None = None
        self._lost: LeaseLost | None = None

    def held_by(self, lease: Lease | None) -> None:
        """Under which lease it is continued from now on."""
        self._lease, self._lost = lease, None

    def ensure_held(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Before what only one session may do. Microseconds, unless the connection broke.

        Raises:
            LeaseLost: another session has continued the conversation, or may do so now. Once
                lost it stays lost: this session must not add to what it has not read.
            StoreError: the server did not answer for so long.
        """
        if self._lost is not None:
            raise self._lost
        if self._lease is None:
            return
        try:
            if self._lease.keep(patience_seconds):
                self.retaken()
        except LeaseLost as error:
            self.lost(error)
            raise

    def retaken(self) -> None:
        """Whether it is as this session left it, after the lease was lost and taken again.

        Raises:
            LeaseLost: another session has continued it.
        """
        stored = self._store.conversations.get(self.conversation.id)
        if stored.head != self.conversation.head:
            raise LeaseLost(
                "The connection to the database broke, and meanwhile another session went on with "
                f"conversation {stored.id}. This run is over; what it had stored is kept. Open "
                "the conversation again to see what was said."
            )
        self.regained = True

    def lost(self, error: LeaseLost) -> None:
        """From now on refuse to continue it, until it is held by a new lease."""
        self._lost = error

    def refresh(self) -> list[Message]:
        """Read the conversation again, when another process may have continued it.

        Returns:
            What was added meanwhile.
        """
        stored = self._store.conversations.get(self.conversation.id)
        if stored == self.conversation:
            return []
        head = self.conversation.head
        self.conversation = stored
        self.messages = self._store.messages.window(stored)
        return self._store.messages.read(stored.id, start=head + 1) if stored.head > head else []

    def start_run(self, model: str, parts: Sequence[Part]) -> Run:
        """Store the person's message and an open run, before any model is called."""
        self.ensure_held()
        run, message = self._store.runs.start(
            self.conversation.id, model, parts, expected_head=self.conversation.head
        )
        self._took(message)
        return run

    def add_reply(self, run_id: str, parts: Sequence[Part], usage: Usage) -> Message:
        """Store the model's message; each of its tool calls is journalled as pending."""
        self.ensure_held()
        message = self._store.runs.add_reply(
            run_id, parts, usage, expected_head=self.conversation.head
        )
        return self._took(message)

    def add_returns(self, run_id: str, returns: Sequence[ToolReturn]) -> Message:
        """Store what the calls of one step came to, in the order of the calls."""
        self.ensure_held()
        message = self._store.runs.add_returns(
            run_id, returns, expected_head=self.conversation.head
        )
        return self._took(message)

    def append(
        self,
        role: Role,
        parts: Sequence[Part],
        *,
        run_id: str | None = None,
        memory_versions: Mapping[str, int] | None = None,
    ) -> Message:
        """Store one more message; `memory_versions` are what it makes known to the model."""
        self.ensure_held()
        message = self._store.messages.append(
            self.conversation.id,
            role,
            parts,
            run_id=run_id,
            expected_head=self.conversation.head,
            memory_versions=None if memory_versions is None else dict(memory_versions),
        )
        if memory_versions is not None:
            self.saw_memory(memory_versions)
        return self._took(message)

    def saw_memory(self, versions: Mapping[str, int]) -> None:
        """Note which block versions the model knows (in memory; see `agent.memory_news`)."""
        merged = {**self.conversation.memory_versions, **versions}
        self.conversation = replace(self.conversation, memory_versions=merged)

    def set_prompt(self, prompt: str, versions: Mapping[str, int], trusted: str) -> None:
        """Store the compiled system prompt and the block versions that stand in it.

        Args:
            trusted: a digest of what of its folder is trusted.
        """
        known = dict(versions)
        self._store.conversations.set_prompt(self.conversation.id, prompt, known, trusted=trusted)
        self.conversation = replace(
            self.conversation, system_prompt=prompt, memory_versions=known, prompt_trust=trusted
        )

    def compact(
        self,
        summary: str,
        *,
        context_start: int,
        prompt: str,
        versions: Mapping[str, int],
        trusted: str,
        usage: Usage | None = None,
        run_id: str | None = None,
    ) -> None:
        """Replace everything before `context_start` by `summary` in the window.

        Args:
            usage: what the summary cost, if a model wrote it.
            run_id: the run in which it became necessary, if one did.
        """
        self.ensure_held()
        self._store.conversations.compact(
            self.conversation.id,
            summary=summary,
            context_start=context_start,
            system_prompt=prompt,
            memory_versions=dict(versions),
            expected_head=self.conversation.head,
            trusted=trusted,
            usage=usage,
            run_id=run_id,
        )
        self.conversation = self._store.conversations.get(self.conversation.id)
        self.messages = self._store.messages.window(self.conversation)

    def finish(self, run_id: str, stop_reason: StopReason, error: str = "") -> Run:
        # What failed may be the server: it was waited for already.
        self.ensure_held(0.0 if error else PATIENCE_SECONDS)
        return self._store.runs.finish(run_id, stop_reason, error=error)

    def settle(self) -> None:
        """Close what was left open in mid-run, unless another session has seen to it."""
        with suppress(LeaseLost):
            self.ensure_held(0.0)
            self._store.runs.recover(self.conversation.id)

    def _took(self, message: Message) -> Message:
        self.messages.append(message)
        title = self.conversation.title
        if not title and message.role == "user":
            title = self._store.conversations.get(self.conversation.id).title
        self.conversation = replace(self.conversation, head=message.seq, title=title)
        return message
