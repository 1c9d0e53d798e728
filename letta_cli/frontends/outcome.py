"""What a run came to, in one value that every non-interactive output is made from.

The promise to scripts: subtype, ``is_error`` and the exit code are derived from one another
here and nowhere else, so they cannot disagree, and a run that did nothing is an error.
"""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from letta_cli.core.errors import AgentError
from letta_cli.core.event import (
    AssistantMessage,
    Denial,
    Event,
    Notice,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    ToolReturned,
)
from letta_cli.core.exit_codes import FAILED, OK, of_run
from letta_cli.core.run import Usage

NOTHING_DONE = "The model answered nothing: no text and no tool call."
MOST_DENIALS = 3
CUT_OFF = "The run ended without a result."


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What an output says about the session it reports on.

    Attributes:
        model: a handle ``provider/model``.
        version: of this program.
        warnings: what the person may have meant and does not hold: settings that are ignored, a
            folder that is not trusted.
    """

    conversation_id: str
    agent_id: str
    model: str
    cwd: str = ""
    permission_mode: str = "default"
    tools: tuple[str, ...] = ()
    slash_commands: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    agent_name: str = ""
    version: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Outcome:
    """Gathers a run's events; complete once `RunFinished` or an error was seen.

    Attributes:
        model_seconds: time the model calls took, without the tools.
        error: told to the person; empty when all went well.
    """

    facts: SessionFacts
    clock: Callable[[], float] = time.monotonic
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    text: str = ""
    stop_reason: str | None = None
    error: str = ""
    error_code: str = ""
    exit_code: int = FAILED
    api_error_status: int | None = None
    denials: tuple[Denial, ...] = ()
    warnings: list[str] = field(default_factory=list[str])
    model_seconds: float = 0.0
    context_window: int | None = None
    _started: float = 0.0
    _step_started: float | None = None
    _acted: bool = False
    _finished: bool = False

    def __post_init__(self) -> None:
        self._started = self.clock()
        self.warnings += self.facts.warnings

    def see(self, event: Event) -> None:
        """Take in the next event of the run."""
        match event:
            case RunStarted():
                self.facts = _with_run(self.facts, event)
            case StepStarted():
                self._step_started = self.clock()
            case AssistantMessage():
                self._end_model_call()
                self._acted = self._acted or bool(event.text.strip() or event.tool_calls)
                self.text = event.text or self.text
            case ToolReturned():
                self._acted = True
            case StepFinished():
                self.steps = max(self.steps, event.step)
                self.usage = self.usage + event.usage
                self.context_window = event.context_window or self.context_window
            case Notice(kind="warning", text=text) if text not in self.warnings:
                self.warnings.append(text)
            case RunFinished():
                self._end_model_call()
                self._finish(event)
            case _:
                pass

    def fail(self, error: AgentError) -> None:
        """The run could not be started, or broke off with an error."""
        self._end_model_call()
        self._finished = True
        self.stop_reason, self.error, self.error_code = "error", str(error), error.code
        self.exit_code = error.exit_code or FAILED
        status = getattr(error, "status", None)
        self.api_error_status = status if isinstance(status, int) else None

    def close(self) -> None:
        """There are no more events. Without a `RunFinished` the run counts as failed."""
        if not self._finished:
            self.stop_reason, self.error, self.exit_code = "error", CUT_OFF, FAILED

    def _end_model_call(self) -> None:
        if self._step_started is not None:
            self.model_seconds += self.clock() - self._step_started
            self._step_started = None

    def _finish(self, event: RunFinished) -> None:
        self._finished = True
        self.stop_reason = event.stop_reason
        self.text = event.text or self.text
        self.usage, self.steps = event.usage, event.steps
        self.denials = event.denials
        self.error, self.error_code = event.error, event.error_code
        nothing_done = not (self._acted or event.text.strip())
        self.exit_code = event.exit_code or of_run(
            event.stop_reason, denied=bool(event.denials), nothing_done=nothing_done
        )
        if self.exit_code != OK and not self.error:
            self.error = explain(event, nothing_done=nothing_done)

    @property
    def is_error(self) -> bool:
        return self.exit_code != OK

    @property
    def subtype(self) -> str:
        if not self.is_error:
            return "success"
        if self.stop_reason == "max_steps":
            return "error_max_turns"
        if self.stop_reason == "max_budget":
            return "error_max_budget_usd"
        return "error_during_execution"

    def result(self) -> dict[str, Any]:
        """The result object, in the shape Claude Code prints."""
        seconds = self.clock() - self._started
        result: dict[str, Any] = {
            "type": "result",
            "subtype": self.subtype,
            "is_error": self.is_error,
            "num_turns": self.steps,
            "result": self.error if self.is_error and not self.text else self.text,
            "stop_reason": self.stop_reason,
            "duration_ms": round(seconds * 1000),
            "duration_api_ms": round(self.model_seconds * 1000),
            "total_cost_usd": self.usage.cost_usd,
            "usage": usage_dict(self.usage),
            "modelUsage": self._model_usage(),
            "permission_denials": [
                {
                    "tool_name": denial.call.name,
                    "tool_use_id": denial.call.id,
                    "tool_input": dict(denial.call.arguments),
                }
                for denial in self.denials
            ],
            "session_id": self.facts.conversation_id,
            "conversation_id": self.facts.conversation_id,
            "agent_id": self.facts.agent_id,
            "model": self.facts.model,
            "warnings": list(self.warnings),
            "exit_code": self.exit_code,
        }
        if self.is_error:
            result["errors"] = [self.error]
            result["error_code"] = self.error_code or self._error_code()
        if self.api_error_status is not None:
            result["api_error_status"] = self.api_error_status
        return result

    def _error_code(self) -> str:
        if self.stop_reason == "end_turn":
            return "denied" if self.denials else "nothing_done"
        return self.stop_reason or "error"

    def _model_usage(self) -> dict[str, Any]:
        if not self.steps or not self.facts.model:
            return {}
        return {
            self.facts.model: {
                "inputTokens": self.usage.input,
                "outputTokens": self.usage.output,
                "cacheReadInputTokens": self.usage.cache_read,
                "cacheCreationInputTokens": self.usage.cache_write,
                "costUSD": self.usage.cost_usd,
                "contextWindow": self.context_window,
            }
        }


def _with_run(facts: SessionFacts, event: RunStarted) -> SessionFacts:
    return replace(
        facts,
        conversation_id=event.conversation_id,
        agent_id=event.agent_id,
        model=event.model,
    )


def explain(event: RunFinished, *, nothing_done: bool) -> str:
    """Why the run did not simply end well, for a person."""
    match event.stop_reason:
        case "max_steps":
            calls = "model call" if event.steps == 1 else "model calls"
            return f"Stopped after {event.steps} {calls}, the most this run may make."
        case "max_budget":
            if not event.steps:
                return "Nothing was asked of the model: one call costs more than the whole budget."
            return "Stopped: what is left of this run's budget does not hold another model call."
        case "max_tokens":
            return "The answer was cut off: the model reached its output limit."
        case "cancelled":
            return "Interrupted."
        case "requires_approval":
            return "Stopped: a tool call needs a person's approval."
        case "refusal":
            return "The model refused to answer."
        case "error":
            return "The run failed."
        case "end_turn":
            if nothing_done:
                return NOTHING_DONE
            if event.denials:
                return explain_denials(event.denials)
            return "The run failed."


def explain_denials(denials: Sequence[Denial]) -> str:
    """What was refused and why, and the rules that would help where rules can."""
    told = dict.fromkeys(
        f"{denial.call.name}: {denial.decision.reason.strip()}" for denial in denials
    )
    shown = list(islice(told, MOST_DENIALS))
    if len(told) > len(shown):
        shown.append(f"And {len(told) - len(shown)} more.")
    rules = dict.fromkeys(rule for denial in denials for rule in denial.decision.remedy)
    # The flag's own list is split by parentheses, so a rule with half a pair cannot be given there.
    if rules and all(rule.count("(") == rule.count(")") for rule in rules):
        shown.append(f"To allow it: --allowedTools {shlex.quote(' '.join(rules))}")
    return f"Refused {' '.join(shown)}"


def usage_dict(usage: Usage) -> dict[str, int]:
    """Tokens under the names of the Anthropic Messages API."""
    return {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
    }


def error_result(error: AgentError, facts: SessionFacts | None = None) -> dict[str, Any]:
    """The result object for an error that came before there was a run, or a session."""
    outcome = Outcome(facts or SessionFacts(conversation_id="", agent_id="", model=""))
    outcome.fail(error)
    return outcome.result()
