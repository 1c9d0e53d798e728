"""What a run tells: one typed stream, read by every frontend. Stored before it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from letta_cli.core.message import Message, ToolCall, ToolReturn
from letta_cli.core.permission import Decision
from letta_cli.core.run import StopReason, Usage

CompactionTrigger = Literal["manual", "auto", "overflow"]
"""A person asked for it; the window was nearly full; the provider refused a request as too long."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    run_id: str
    conversation_id: str
    agent_id: str
    model: str


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Other sessions had continued the conversation; this is what they added, oldest first."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class StepStarted:
    step: int
    """Counts from 1 within the run."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    index: int
    call_id: str
    name: str
    fragment: str


@dataclass(frozen=True, slots=True)
class ModelProgress:
    """The model's server works before the first word."""

    text: str


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """The model's message is complete and stored: its whole text, and its reasoning."""

    message_id: str
    seq: int
    text: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...]
    usage: Usage | None = None
    """What this model call took; None when it was cut off."""


@dataclass(frozen=True, slots=True)
class ToolCallReady:
    call: ToolCall
    title: str
    """One line for people, e.g. ``Bash(pytest -q)``."""


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """The run waits for `inbox.answer(request_id, …)`."""

    request_id: str
    call: ToolCall
    title: str
    decision: Decision
    preview: Mapping[str, Any] | None
    """A `core.tool.Display` of what would happen: the diff of an edit, the command."""


@dataclass(frozen=True, slots=True)
class ToolProgress:
    call_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolReturned:
    result: ToolReturn
    seconds: float


@dataclass(frozen=True, slots=True)
class MemoryChanged:
    """This run edited a block."""

    label: str
    version: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Notice:
    """The program tells person and model something; the stored text is in the thread.

    Attributes:
        kind: ``memory`` (another session changed a block), ``recovered`` (a run had died),
            ``radar`` (another session works in the same files), ``steer`` (the person's words
            in mid-run); for the person only: ``outcome`` (what a command came to), ``warning``,
            ``info``.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Compacted:
    """A summary stands for the older part of the window now; it is stored.

    Attributes:
        usage: what writing the summary cost.
        summary_seq: of the summary's message.
        first_seq, last_seq: the messages that went out of the window.
        failure: why the model could not write the notes; then the program made an extract.
    """

    trigger: CompactionTrigger
    before_tokens: int
    after_tokens: int
    usage: Usage = field(default_factory=Usage)
    summary_seq: int = 0
    first_seq: int = 0
    last_seq: int = 0
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Retrying:
    attempt: int
    max_attempts: int
    wait_seconds: float
    code: str
    message: str
    status: int | None


@dataclass(frozen=True, slots=True)
class StepFinished:
    step: int
    usage: Usage
    context_tokens: int
    context_window: int | None


@dataclass(frozen=True, slots=True)
class Denial:
    """A call that was refused without a person's word, and why."""

    call: ToolCall
    decision: Decision


@dataclass(frozen=True, slots=True)
class RunFinished:
    """Attributes:
    text: the last text of the model.
    error_code: `AgentError.code` when `stop_reason` is ``error``.
    denials: what was refused because nobody could be asked, or by rule.
    """

    stop_reason: StopReason
    text: str
    usage: Usage
    steps: int
    error: str = ""
    error_code: str = ""
    exit_code: int = 0
    denials: tuple[Denial, ...] = ()


Event = (
    RunStarted
    | CaughtUp
    | StepStarted
    | TextDelta
    | ReasoningDelta
    | ToolCallDelta
    | ModelProgress
    | AssistantMessage
    | ToolCallReady
    | ApprovalRequested
    | ToolProgress
    | ToolReturned
    | MemoryChanged
    | Notice
    | Compacted
    | Retrying
    | StepFinished
    | RunFinished
)
