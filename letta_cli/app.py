"""The composition root: the only module that names concrete stores, providers and tools."""

import asyncio
import os
import platform
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from letta_cli.agent.budget import ContextMeter, window_of
from letta_cli.agent.context import ContextView, unheard, view_context
from letta_cli.agent.inbox import Inbox
from letta_cli.agent.occasions import Occasions
from letta_cli.agent.own_work import Bench
from letta_cli.agent.parts import Model, SessionParts
from letta_cli.agent.policy import SessionPolicy
from letta_cli.agent.prompt import PromptParts, compile_prompt
from letta_cli.agent.reflection_news import news_of
from letta_cli.agent.turn import Limits
from letta_cli.config import Config
from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.clock import now
from letta_cli.core.errors import AgentError, ConfigError, NoModelConfigured, NotFound, UsageError
from letta_cli.core.memory import Origin
from letta_cli.core.permission import Rule, Rules
from letta_cli.core.provider import ModelInfo, Offer, Provider
from letta_cli.core.reflection import Occasion
from letta_cli.core.skill import Skill
from letta_cli.permissions import parse_rule, unmatched_rules
from letta_cli.providers import load, split_handle
from letta_cli.session import Session
from letta_cli.skills import catalogue, discover
from letta_cli.store import Store, open_store
from letta_cli.tools import Tool, all_tools
from letta_cli.workspace import Workspace
from letta_cli.workspace.instructions import Instructions, find_instructions
from letta_cli.workspace.scan import list_files

CATALOGUE_CHARACTERS = 2_000
SMALL_CATALOGUE_CHARACTERS = 400
LISTED_FILES = 40

