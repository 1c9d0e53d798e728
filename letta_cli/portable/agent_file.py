"""Reads Letta's agent files (.af): an agent moves in with its memory and its history.

Nothing in a file runs: the source code of its tools, its servers and its rules are kept as text,
so that they are there when the agent moves out again, and are named in the report. Memory that
comes from a file is marked with where it comes from.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from letta_cli.config.model import PROVIDERS
from letta_cli.core.agent import Agent
from letta_cli.core.clock import now
from letta_cli.core.errors import UsageError
from letta_cli.core.memory import DEFAULT_LIMIT
from letta_cli.core.outside import source
from letta_cli.portable.checked import Checked
from letta_cli.portable.conversation import (
    marked_parts,
    origin_of,
    take_block,
    take_conversation,
)
from letta_cli.portable.history import Stored, Thread
from letta_cli.portable.letta_messages import read_message
from letta_cli.store import Store
from letta_cli.store.imports import Heading, Incoming

OWN = "letta_cli"
"""Where in a file stands what Letta's form has no place for. Other programs pass over it."""

OWN_FORMAT = "agent 1"

SUPPORTED_TOOLS = frozenset({
    "conversation_search", "memory_insert", "memory_replace", "memory_rethink", "memory",
    "archival_memory_insert", "archival_memory_search",
})  # fmt: skip
"""Tools of Letta's that this program has under the same name."""

_LISTS = ("agents", "groups", "blocks", "files", "sources", "tools", "mcp_servers", "skills")
_SECRETS = ("tool_exec_environment_variables", "secrets")


@dataclass(frozen=True, slots=True)
class MovedIn:
    """An agent that came from a file.

    Attributes:
        notes: what was left out, what is kept without being used, and why; one line each.
    """

    agent: Agent
    blocks: int
    messages: int
    in_context: int
    passages: int
    conversations: int
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Plan:
    """What a file says of one of its agents, checked."""

    entry: Checked
    blocks: list[Checked]
    tools: list[Checked]
    own: Checked | None
    notes: list[str] = field(default_factory=list[str])


def messages_digest(messages: Sequence[Any]) -> str:
    """Tells whether the messages of a file are those that this program wrote into it."""
    return hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()


def take_agents(
    store: Store,
    document: Checked,
    *,
    name: str | None = None,
    trusted: bool = False,
    dry_run: bool = False,
) -> list[MovedIn]:
    """Store the agents of a file, all of them or none.

    Args:
        name: what to call the agent, when the file has one.
        trusted: the person vouches for it: its text gets no mark.
        dry_run: check everything and say what would come of it; nothing is kept.

    Raises:
        UsageError: the file is wrong; says where, and what was expected.
        Conflict: there is an agent of that name.
    """
    plans = _plans(document)
    if name is not None and len(plans) > 1:
        names = ", ".join(plan.entry.text("name", "?") for plan in plans)
        raise UsageError(f"--name: the file has {len(plans)} agents: {names}.")
    try:
        with store.database.transaction():
            done = [_take(store, document, plan, name, trusted=trusted) for plan in plans]
            if dry_run:
                raise _Enough(done)
    except _Enough as enough:
        return enough.done
    return done


class _Enough(Exception):
    """Takes back a transaction that was only to show what would come of it."""

    def __init__(self, done: list[MovedIn]) -> None:
        self.done = done


def _plans(document: Checked) -> list[_Plan]:
    if "agents" not in document.value:
        if "core_memory" in document.value:
            raise UsageError(
                f"{document.where}: it is an agent file of the first form, from before there were "
                "several agents in a file. Let a Letta server import and export it anew."
            )
        raise document.wrong("agents", "it is missing; this is no agent file")
    for key in _LISTS:
        _distinct_ids(document, key)
    blocks = {each.text("id"): each for each in document.objects("blocks")}
    tools = {each.text("id"): each for each in document.objects("tools")}
    plans: list[_Plan] = []
    own = document.object(OWN)
    for entry in document.objects("agents"):
        theirs = _named(entry, "block_ids", blocks)
        labels = [block.text("label", "") for block in theirs]
        for label in labels:
            if not label.strip() or labels.count(label) > 1:
                raise entry.wrong("block_ids", f"label {label!r} is empty or used twice")
        _distinct_ids(entry, "messages")
        plan = _Plan(entry, theirs, _named(entry, "tool_ids", tools), own)
        plans.append(plan)
    if not plans:
        raise document.wrong("agents", "there is no agent in this file")
    return plans


