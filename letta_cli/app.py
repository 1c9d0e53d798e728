"""The composition root: the only module that names concrete stores, providers and tools."""

import asyncio
import os
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from letta_cli.agent.budget import ContextMeter, window_of
from letta_cli.agent.choosing import (
    SessionOptions,
    existing_conversation,
    isolate,
    open_conversation,
)
from letta_cli.agent.compiling import PromptCompiler
from letta_cli.agent.confining import hold_back, once_confined
from letta_cli.agent.context import ContextView, unheard, view_context
from letta_cli.agent.inbox import Inbox
from letta_cli.agent.occasions import Occasions
from letta_cli.agent.own_work import Bench
from letta_cli.agent.parts import Model, SessionParts
from letta_cli.agent.policy import SessionPolicy
from letta_cli.agent.reflection_news import news_of
from letta_cli.agent.shelf import Shelf
from letta_cli.agent.turn import Limits
from letta_cli.agent.undo import UndoJournal
from letta_cli.config import Config, load_config
from letta_cli.config.environment import INSIDE
from letta_cli.config.trust import printable
from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import AgentError, ConfigError, NoModelConfigured, UsageError
from letta_cli.core.need import Boundary
from letta_cli.core.permission import Rule, Rules
from letta_cli.core.provider import ModelInfo, Offer, Provider
from letta_cli.core.secret import Masker
from letta_cli.core.skill import Skill
from letta_cli.core.tool import ToolSpec
from letta_cli.permissions import anchored, check_examples, dead_rules, parse_rule
from letta_cli.providers import load, split_handle
from letta_cli.providers.embedding import choose_embedder
from letta_cli.session import Session
from letta_cli.skills import discover, skill_places
from letta_cli.store import Store, open_store
from letta_cli.tools import Toolbox, all_tools
from letta_cli.workspace.git_config import GitPrograms, programs_of
from letta_cli.workspace.instructions import Instructions, find_instructions
from letta_cli.workspace.repository import Repository, find_repository
from letta_cli.workspace.workspace import Workspace

_BUSY_IN_CHAT = "Or go on in a copy with /fork, or open a fresh conversation with /new."
_BUSY_IN_SCRIPT = (
    "Or wait for it with --wait SECONDS, go on in a copy with --fork, or open a new one."
)


def open_store_of(config: Config) -> Store:
    """The store that the configuration names."""
    return open_store(config.database_url)