_BUSY_IN_CHAT = "Or go on in a copy with /fork, or open a fresh conversation with /new."
_BUSY_IN_SCRIPT = (
    "Or wait for it with --wait SECONDS, go on in a copy with --fork, or open a new one."
)


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What one invocation asks for, beyond the configuration.

    Attributes:
        interactive: somebody is here to be asked.
        conversation: an exact id; nothing remembered overrides it.
        resume: an id, its beginning, a title or words said in it.
        continue_latest: this directory's latest conversation.
        fork: go on in a copy of the chosen conversation.
        agent: name or id; None for the one in use.
        isolate: labels of memory blocks that the conversation gets its own copies of.
        wait_seconds: for a conversation that another session is using.
        reflect_later: begins a reflection in the background: of this agent, with this model, why.
    """

    interactive: bool
    conversation: str | None = None
    resume: str | None = None
    continue_latest: bool = False
    fork: bool = False
    agent: str | None = None
    title: str = ""
    isolate: tuple[str, ...] = ()
    wait_seconds: float = 0.0
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    max_turns: int | None = None
    max_budget_usd: float | None = None
    reflect_later: Callable[[str, str, Occasion], None] | None = None


def open_store_of(config: Config) -> Store:
    """The store that the configuration names."""
    return open_store(config.database_url)


async def open_session(config: Config, options: SessionOptions) -> Session:
    """Open or create the conversation that `options` ask for, ready to be talked to.

    The model's SDK is imported in the background; the first `send` waits for it.

    Raises:
        UsageError, NotFound: the conversation or agent asked for is not there.
        NoModelConfigured: nothing says which model to use.
        ConfigError: the model's handle or settings are wrong.
    """
    store = open_store_of(config)
    agent = store.agents.find(options.agent) if options.agent else store.agents.current()
    workspace = _workspace(config)
    policy = _policy(config, options)
    chosen = _existing_conversation(store, agent, workspace, options)
    handle = _handle(config, agent, chosen)
    store.blocks.ensure_project(agent.id, workspace.project)
    for label in options.isolate:
        store.blocks.find(agent.id, label, project=chosen.project if chosen else workspace.project)
    conversation = _open_conversation(store, agent, workspace, options, chosen)
    _isolate(store, conversation, options.isolate)
    loading = asyncio.create_task(load_model(config, handle))
    await asyncio.sleep(0)  # lets the SDK's import begin in its thread, while the rest is read
    store.touches.prune()
    compiler = _compiler(config, store, agent, workspace)
    skills = list(compiler.skills)
    known_tools = all_tools(omni_memory=config.omni_memory)
    warnings = (*config.warnings, *unmatched_rules(policy.rules(), known_tools))
    news = news_of(store, agent.id) if options.interactive else []
    parts = SessionParts(
        store=store,
        agent=agent,
        conversation=conversation,
        workspace=workspace,
        skills=skills,
        policy=policy,
        limits=_limits(config, options),
        effort=config.effort,
        handle=handle,
        loading=loading,
        load_model=partial(load_model, config),
        list_offers=partial(list_offers, config),
        compile_prompt=compiler.compile,
        terminal=_terminal(),
        wait_seconds=options.wait_seconds,
        notes=(*warnings, *_notes(config, compiler.instructions, skills), *news),
        warnings=warnings,
        busy_advice=_BUSY_IN_CHAT if options.interactive else _BUSY_IN_SCRIPT,
        occasions=_occasions(config, options, store, agent),
        reflection=config.reflection,
    )
    return Session(parts)


async def open_bench(config: Config, agent_name: str | None = None) -> Bench:
    """What the agent needs to work on its own memory, with the model that is meant for it.

    Raises:
        NotFound: there is no such agent.
        NoModelConfigured, ConfigError: see `open_session`.
        ProviderError: the model cannot be made ready.
    """
    store = open_store_of(config)
    agent = store.agents.find(agent_name) if agent_name else store.agents.current()
    flagged = config.origins.get("model", "").startswith("flag")
    handle = "" if flagged else config.reflection.model
    model = await load_model(config, handle or _handle(config, agent, None))
    return Bench(
        store=store,
        agent=agent,
        handle=model.handle,
        provider=model.provider,
        info=model.info,
        workspace=_workspace(config),
        rules=_policy(config, SessionOptions(interactive=False)).rules(),
        limits=_limits(config, SessionOptions(interactive=False)),
        settings=config.reflection,
        inbox=Inbox(),
    )


def _occasions(
    config: Config, options: SessionOptions, store: Store, agent: Agent
) -> Occasions | None:
    settings, begin = config.reflection, options.reflect_later
    wanted = settings.automatic and (options.interactive or settings.headless)
    if begin is None or not wanted:
        return None
    return Occasions(store.reflections, agent.id, settings, partial(begin, agent.id))


async def load_model(config: Config, handle: str) -> Model:
    """Make `handle` ready to be called, with the tools that suit its size."""
    name, model = split_handle(handle)
    provider: Provider = load(name, config.provider(name))
    await provider.warm()
    info = await provider.model_info(model)
    if info.small:
        from letta_cli.providers.small import ChatDoor, SmallModelProvider

        if isinstance(provider, ChatDoor):
            provider = SmallModelProvider(provider)
    return Model(handle, provider, info, _tools_for(config, info))


async def view_conversation(
    config: Config, store: Store, conversation: Conversation
) -> ContextView:
    """What the next step of a conversation would be sent, without talking to its model.

    A model that cannot be asked for its facts counts as one of unknown size.
    """
    agent = store.agents.find(conversation.agent_id)
    info = ModelInfo("")
    with suppress(AgentError):
        ran_on = store.runs.last_models(agent.id).get(conversation.id, "")
        name, model = split_handle(conversation.model or ran_on or _handle(config, agent, None))
        info = await load(name, config.provider(name)).model_info(model)
    prompt = conversation.system_prompt
    if prompt is None:
        workspace = _workspace(replace(config, cwd=Path(conversation.cwd)))
        compiler = _compiler(config, store, agent, workspace)
        prompt, _ = compiler.compile(conversation, info.small)
    messages = store.messages.window(conversation)
    meter = ContextMeter(*store.runs.last_context(conversation.id))
    return view_context(
        prompt=prompt,
        tools=[tool.spec for tool in _tools_for(config, info).values()],
        messages=messages,
        window=info.context_window,
        assumed_window=window_of(info),
        counted=meter.tokens(int, messages) if meter.is_measured else 0,
        news=unheard(store, conversation),
    )


def _tools_for(config: Config, info: ModelInfo) -> Mapping[str, Tool]:
    """A model of the small profile has its own shorter list, of the single tools."""
    tools = all_tools(omni_memory=config.omni_memory and not info.small)
    if not info.small:
        return tools
    from letta_cli.providers.small import SMALL_TOOLS

    return {tool: tools[tool] for tool in SMALL_TOOLS}


async def list_offers(config: Config, handle: str) -> list[Offer]:
    """What every provider that can be used offers now, that of `handle` first."""
    from letta_cli.providers.offers import all_offers

    current, _ = split_handle(handle)
    return await all_offers(config.providers, config.provider, always=(current,))


@dataclass(frozen=True, slots=True)
class PromptCompiler:
    """Compiles the system prompt of any conversation of this session."""

    store: Store
    agent: Agent
    workspace: Workspace
    instructions: Instructions
    skills: tuple[Skill, ...]
    omni_memory: bool = False

    def compile(self, conversation: Conversation, small: bool) -> tuple[str, dict[str, int]]:
        """The prompt, and the versions of the blocks that stand in it."""
        blocks = self.store.blocks.visible(conversation)
        listed = [skill for skill in self.skills if skill.model_invocable]
        limit = SMALL_CATALOGUE_CHARACTERS if small else CATALOGUE_CHARACTERS
        parts = PromptParts(
            blocks=blocks,
            own=self.agent.system,
            instructions=self.instructions.text,
            skills=catalogue(listed, limit),
            environment=self._environment(),
            omni_memory=self.omni_memory,
            files=tuple(islice(list_files(str(self.workspace.cwd)), LISTED_FILES)) if small else (),
        )
        return compile_prompt(parts, small=small), {block.id: block.version for block in blocks}

    def _environment(self) -> list[str]:
        branch = self.workspace.branch()
        kind = f"git repository, branch {branch}" if branch else "not a git repository"
        return [
            f"Directory: {self.workspace.cwd} ({kind})",
            f"System: {platform.system()} {platform.machine()}, shell: bash",
            f"Date: {now():%Y-%m-%d}",
        ]


def _compiler(config: Config, store: Store, agent: Agent, workspace: Workspace) -> PromptCompiler:
    instructions = find_instructions(
        workspace.cwd, workspace.git_root, config.user_home, agent_home=config.home
    )
    skills = discover(
        cwd=workspace.cwd,
        project_root=workspace.git_root,
        home=config.home,
        user_home=config.user_home,
    )
    return PromptCompiler(store, agent, workspace, instructions, tuple(skills), config.omni_memory)


def _workspace(config: Config) -> Workspace:
    return Workspace(
        config.cwd,
        overflow_dir=config.home / "output",
        environment=config.environment,
        bash_timeout_ms=config.bash_timeout_ms,
        bash_max_timeout_ms=config.bash_max_timeout_ms,
        bash_max_output=config.bash_max_output,
    )


def _open_conversation(
    store: Store,
    agent: Agent,
    workspace: Workspace,
    options: SessionOptions,
    chosen: Conversation | None,
) -> Conversation:
    """The chosen one or its copy, else a new one; all that can be refused was refused before."""
    if chosen is None:
        return store.conversations.create(
            agent.id, cwd=str(workspace.cwd), project=workspace.project, title=options.title
        )
    if options.fork:
        return store.conversations.fork(chosen.id)
    return chosen


def _isolate(store: Store, conversation: Conversation, labels: tuple[str, ...]) -> None:
    """Give the conversation its own copies, but of what it has already."""
    blocks = {block.label: block for block in store.blocks.visible(conversation)}
    for label in labels:
        block = blocks.get(label.strip())
        if block is not None and block.scope != "conversation":
            store.sharing.isolate(block.id, conversation.id, origin=Origin("person"))


def _existing_conversation(
    store: Store, agent: Agent, workspace: Workspace, options: SessionOptions
) -> Conversation | None:
    if options.conversation is not None:
        if options.conversation == "default":
            return store.conversations.default(agent.id)
        return store.conversations.get(options.conversation)
    if options.resume is not None:
        return _resume(store, agent, options.resume)
    if not options.continue_latest:
        if options.fork:
            raise UsageError("--fork needs a conversation: add -c, -r WORDS or --conversation ID.")
        return None
    latest = store.conversations.latest(agent.id, str(workspace.cwd))
    if latest is None:
        raise NotFound(
            f"There is no conversation in {workspace.cwd} to continue. Start one without -c, or "
            "see all with: agent sessions list"
        )
    return latest


def _resume(store: Store, agent: Agent, words: str) -> Conversation:
    found = store.conversations.find(agent.id, words)
    if not found:
        raise NotFound(f"No conversation matches {words!r}. See all with: agent sessions list")
    exact = [item for item in found if words in (item.id, item.title)]
    if len(exact) == 1 or len(found) == 1:
        return (exact or found)[0]
    listed = "\n".join(f"  {item.id}  {item.title}" for item in found[:10])
    raise UsageError(f"{len(found)} conversations match {words!r}; name one by its id:\n{listed}")


def _handle(config: Config, agent: Agent, conversation: Conversation | None) -> str:
    """Which model: flag, then the conversation's, then the agent's, then the configuration's."""
    if config.origins.get("model", "").startswith("flag"):
        try:
            split_handle(config.model)
        except ConfigError as error:
            raise UsageError(f"--model: {error}") from error
        return config.model
    for handle in (conversation.model if conversation else "", agent.model, config.model):
        if handle:
            return handle
    raise NoModelConfigured(
        "No model is configured.\n"
        "  Set a key: export ANTHROPIC_API_KEY=… or OPENAI_API_KEY=…\n"
        "  Or use the embedded model: agent models pull"
    )


