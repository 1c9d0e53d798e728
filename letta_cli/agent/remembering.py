"""Stores one thing that a person says in memory: whole, as they said it, and only once.

Which block it belongs to is read from its words, without a model; the person may name another.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from letta_cli.core.errors import Conflict, UsageError
from letta_cli.core.memory import BlockRevision, MemoryBlock, Origin
from letta_cli.core.secret import Masker
from letta_cli.store import Store
from letta_cli.store.blocks import PROJECT_LABEL

_LABELLED = re.compile(r"^([\w-]{1,40}):\s+(?=\S)")
_LEAD = re.compile(r"^that\s+(?=\S)", re.IGNORECASE)
_UNIT = re.compile(r"(?<=[.!?;])\s+|\n+")
_SELF = re.compile(r"\b(i|i'm|i've|i'd|i'll|me|my|mine|myself)\b", re.IGNORECASE)
_AGENT = re.compile(
    r"\b(you|your|yourself|you're)\b|"
    r"^\W*(please |always |never |do not |don't )*"
    r"(answer|reply|respond|explain|speak|talk|write (your )?(answers|replies)|be )",
    re.IGNORECASE,
)
_PROJECT = re.compile(
    r"\b(we|us|our|project|repo(sitory)?|codebase|code|tests?|testing|build(s|ing)?|built|ci|"
    r"deploy(s|ed|ment)?|releases?|branch(es)?|commits?|lint(er)?|migrations?|database|schema|"
    r"api|module|package|dependenc(y|ies)|endpoint|port|server|staging|production|docker|"
    r"pytest|npm|cargo|make|git)\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"`[^`]+`|\b[\w-]+/[\w./-]+|\b\w+\.(py|ts|js|go|rs|toml|json|ya?ml|md|sql)\b|\w\(\)"
)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What came of it.

    Attributes:
        block: where it stands now.
        revision: the edit; None when it stood there already.
        why: why that block, in a few words.
    """

    block: MemoryBlock
    revision: BlockRevision | None
    why: str


def remember(
    store: Store,
    agent_id: str,
    text: str,
    *,
    project: str,
    origin: Origin,
    conversation_id: str | None = None,
    label: str | None = None,
) -> Remembered:
    """Store `text`, unless it is known.

    Args:
        project: the project key of where the person stands.
        conversation_id: also this conversation's own blocks.
        label: the block; None to choose one.

    Raises:
        UsageError: there is nothing to remember.
        NotFound: there is no block `label` here.
        LimitExceeded: the block is full.
        ReadOnly: the block is, and `origin` is not a person.
    """
    # What looks like a key would be sent to every model from now on.
    text = Masker().mask(_LEAD.sub("", text.strip()))
    if not re.search(r"\w", text):
        raise UsageError("There is nothing to remember: say it in a sentence.")
    store.blocks.ensure_project(agent_id, project)
    if label is None:
        label, text, why = _choose(store, agent_id, text, project, conversation_id)
    else:
        why = "as you said"
    place = {"project": project, "conversation_id": conversation_id}
    block = store.blocks.find(agent_id, label, **place)
    if _units(text) <= _units(block.value):
        return Remembered(block, None, why)
    revision = _put(store, block, text, origin)
    return Remembered(store.blocks.find(agent_id, label, **place), revision, why)


def choose_block(text: str) -> tuple[str, str]:
    """The label for `text`, and why: by whom and what it speaks of."""
    project = 2 * len(_CODE.findall(text)) + len(_PROJECT.findall(text))
    if _SELF.search(text) and project < 3:
        return "human", "it is about you"
    if _AGENT.search(text) and project < 2:
        return "persona", "it is about how the agent works"
    if project:
        return PROJECT_LABEL, "it is about this project"
    return "human", "it is about nothing else"


def undo_command(block: MemoryBlock) -> str:
    """What takes the newest edit of a block back."""
    own = f" --conversation {block.scope_key}" if block.scope == "conversation" else ""
    return f"agent memory undo {block.label}{own}"


def _choose(
    store: Store, agent_id: str, text: str, project: str, conversation_id: str | None
) -> tuple[str, str, str]:
    """Label, text and why; ``label: text`` names a block that there is."""
    named = _LABELLED.match(text)
    visible = {
        block.label: block
        for block in store.blocks.list(agent_id)
        if block.scope_key in ("", project, conversation_id)
    }
    if named and named[1].lower() in visible:
        return named[1].lower(), text[named.end() :], "as you said"
    label, why = choose_block(text)
    if label not in visible:
        label, why = next(iter(visible), label), f"there is no block {label}"
    return label, text, why


def _put(store: Store, block: MemoryBlock, text: str, origin: Origin) -> BlockRevision:
    """Add `text`; in the place of a line that says less of the same."""
    new = _units(text)
    for line in block.value.split("\n"):
        if line.strip() and _units(line) <= new:
            try:
                return store.blocks.replace(block.id, line, text, origin=origin)
            except Conflict:
                break  # The line stands there twice, or was edited meanwhile.
    return store.blocks.insert(block.id, text, origin=origin)


def _units(text: str) -> frozenset[str]:
    """The sentences of a text, without what does not change their meaning."""
    units = (re.sub(r"[^\w+#%/.-]+", " ", unit).strip(" .-").lower() for unit in _UNIT.split(text))
    return frozenset(unit for unit in units if unit)


def changed_lines(revision: BlockRevision) -> Sequence[str]:
    """The lines that an edit took out, with ``-``, and put in, with ``+``."""
    before, after = revision.before.split("\n"), revision.after.split("\n")
    gone = [f"- {line}" for line in before if line.strip() and line not in after]
    return [*gone, *(f"+ {line}" for line in after if line.strip() and line not in before)]