def _distinct_ids(holder: Checked, key: str) -> None:
    seen: set[str] = set()
    for each in holder.objects(key):
        id_ = each.text("name" if key == "skills" else "id")
        if id_ in seen:
            raise each.wrong("id", f"{id_!r} is used twice")
        seen.add(id_)


def _named(entry: Checked, key: str, things: dict[str, Checked]) -> list[Checked]:
    ids = entry.texts(key)
    for id_ in ids:
        if id_ not in things:
            raise entry.wrong(key, f"there is no {id_!r} in this file")
    return [things[id_] for id_ in dict.fromkeys(ids)]


def _take(
    store: Store, document: Checked, plan: _Plan, name: str | None, *, trusted: bool
) -> MovedIn:
    entry = plan.entry
    note = f"agent file {document.where}"
    outside = "" if trusted else source("agent file", str(document.where))
    agent = store.agents.create(
        name or entry.text("name"), model=_model(plan), system=entry.text("system", ""),
        first_blocks=False,
    )  # fmt: skip
    for block in plan.blocks:
        take_block(store, agent.id, block, note=note, outside=outside)
        value, limit = block.text("value", ""), block.whole("limit", DEFAULT_LIMIT)
        if len(value) > limit:
            plan.notes.append(
                f"block {block.text('label')}: its {len(value):,} characters are more than its "
                f"limit of {limit:,}, which was raised"
            )
    own = _own_part(plan)
    conversations = _take_own(store, agent.id, own, note, outside) if own else 0
    messages = store.conversations.default(agent.id).head
    if own is None:
        messages = _take_messages(store, agent.id, plan, outside)
    passages = sum(1 for _ in _take_passages(store, agent.id, document, plan, note, outside))
    _tell_of_the_rest(document, plan)
    store.imports.keep_file(agent.id, json.dumps(_kept(document, plan)))
    default = store.conversations.default(agent.id)
    return MovedIn(
        store.agents.get(agent.id), len(plan.blocks), messages,
        len(store.messages.window(default)), passages, conversations, tuple(plan.notes),
    )  # fmt: skip


def _model(plan: _Plan) -> str:
    """The handle of its model where it has one that this program can use."""
    config = plan.entry.object("llm_config")
    handle = plan.entry.text("model", "") or (config.text("handle", "") if config else "")
    provider, slash, _ = handle.partition("/")
    if slash and provider in PROVIDERS:
        return handle
    if handle or (config and plan.own is None):
        shown = handle or (config.text("model", "") if config else "")
        plan.notes.append(f"model {shown}: not known here; it uses the one that is configured")
    return ""


def _own_part(plan: _Plan) -> Checked | None:
    """What this program wrote beside Letta's form, if the messages are still those it wrote."""
    own = plan.own
    if own is None:
        return None
    if own.text("format", "") != OWN_FORMAT:
        raise own.wrong("format", f"expected {OWN_FORMAT!r}; a newer version wrote this file")
    if own.text("messages_sha256", "") != messages_digest(plan.entry.list("messages")):
        plan.notes.append("the messages were changed by another program; those are taken")
        return None
    return own


def _take_own(store: Store, agent_id: str, own: Checked, note: str, outside: str) -> int:
    count = 0
    for each in own.objects("conversations"):
        take_conversation(
            store, agent_id, each, note=note, outside=outside,
            into_default=each.truth("is_default"),
        )  # fmt: skip
        count += not each.truth("is_default")
    for block in own.objects("project_blocks"):
        store.blocks.create(
            agent_id, block.text("label"), description=block.text("description", ""),
            value=block.text("value", ""), limit=max(1, block.whole("limit", DEFAULT_LIMIT)),
            scope="project", scope_key=block.text("project"), read_only=block.truth("read_only"),
            origin=origin_of(block, note, outside),
        )  # fmt: skip
    return count