def _policy(config: Config, options: SessionOptions) -> SessionPolicy:
    rules = Rules(
        _anchored(config.rules.allow) + _flag_rules(options.allowed_tools, "--allowedTools"),
        _anchored(config.rules.ask),
        _anchored(config.rules.deny) + _flag_rules(options.disallowed_tools, "--disallowedTools"),
    )
    return SessionPolicy(rules, config.mode, interactive=options.interactive)


def _anchored(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules of settings files as they are judged: their paths begin where the file lies."""
    return tuple(parse_rule(rule.text, rule.source) for rule in rules)


def _flag_rules(texts: tuple[str, ...], flag: str) -> tuple[Rule, ...]:
    try:
        return tuple(parse_rule(text, f"flag {flag}") for text in texts)
    except ConfigError as error:
        raise UsageError(str(error)) from error


def _limits(config: Config, options: SessionOptions) -> Limits:
    return Limits(
        max_steps=options.max_turns if options.max_turns is not None else config.max_turns,
        max_budget_usd=(
            options.max_budget_usd if options.max_budget_usd is not None else config.max_budget_usd
        ),
        max_tries=config.max_retries + 1,
    )


def _notes(config: Config, instructions: Instructions, skills: list[Skill]) -> list[str]:
    notes: list[str] = []
    for file in instructions.files:
        cut = f", {file.cut_chars} characters cut" if file.cut_chars else ""
        notes.append(f"Instructions: {_short(file.path, config)} ({file.chars} characters{cut})")
    shadowing = [skill for skill in skills if skill.shadows]
    notes += [f"Skill {skill.name}: {_short(skill.path, config)} is used" for skill in shadowing]
    return notes


def _short(path: Path, config: Config) -> str:
    for base, prefix in ((config.cwd, ""), (config.user_home, "~/")):
        if path.is_relative_to(base):
            return prefix + str(path.relative_to(base))
    return str(path)


def _terminal() -> str:
    try:
        return os.ttyname(sys.stdin.fileno()) if sys.stdin.isatty() else ""
    except (OSError, ValueError):
        return ""
