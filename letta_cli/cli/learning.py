"""Runs `agent learn`: a draft from a conversation, shown, and decided on if somebody is here."""

import sys
from math import ceil
from typing import Any

from letta_cli.agent.drafts import accept, diff_of, effect_of, root_of, warning_of
from letta_cli.agent.learning import Lesson, learn
from letta_cli.app import open_bench
from letta_cli.cli.event_loop import on_interrupt, run_async
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.learn import draft_facts
from letta_cli.cli.opened import find_conversation
from letta_cli.cli.output import confirmed, say, say_json, say_text, warn
from letta_cli.cli.table import CHOICE, target
from letta_cli.config import Config, load_config
from letta_cli.core.agent import Conversation
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.event import Notice, Retrying, RunFinished
from letta_cli.core.exit_codes import FAILED, OK
from letta_cli.core.skill import SkillDraft
from letta_cli.skills.discovery import is_name
from letta_cli.store import Store


def run_learning(
    *,
    which: str | None,
    name: str,
    about: str,
    flags: dict[str, Any],
    project: bool,
    yes: bool,
    as_json: bool,
    agent: str | None,
    directory: str | None,
) -> int:
    """Make a draft; returns the exit code.

    Raises:
        AgentError: there could be no draft.
    """
    if name and not is_name(name):
        raise UsageError(f"--name: {name!r} should be lower-case words joined by dashes.")
    config = load_config(cwd=working_directory(directory), flags=flags)
    return run_async(
        _learn(config, agent, which, name, about, project=project, yes=yes, as_json=as_json)
    )


async def _learn(
    config: Config,
    agent: str | None,
    which: str | None,
    name: str,
    about: str,
    *,
    project: bool,
    yes: bool,
    as_json: bool,
) -> int:
    config = await target(CHOICE)(config, agent, can_ask=False)
    bench = await open_bench(config, agent)
    lesson = Lesson(_source(config, bench.store, bench.agent.id, which), name, about)
    on_interrupt(bench.inbox.cancel)
    code = OK
    async for event in learn(bench, lesson):
        match event:
            case Notice():
                warn(event.text)
            case Retrying():
                warn(f"{event.message.rstrip('.')}; trying again in {ceil(event.wait_seconds)} s")
            case RunFinished():
                code = event.exit_code
            case _:
                pass
    if lesson.draft is None:
        warn(f"no draft came of it: {lesson.problem}")
        return code or 1
    return _decide(config, bench.store, lesson.draft, project=project, yes=yes, as_json=as_json)


def _decide(
    config: Config, store: Store, draft: SkillDraft, *, project: bool, yes: bool, as_json: bool
) -> int:
    if not as_json:
        say_text(diff_of(draft, root_of(config, project=project)))
    if draft.untrusted:
        warn(warning_of(draft))
    asks = not yes and not as_json and sys.stdin.isatty()
    # What strangers may have had a part in is accepted by somebody who has read it.
    refused = yes and bool(draft.untrusted)
    if (yes and not refused) or (asks and confirmed(f"Make {draft.name} a skill?")):
        path = accept(store, draft, config, project=project, reviewed=asks)
        draft = store.skill_drafts.find(draft.agent_id, draft.id)
        if not as_json:
            say(f"{draft.name} is a skill now: {path}")
        if untrusted := effect_of(config, path):
            warn(untrusted)
    elif not as_json:
        flag = " --reviewed" if draft.untrusted else ""
        say(
            f"Kept as a draft. agent learn accept {draft.name}{flag}, "
            f"or: agent learn drop {draft.name}"
        )
    if as_json:
        say_json({**draft_facts(draft), "text": draft.text})
    if refused:
        warn("--yes does not accept it: a person has to read it first.")
    return FAILED if refused else OK


def _source(config: Config, store: Store, agent_id: str, which: str | None) -> Conversation:
    if which is not None:
        return find_conversation(store, agent_id, which)
    latest = store.conversations.latest(agent_id, str(config.cwd.resolve()))
    if latest is None:
        raise NotFound(
            f"There is no conversation in {config.cwd} to learn from. Name one of: "
            "agent sessions list"
        )
    return latest