def attach_embedder(config: Config, store: Store) -> None:
    """Let searches compare meanings, too, with the model that the configuration asks for."""
    try:
        store.vectors.embedder = choose_embedder(config.embedding, config.provider)
    except ConfigError as error:
        # Words are found without it; who looks for meaning is told.
        store.vectors.problem = str(error)


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
    policy = session_policy(config, options, _git_rules(config, workspace))
    chosen = existing_conversation(store, agent, workspace, options)
    handle = _handle(config, agent, chosen)
    store.blocks.ensure_project(agent.id, workspace.project)
    for label in options.isolate:
        store.blocks.find(agent.id, label, project=chosen.project if chosen else workspace.project)
    conversation = open_conversation(store, agent, workspace, options, chosen)
    isolate(store, conversation, options.isolate)
    hold_back(workspace, policy.rules(), config.user_home)
    prepare = once_confined(workspace, partial(load_model, config, store=store, agent=agent))
    loading = asyncio.ensure_future(prepare(handle))
    await asyncio.sleep(0)  # lets the SDK's import begin in its thread, while the rest is read
    attach_embedder(config, store)
    store.touches.prune()
    compiler = _compiler(config, store, agent, workspace)
    skills = list(compiler.shelf.skills)
    known_tools = all_tools(omni_memory=config.omni_memory, documents=True)
    policy.readable = _readable(config, skills)
    dead = dead_rules(policy.rules(), known_tools, cwd=workspace.cwd, home=config.user_home)
    warnings = (*config.warnings, *config.trust.warnings(), *dead)
    news = news_of(store, agent.id) if options.interactive else []
    parts = SessionParts(
        store=store,
        agent=agent,
        conversation=conversation,
        workspace=workspace,
        shelf=compiler.shelf,
        policy=policy,
        limits=_limits(config, options),
        effort=config.effort,
        handle=handle,
        loading=loading,
        load_model=prepare,
        list_offers=partial(list_offers, config),
        compile_prompt=compiler.compile,
        terminal=_terminal(),
        wait_seconds=options.wait_seconds,
        notes=(*warnings, *_notes(config, compiler.instructions, skills), *news),
        warnings=warnings,
        untrusted_folder=_untrusted_folder(config),
        untrusted_folder_at=untrusted_folder_at,
        trusted=config.trust.digest("instructions", "skill"),
        masker=Masker(config.known_secrets),
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
    model = await load_model(config, handle or _handle(config, agent, None), store, agent)
    return Bench(
        store=store,
        agent=agent,
        handle=model.handle,
        provider=model.provider,
        info=model.info,
        workspace=_workspace(config),
        rules=session_rules(config),
        limits=_limits(config, SessionOptions(interactive=False)),
        settings=config.reflection,
        inbox=Inbox(),
        masker=Masker(config.known_secrets),
    )


def untrusted_folder_at(directory: str) -> str:
    """The folder at or above `directory` that brings what the person did not trust, or nothing.

    A folder whose files cannot be judged counts as one.
    """
    if not Path(directory).is_dir():
        return ""
    try:
        config = load_config(cwd=Path(directory), secrets=False, on_broken=lambda _trouble: None)
        repository = find_repository(config.cwd)
        _git_trusted(config, repository)
        root = repository.root if repository else None
        _instructions(config, root)
        _skills(config, root)
        return _untrusted_folder(config)
    except AgentError:
        return printable(directory)


def _untrusted_folder(config: Config) -> str:
    return printable(str(config.trust.root)) if config.trust.left_out else ""


def _occasions(
    config: Config, options: SessionOptions, store: Store, agent: Agent
) -> Occasions | None:
    settings, begin = config.reflection, options.reflect_later
    wanted = settings.occasions and (options.interactive or settings.headless)
    if begin is None or not wanted:
        return None
    chosen = any(
        origin != "default"
        for key, origin in config.origins.items()
        if key.startswith("reflection.")
    )
    return Occasions(
        store.reflections,
        agent.id,
        settings,
        partial(begin, agent.id),
        # Who has set when or with what it happens knows of it.
        introduce=options.interactive and not chosen,
    )


async def load_model(config: Config, handle: str, store: Store, agent: Agent) -> Model:
    """Make `handle` ready to be called, with the tools that suit its size and the agent."""
    name, model = split_handle(handle)
    provider: Provider = load(name, config.provider(name))
    await provider.warm()
    info = await provider.model_info(model)
    if info.small:
        from letta_cli.providers.small import ChatDoor, SmallModelProvider

        if isinstance(provider, ChatDoor):
            provider = SmallModelProvider(provider)
    tools = _tools_for(config, info, store, agent)
    return Model(handle, provider, info, tools)


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
    tools = _tools_for(config, info, store, agent)
    return view_context(
        prompt=prompt,
        tools=[tool.spec for tool in tools.values()],
        messages=messages,
        window=info.context_window,
        assumed_window=window_of(info),
        counted=meter.tokens(int, messages) if meter.is_measured else 0,
        news=unheard(store, conversation),
    )


def _tools_for(config: Config, info: ModelInfo, store: Store, agent: Agent) -> Toolbox:
    """A model of the small profile has its own shorter list, of the single tools."""
    tools = all_tools(
        omni_memory=config.omni_memory and not info.small,
        documents=True,
        confined=config.sandbox.enabled and not info.small,
    )
    if info.small:
        from letta_cli.providers.small import ALL_SMALL_TOOLS

        tools = {tool: tools[tool] for tool in ALL_SMALL_TOOLS}
    return Toolbox(tools, partial(store.files.any, agent.id))


async def list_offers(config: Config, handle: str) -> list[Offer]:
    """What every provider that can be used offers now, that of `handle` first."""
    from letta_cli.providers.offers import all_offers

    current, _ = split_handle(handle)
    return await all_offers(config.providers, config.provider, always=(current,))


def _compiler(config: Config, store: Store, agent: Agent, workspace: Workspace) -> PromptCompiler:
    root = workspace.git_root
    find = partial(_skills, config, root)
    shelf = Shelf(find(), find, _skill_folders(config, root))
    instructions = _instructions(config, root)
    return PromptCompiler(store, agent, workspace, instructions, shelf, config.omni_memory)


def _instructions(config: Config, root: Path | None) -> Instructions:
    """The person's instructions, and those of the folder that are trusted."""
    return find_instructions(
        config.cwd.resolve(),
        root,
        config.user_home,
        agent_home=config.home,
        accept=config.trust.of("instructions"),
    )


def _skills(config: Config, root: Path | None) -> list[Skill]:
    """The person's skills, and those of the folder that are trusted."""
    return discover(
        cwd=config.cwd.resolve(),
        project_root=root,
        home=config.home,
        user_home=config.user_home,
        accept=config.trust.of("skill"),
    )


def _skill_folders(config: Config, root: Path | None) -> list[Path]:
    found = skill_places(
        cwd=config.cwd.resolve(),
        project_root=root,
        home=config.home,
        user_home=config.user_home,
    )
    return [path for path, _ in found]


def _git_trusted(config: Config, repository: Repository | None) -> bool:
    """Whether git may run what the repository itself configures."""
    runs = programs_of(repository) if repository else GitPrograms()
    if not runs or repository is None:
        return True
    return config.trust.accepts("git", repository.common_dir, runs.digest, runs.size)


def settle_commands(store: Store, directory: str) -> None:
    """Write down what commands did in a directory whose agent was killed in the middle."""
    with suppress(AgentError):
        cwd = Path(directory)
        config = load_config(cwd=cwd, secrets=False, on_broken=lambda _trouble: None)
        UndoJournal(store, _workspace(config)).close()


def _workspace(config: Config) -> Workspace:
    trusted = _git_trusted(config, find_repository(config.cwd))
    workspace = Workspace(
        config.cwd,
        overflow_dir=config.home / "output",
        environment={**config.environment, INSIDE: "1"},
        git_hooks=trusted,
        bash_timeout_ms=config.bash_timeout_ms,
        bash_max_timeout_ms=config.bash_max_timeout_ms,
        bash_max_output=config.bash_max_output,
        secrets=config.secrets,
        masker=Masker(config.known_secrets),
        agent_home=config.home,
    )
    if config.sandbox.enabled:
        from letta_cli.workspace.confined import confine_commands

        workspace.shell.confined = confine_commands(
            config.cwd,
            environment=config.environment,
            home=config.user_home,
            agent_home=config.home,
            grants=config.sandbox.grants,
            auto_allow=config.sandbox.auto_allow,
            roots=config.directories,
        )
    return workspace


def boundary_of(config: Config, rules: Rules) -> Boundary | None:
    """What would confine commands here, by a trial just now; None when nothing is to."""
    workspace = _workspace(config)
    hold_back(workspace, rules, config.user_home)
    if workspace.shell.confined is not None:
        workspace.shell.confined.trial.outcome()
    return workspace.boundary()


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


def _git_rules(config: Config, workspace: Workspace) -> tuple[Rule, ...]:
    """Every git command is asked for where it may run what a stranger configured.

    Hooks and file system monitors alone need no question: they are switched off, see `_workspace`.
    """
    left_out = any(item.kind == "git" for item in config.trust.left_out.values())
    if not left_out or workspace.git_programs().only_hooks:
        return ()
    return (parse_rule("Bash(git:*)", "the folder's git configuration, which is not trusted"),)


def session_policy(
    config: Config, options: SessionOptions, ask: tuple[Rule, ...] = ()
) -> SessionPolicy:
    """The rules of all settings files and of the command line, as they are judged.

    Args:
        ask: more rules, for what is asked about in this folder.

    Raises:
        ConfigError: a rule is not about what its examples say.
        UsageError: a text on the command line is no rule.
    """
    known = session_rules(config, options.allowed_tools, options.disallowed_tools)
    rules = Rules(known.allow, known.ask + ask, known.deny)
    check_examples(rules, cwd=config.cwd, home=config.user_home)
    return SessionPolicy(
        rules, config.mode, interactive=options.interactive, roots=config.directories
    )


def session_rules(
    config: Config, allowed: tuple[str, ...] = (), disallowed: tuple[str, ...] = ()
) -> Rules:
    """The rules of all settings files, and those of the command line."""
    return Rules(
        _anchored(config.rules.allow) + _flag_rules(allowed, "--allowedTools"),
        _anchored(config.rules.ask),
        _anchored(config.rules.deny) + _flag_rules(disallowed, "--disallowedTools"),
    )


def is_tool(name: str) -> bool:
    """Whether calls of this name can be judged: one of ours, or of an MCP server."""
    return name in all_tools() or name in all_tools(omni_memory=True) or name.startswith("mcp__")


def call_spec(name: str) -> ToolSpec:
    """The specification of a tool, as far as a judgement needs it."""
    known = {**all_tools(), **all_tools(omni_memory=True)}
    return known[name].spec if name in known else ToolSpec(name, "", {}, "execute")


def _readable(config: Config, skills: list[Skill]) -> tuple[Path, ...]:
    """Folders that tools may read unasked: long outputs of tools, and the skills'."""
    return (config.home / "output", *(skill.path.parent for skill in skills))


def _anchored(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules of settings files as they are judged: their paths begin where the file lies."""
    return tuple(anchored(rule) for rule in rules)


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