def _take_messages(store: Store, agent_id: str, plan: _Plan, outside: str) -> int:
    """The history into the default conversation; what is in context there is in context here."""
    entry = plan.entry
    listed = list(entry.objects("messages"))
    wanted = entry.texts("in_context_message_ids")
    known = {each.text("id") for each in listed}
    for id_ in wanted:
        if id_ not in known:
            raise entry.wrong("in_context_message_ids", f"there is no {id_!r} in this file")
    inside = set(wanted) or known
    by_id = {each.text("id"): each for each in listed}
    # What is out of context comes first, so that the window is the end of the thread.
    ordered = [each for each in listed if each.text("id") not in inside]
    before = {each.text("id") for each in ordered}
    ordered += [by_id[id_] for id_ in wanted] if wanted else listed
    began = min((at for each in listed if (at := each.moment("created_at"))), default=now())
    thread = Thread(datetime(1970, 1, 1, tzinfo=UTC))
    stored: list[Stored] = []
    prompts = gone = 0
    for each in ordered:
        if each.text("role") == "system" and not prompts and each.text("id") not in before:
            prompts += 1  # The compiled prompt, which is compiled anew here.
            continue
        for said in read_message(each):
            stored += thread.feed(said)
        if before and each is ordered[len(before) - 1]:
            stored += thread.finish()
            gone = len(stored)
    stored += thread.finish()
    window = _window(stored, gone)
    target = store.conversations.default(agent_id)
    incoming = (
        Incoming(each.role, marked_parts(each.parts, outside), max(each.at, began))
        for each in stored
    )
    made = store.imports.fill(
        target, Heading(target.title, "", "", began, window), ((each, None) for each in incoming)
    )
    return made.head


def _window(stored: list[Stored], gone: int) -> tuple[int, int]:
    """The newest summary that is in context, and where the window begins."""
    summaries = [
        number for number, each in enumerate(stored, start=1)
        if each.role == "summary" and number > gone
    ]  # fmt: skip
    return (summaries[-1] if summaries else 0), gone + 1


def _take_passages(
    store: Store, agent_id: str, document: Checked, plan: _Plan, note: str, outside: str
) -> Iterator[None]:
    holders = [plan.entry, document, *([plan.own] if plan.own else [])]
    for holder in holders:
        for passage in holder.objects("passages"):
            store.passages.insert(
                agent_id, passage.text("text"), tags=passage.texts("tags"),
                origin=origin_of(passage, note, outside), created_at=passage.moment("created_at"),
            )  # fmt: skip
            yield


def _tell_of_the_rest(document: Checked, plan: _Plan) -> None:
    notes = plan.notes
    for tool in plan.tools:
        name, kind = tool.text("name", "?"), tool.text("tool_type", "custom")
        if name not in SUPPORTED_TOOLS:
            code = (
                " Its source code is kept, and is not run." if tool.value.get("source_code") else ""
            )
            notes.append(f"tool {name} ({kind}): not supported here.{code}")
    for key, words in (
        ("files", "kept, not used; agent files add PATH makes documents searchable"),
        ("mcp_servers", "kept, not used"),
        ("groups", "left out: agents here do not share groups"),
        ("skills", "kept, not used; --skills installs them"),
    ):
        if count := len(document.list(key)):
            notes.append(f"{count} {key.replace('_', ' ')}: {words}")
    if rules := plan.entry.list("tool_rules"):
        notes.append(f"{len(rules)} tool rules: kept, not used")
    for key in _SECRETS:
        if names := ", ".join(_names(plan.entry.value.get(key))):
            notes.append(f"{key}: {names}: the values were left out")


def _names(value: object) -> list[str]:
    return [str(key) for key in cast("dict[str, Any]", value)] if isinstance(value, dict) else []


def _kept(document: Checked, plan: _Plan) -> dict[str, Any]:
    """What the file says that has no place in the store, for when the agent moves out again."""
    entry = deepcopy(dict(plan.entry.value))
    for key in ("messages", "in_context_message_ids", "passages", "group_ids"):
        entry.pop(key, None)
    for key in _SECRETS:
        if names := _names(entry.get(key)):
            entry[key] = dict.fromkeys(names, "")
    used = {tool.text("id") for tool in plan.tools}
    blocks = [{**block.value, "value": ""} for block in plan.blocks]
    kept = {key: deepcopy(document.list(key)) for key in _LISTS if key != "groups"}
    metadata = document.object("metadata")
    return {
        **kept, "groups": [], "agents": [entry], "blocks": blocks,
        "tools": [tool for tool in kept["tools"] if tool["id"] in used],
        "metadata": dict(metadata.value) if metadata else {},
    }  # fmt: skip
