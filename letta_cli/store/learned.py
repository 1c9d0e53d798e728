"""What the agent learned: drafts of skills, and how well skills did their work."""

from collections.abc import Mapping
from datetime import datetime

from letta_cli.core.clock import from_text, now, to_text
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.ids import new_id
from letta_cli.core.skill import DraftState, SkillDraft, SkillOutcome, SkillScore
from letta_cli.store import rows
from letta_cli.store.database import Database, Row

_DRAFT = "id, agent_id, name, text, conversation_id, state, path, replaced, created_at, untrusted"

# `SkillDrafts.list` hides the builtin in the class body.
_Drafts = list[SkillDraft]

_CHOSEN = ("open", "accepted", "dropped")


class SkillDrafts:
    """The repository of drafts. Raises what `Database` raises, and what methods name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, agent_id: str, name: str, text: str, *, conversation_id: str, untrusted: str = ""
    ) -> SkillDraft:
        """Keep a proposal until a person decides.

        An open one of the same name from the same conversation is replaced: it was improved.

        Args:
            untrusted: where text from outside came from that stood before whoever wrote it.
        """
        made = SkillDraft(
            new_id("draft"), agent_id, name, rows.clean(text), conversation_id, "open", "", "",
            now(), rows.clean(untrusted),
        )  # fmt: skip
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM skill_draft WHERE agent_id = ? AND name = ? AND conversation_id = ?"
                " AND state = 'open'",
                agent_id, name, conversation_id,
            )  # fmt: skip
            self._database.execute(
                f"INSERT INTO skill_draft ({_DRAFT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                made.id, agent_id, name, made.text, conversation_id, made.state, "", "",
                to_text(made.created_at), made.untrusted,
            )  # fmt: skip
        return made

    def decide(
        self, draft_id: str, state: DraftState, *, path: str = "", replaced: str = ""
    ) -> None:
        """Note what a person decided, and for an accepted one where it went."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE skill_draft SET state = ?, path = ?, replaced = ? WHERE id = ?",
                state, path, rows.clean(replaced), draft_id,
            )  # fmt: skip

    def list(self, agent_id: str, *, state: DraftState | None = "open") -> _Drafts:
        """The newest first; of every state for None."""
        found = self._database.query(
            f"SELECT {_DRAFT} FROM skill_draft WHERE agent_id = ? AND state = coalesce(?, state)"
            " ORDER BY created_at DESC, id DESC",
            agent_id, state,
        )  # fmt: skip
        return [_draft(row) for row in found]

    def of_conversation(self, agent_id: str, conversation_id: str) -> _Drafts:
        """Those that one conversation proposed, oldest first."""
        drafts = self.list(agent_id, state=None)
        return [each for each in reversed(drafts) if each.conversation_id == conversation_id]

    def find(self, agent_id: str, which: str) -> SkillDraft:
        """The draft with this id or its beginning, else the newest of this name.

        An open one comes before one that was accepted, and that before one that was dropped.

        Raises:
            NotFound: none. UsageError: several ids begin so.
        """
        drafts = self.list(agent_id, state=None)
        prefix = which if which.startswith("draft-") else f"draft-{which}"
        by_id = [each for each in drafts if which and each.id.startswith(prefix)]
        if len(by_id) > 1:
            raise UsageError(f"{len(by_id)} drafts begin with {which!r}; write more of it.")
        by_name = [each for each in drafts if each.name == which]
        by_name.sort(key=lambda each: _CHOSEN.index(each.state))
        for each in (*by_id, *by_name):
            return each
        raise NotFound(f"There is no skill draft {which!r}. See: agent learn list")


class SkillUses:
    """The repository of uses of skills: one for each run and skill."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, agent_id: str, skill: str, *, run_id: str) -> None:
        """A run was given the skill. Idempotent."""
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO skill_use (run_id, skill, agent_id, outcome, used_at)"
                " VALUES (?, ?, ?, 'unknown', ?) ON CONFLICT (run_id, skill) DO NOTHING",
                run_id, skill, agent_id, to_text(now()),
            )  # fmt: skip

    def used_in(self, run_id: str) -> bool:
        """Whether this run was given any skill."""
        return bool(
            self._database.query("SELECT 1 FROM skill_use WHERE run_id = ? LIMIT 1", run_id)
        )

    def settle(self, run_id: str, outcome: SkillOutcome) -> None:
        """The run is over: what it came to counts for each skill that it was given."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE skill_use SET outcome = ? WHERE run_id = ?", outcome, run_id
            )

    def scores(self, agent_id: str) -> Mapping[str, SkillScore]:
        """By the name of the skill."""
        found = self._database.query(
            "SELECT skill, count(*), sum(CASE outcome WHEN 'worked' THEN 1 ELSE 0 END),"
            " sum(CASE outcome WHEN 'failed' THEN 1 ELSE 0 END), max(used_at)"
            " FROM skill_use WHERE agent_id = ? GROUP BY skill",
            agent_id,
        )
        return {
            skill: SkillScore(int(uses), int(worked), int(failed), _moment(last))
            for skill, uses, worked, failed, last in found
        }


def _moment(text: str | None) -> datetime | None:
    return from_text(text) if text else None


def _draft(row: Row) -> SkillDraft:
    id_, agent_id, name, text, conversation_id, state, path, replaced, created_at, untrusted = row
    return SkillDraft(
        id_, agent_id, name, text, conversation_id, state, path, replaced, from_text(created_at),
        untrusted,
    )  # fmt: skip
