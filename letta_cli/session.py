"""A person's open conversation: what every frontend calls, whatever screen it has."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from letta_cli.agent.attaching import with_files
from letta_cli.agent.budget import ContextMeter, warnings_about, window_of
from letta_cli.agent.compaction import compact
from letta_cli.agent.context import ContextView, view_turn
from letta_cli.agent.foreseen import Foreseen
from letta_cli.agent.holding import holding
from letta_cli.agent.inbox import Inbox
from letta_cli.agent.initialising import SKILL as INIT_SKILL
from letta_cli.agent.initialising import fill, project_block, survey_project, task
from letta_cli.agent.loop import run
from letta_cli.agent.occasions import introduction_after
from letta_cli.agent.own_command import run_own
from letta_cli.agent.own_work import Bench
from letta_cli.agent.parts import Model, SessionParts
from letta_cli.agent.provenance import UNTRUSTED_FOLDER, source_at
from letta_cli.agent.pulse import Pulse
from letta_cli.agent.radar import Radar, recall_files
from letta_cli.agent.reply_filter import masked_parts
from letta_cli.agent.rewind import PastTurn, past_turns, plan_files, restore_files, thread_before
from letta_cli.agent.thread import Thread
from letta_cli.agent.turn import Turn
from letta_cli.agent.undo import UndoJournal
from letta_cli.core.agent import Conversation
from letta_cli.core.errors import StoreError
from letta_cli.core.event import (
    ApprovalRequested,
    CaughtUp,
    Compacted,
    Event,
    Notice,
    RunFinished,
    RunStarted,
    ToolCallReady,
)
from letta_cli.core.message import Message, Part, Text
from letta_cli.core.permission import Answer, PermissionMode
from letta_cli.core.provider import ModelInfo, Offer
from letta_cli.core.run import Usage
from letta_cli.core.skill import Skill
from letta_cli.skills import body_of
from letta_cli.workspace.undo import Plan, Restored


class Session:
    """One open terminal or client on one conversation of the agent.

    One run at a time: `send`, `invoke_skill` and `compact` are generators of events that hold
    the conversation's lease while they run; `steer`, `answer` and `cancel` reach into them.
    """

    def __init__(self, parts: SessionParts) -> None:
        self._parts = parts
        self.store = parts.store
        self.agent = parts.agent
        self.workspace = parts.workspace
        self.notes = parts.notes
        self.warnings = parts.warnings
        self.usage = Usage()
        self._handle = parts.handle
        self._thread = Thread(parts.store, parts.conversation.id)
        self._meter = self._fresh_meter()
        self._foreseen = Foreseen(parts.compile_prompt)
        self._inbox: Inbox | None = None
        self._pulse = Pulse(parts.store, parts.workspace, self._thread, parts.terminal)
        self.session_id = self._pulse.session_id
        self._radar = Radar(parts.store, parts.workspace, self.session_id)
        self._undo = UndoJournal(parts.store, parts.workspace)
        recall_files(self.store, self.workspace, self.conversation)
        self._warned: set[str] = set()
        self._added: list[Message] = []
        self._own_runs: set[str] = set()
        self._model = parts.loading
        self._pulse.start(self._look_around)

    # What a frontend shows.

    @property
    def conversation(self) -> Conversation:
        return self._thread.conversation

    @property
    def model(self) -> str:
        """The model's handle."""
        return self._handle

    @property
    def info(self) -> ModelInfo:
        """What is known of the model; little until it has been loaded."""
        model = self._loaded()
        return model.info if model else ModelInfo(self._handle)

    @property
    def skills(self) -> Sequence[Skill]:
        """Those that can be used now."""
        self._parts.shelf.refresh()
        return self._parts.shelf.skills

    @property
    def mode(self) -> PermissionMode:
        return self._parts.policy.mode

    @property
    def running(self) -> bool:
        return self._inbox is not None

    @property
    def badge(self) -> str:
        """One line on another session that works in the same files; empty when there is none."""
        return self._radar.badge

    @property
    def context_tokens(self) -> int:
        """Tokens that the next request would take."""
        return self._meter.tokens(
            lambda: self._foreseen.tokens(self.conversation, self._loaded()), self._thread.messages
        )

    @property
    def context_window(self) -> int:
        return window_of(self.info)

    # What a person does.

    def send(self, text: str) -> AsyncIterator[Event]:
        """Say something; the events of the run that answers it. Files named ``@path`` go along.

        Raises (at the first event):
            Busy: another session is using the conversation; says who.
            AgentError: the model cannot be loaded.
        """
        return self._begin(text)

    async def shell(self, command: str) -> AsyncGenerator[Event, None]:
        """Run the person's own command; the model reads of it with what is said next.

        Raises:
            Busy: another session is using the conversation; says who.
            UsageError: there is no command, or it cannot be started.
        """
        self._inbox = inbox = Inbox()
        try:
            async with self._leased():
                for event in self._news():
                    yield event
                masker = self._parts.masker
                async for event in run_own(command, self.workspace, self._thread, inbox, masker):
                    yield event
        finally:
            self._inbox = None

    def invoke_skill(self, name: str, arguments: str) -> AsyncIterator[Event]:
        """Send the body of the skill `name`, as ``/name arguments`` does.

        Raises:
            NotFound: no such skill.
        """
        return self._begin(body_of(self.skills, name, arguments), skill=name)

    async def initialise(self, focus: str = "") -> AsyncGenerator[Event, None]:
        """Fill the memory block of this project; the events say what became of it.

        Raises:
            NotFound: there are no files here.
            UsageError: the conversation belongs to another project.
            AgentError: the model cannot be loaded.
        """
        conversation = self.conversation
        survey = await asyncio.to_thread(survey_project, self.workspace, conversation)
        run = None
        if not (await self._ready()).info.small:
            block = project_block(self.store, conversation)
            text = task(body_of(self.skills, INIT_SKILL, focus), survey, block)
            run = self._begin(text, skill=INIT_SKILL)
        folder = self._parts.untrusted_folder
        source = f"{UNTRUSTED_FOLDER} {folder}" if folder else ""
        async for event in fill(self.store, conversation, survey, run, source):
            yield event

    def steer(self, text: str) -> None:
        """Say something before the model's next step. Needs a run."""
        if self._inbox is not None:
            self._inbox.steer(self._parts.masker.mask(text))

    def answer(self, request_id: str, answer: Answer) -> None:
        if self._inbox is not None:
            self._inbox.answer(request_id, answer)
            self._pulse.show("running", self._pulse.activity)

    def cancel(self) -> None:
        """Interrupt the run; what it did so far is kept."""
        if self._inbox is not None:
            self._inbox.cancel()

    async def compact(self, focus: str = "") -> AsyncGenerator[Event, None]:
        """Summarise the older part of the window now.

        Raises:
            Busy: another session is using the conversation.
        """
        self._inbox = Inbox()
        try:
            async with self._leased():
                turn = self._turn(await self._ready(), self._inbox)
                for event in self._news():
                    yield event
                async for event in compact(turn, "manual", focus):
                    if isinstance(event, Compacted):
                        self.usage += event.usage
                    self._notice(event)
                    yield event
                    for told in introduction_after(self._parts.occasions, event):
                        yield told
        finally:
            self._inbox = None

    async def aside(
        self, work: Callable[[Bench], AsyncGenerator[Event, None]]
    ) -> AsyncGenerator[Event, None]:
        """Let the agent work on its own memory for a while, apart from this conversation.

        Raises:
            AgentError: the model cannot be loaded, and what `work` raises.
        """
        self._inbox = inbox = Inbox()
        handle = self._parts.reflection.model
        try:
            model = await (self._load(handle) if handle else self._ready())
            self._pulse.show("running", "looking back")
            async with contextlib.aclosing(work(self._bench(model, inbox))) as events:
                async for event in events:
                    if isinstance(event, RunFinished):
                        self.usage += event.usage
                    yield event
        finally:
            self._inbox = None
            self._pulse.show("idle", "")

    async def context(self) -> ContextView:
        """What the next step would be sent, part by part.

        Raises:
            AgentError: the model cannot be loaded.
        """
        return view_turn(self._turn(await self._ready(), Inbox()))

    def recover(self) -> list[str]:
        """Settle a run that was cut short, if nobody is using the conversation now.

        Returns:
            A line for the person for each run with something to tell.
        """
        conversation_id = self.conversation.id
        # What goes wrong here, or is in use, the next run will tell.
        with contextlib.suppress(StoreError):
            if self.store.runs.is_open(conversation_id):
                with self.store.leases.acquire(conversation_id):
                    lines = self.store.runs.recover(conversation_id)
                self._thread.refresh()
                return lines
        return []

    def set_mode(self, mode: PermissionMode) -> None:
        self._parts.policy.mode = mode

    async def set_model(self, handle: str) -> None:
        """Change this conversation's model.

        Raises:
            AgentError: it cannot be loaded; the old one stays.
        """
        model = await self._parts.load_model(handle)
        self.store.conversations.set_model(self.conversation.id, handle)
        self._handle = handle
        self._model = asyncio.create_task(_ready_made(model))
        self._added += self._thread.refresh()
        self._meter = ContextMeter()

    async def switch(self, conversation_id: str) -> None:
        """Leave this conversation and open another one, with its own model, in this terminal."""
        self._thread = Thread(self.store, conversation_id)
        self._added.clear()
        handle = self.conversation.model
        if handle and handle != self._handle:
            self._handle = handle
            self._model = asyncio.create_task(self._load(handle))
        self._meter = self._fresh_meter()
        recall_files(self.store, self.workspace, self.conversation)
        self._pulse.follow(self._thread)

    async def new(self) -> None:
        """Leave this conversation and open a fresh one here."""
        await self.switch(self._create().id)

    async def fork(self) -> None:
        """Go on in a copy of this conversation; the original stays as it is."""
        await self.switch(self.store.conversations.fork(self.conversation.id).id)

    def past_turns(self) -> list[PastTurn]:
        """What the person said in this conversation, oldest first."""
        return past_turns(self.store, self.conversation.id)

    def plan_rewind(self, turn: PastTurn) -> Plan:
        """What going back to before `turn` would do to files now."""
        return plan_files(self.store, self.workspace.blobs, self.conversation.id, turn)

    def rewind_files(self, plan: Plan) -> Restored:
        """Restore what can be restored, and tell the model.

        Raises:
            Busy: another session is using the conversation.
        """
        blobs, conversation = self.workspace.blobs, self.conversation
        with self.store.leases.acquire(conversation.id):
            done = restore_files(self.store, blobs, conversation, plan.of("restorable", "done"))
        self._thread.refresh()
        return done

    async def rewind_thread(self, turn: PastTurn) -> None:
        """Go on in a copy of this conversation that ends before `turn`."""
        await self.switch(thread_before(self.store, self.conversation, turn).id)

    async def offers(self) -> list[Offer]:
        """What every provider that can be used here offers now."""
        return await self._parts.list_offers(self._handle)

    async def tool_names(self) -> tuple[str, ...]:
        """The tools that the model is offered; waits until the model is loaded.

        Raises:
            AgentError: it cannot be loaded.
        """
        return tuple((await self._ready()).tools)

    async def aclose(self) -> None:
        """End the session. A running run has been closed by then."""
        self._pulse.stop()
        self._model.cancel()
        self._undo.close()
        self.workspace.close()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await (await self._model).provider.aclose()

    # How it is done.

    def _loaded(self) -> Model | None:
        """The model, when it is ready by now."""
        if not self._model.done() or self._model.cancelled() or self._model.exception():
            return None
        return self._model.result()

    def _begin(self, text: str, *, skill: str = "") -> AsyncGenerator[Event, None]:
        # The inbox is there before the first event is asked for: an early interrupt is heard.
        self._inbox = Inbox()
        return self._run(text, self._inbox, skill)

    async def _run(self, text: str, inbox: Inbox, skill: str) -> AsyncGenerator[Event, None]:
        try:
            async with self._leased():
                model = await self._ready()
                for warning in self._new_warnings(model.info):
                    yield Notice("warning", warning)
                recovered = self.store.runs.recover(self.conversation.id)
                self._added += self._thread.refresh()
                for event in self._news():
                    yield event
                for line in recovered:
                    yield Notice("recovered", line)
                turn = self._turn(model, inbox, skill)
                parts: tuple[Part, ...] = (Text(text),)
                if not skill:
                    parts, notices = with_files(
                        text, self.workspace, turn.policy, lambda path: source_at(turn, path)
                    )
                    for notice in notices:
                        yield notice
                parts = masked_parts(parts, self._parts.masker)
                self._pulse.show("running", "thinking")
                async with contextlib.aclosing(run(turn, parts)) as events:
                    async for event in events:
                        self._observe(event)
                        for told in introduction_after(self._parts.occasions, event):
                            yield told
                        yield event
        finally:
            self._inbox = None
            self._pulse.show("idle", "")

    def _news(self) -> list[Event]:
        """What other sessions added to the conversation; told once."""
        added = tuple(each for each in self._added if each.run_id not in self._own_runs)
        self._added.clear()
        return [CaughtUp(added)] if added else []

    def _new_warnings(self, info: ModelInfo) -> list[str]:
        """What the person should know of the model, each said once a session."""
        found = warnings_about(info, budget=self._parts.limits.max_budget_usd is not None)
        new = [warning for warning in found if warning not in self._warned]
        self._warned.update(new)
        return new

    def _turn(self, model: Model, inbox: Inbox, skill: str = "") -> Turn:
        parts = self._parts
        return Turn(
            agent=self.agent,
            thread=self._thread,
            store=self.store,
            provider=model.provider,
            model=model.handle,
            info=model.info,
            tools=model.tools,
            refresh_tools=model.tools.refresh,
            workspace=self.workspace,
            shelf=parts.shelf,
            policy=parts.policy,
            limits=parts.limits,
            inbox=inbox,
            meter=self._meter,
            compile_prompt=lambda: parts.compile_prompt(self.conversation, model.info.small),
            effort=parts.effort,
            trusted=parts.trusted,
            untrusted_folder=parts.untrusted_folder,
            untrusted_folder_at=parts.untrusted_folder_at,
            radar=self._radar,
            undo=self._undo,
            masker=parts.masker,
            skill=skill,
        )

    def _bench(self, model: Model, inbox: Inbox) -> Bench:
        parts = self._parts
        return Bench(
            self.store, self.agent, model.handle, model.provider, model.info, self.workspace,
            parts.policy.rules(), parts.limits, parts.reflection, inbox,
            parts.masker,
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def _leased(self) -> AsyncGenerator[None]:
        """Hold the conversation; wait for it as long as the session was told to."""
        parts, thread = self._parts, self._thread
        wait, advice = parts.wait_seconds, parts.busy_advice
        async with holding(self.store, thread, self._inbox, wait_seconds=wait, advice=advice):
            self._added += thread.refresh()
            yield

    async def _load(self, handle: str) -> Model:
        return await self._parts.load_model(handle)

    async def _ready(self) -> Model:
        """The loaded model; tried again when loading failed before."""
        if self._model.done() and (self._model.cancelled() or self._model.exception()):
            self._model = asyncio.create_task(self._load(self._handle))
        return await asyncio.shield(self._model)

    def _create(self) -> Conversation:
        return self.store.conversations.create(
            self.agent.id, cwd=str(self.workspace.cwd), project=self.workspace.project
        )

    def _fresh_meter(self) -> ContextMeter:
        conversation = self._thread.conversation
        known, seq = self.store.runs.last_context(conversation.id)
        return ContextMeter(known, seq)

    def _observe(self, event: Event) -> None:
        match event:
            case RunStarted(run_id=run_id):
                self._own_runs.add(run_id)
            case ToolCallReady(title=title):
                self._pulse.show("running", title)
            case ApprovalRequested(title=title):
                self._pulse.show("waiting", title)
            case RunFinished(usage=usage):
                self.usage += usage
            case _:
                pass
        self._notice(event)

    def _look_around(self) -> None:
        with contextlib.suppress(StoreError):
            self._radar.look()
        self._notice(None)

    def _notice(self, event: Event | None) -> None:
        """Let the background begin what is due; it must not end the work here."""
        if self._parts.occasions is not None:
            with contextlib.suppress(StoreError, OSError):
                self._parts.occasions.look(event, "" if self.info.small else self._handle)


async def _ready_made(model: Model) -> Model:
    return model
