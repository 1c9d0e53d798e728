"""Settles the tool calls of one step: checked, permitted, run, each with exactly one return."""

import hashlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from letta_cli.agent.reply_filter import masked_call
from letta_cli.agent.tool_run import context_of, run_together
from letta_cli.agent.turn import Turn
from letta_cli.core.event import ApprovalRequested, Denial, Event, ToolReturned
from letta_cli.core.ids import new_id
from letta_cli.core.message import ToolCall, ToolReturn
from letta_cli.core.permission import Decision
from letta_cli.permissions import decide, unreadable
from letta_cli.tools import Tool, check_arguments

NOBODY_AGREES = (
    "Nobody is here to agree to the plan, so nothing is changed. Give the plan as your answer."
)
NOT_RUN = "Not run: the person interrupted."


@dataclass(slots=True)
class Settled:
    """What the calls of a step came to.

    Attributes:
        denied: refused without a person's word.
        stopped: the person said no without a word to the model: the run ends.
    """

    returns: dict[str, ToolReturn] = field(default_factory=dict[str, ToolReturn])
    denied: list[Denial] = field(default_factory=list[Denial])
    stopped: bool = False

    def in_order(self, calls: Sequence[ToolCall]) -> list[ToolReturn]:
        """One return for each call, in the order of the calls."""
        return [
            self.returns.get(call.id) or ToolReturn(call.id, call.name, "cancelled", NOT_RUN)
            for call in calls
        ]


async def settle_calls(
    turn: Turn, run_id: str, calls: Sequence[ToolCall], settled: Settled
) -> AsyncGenerator[Event, None]:
    """Run `calls`: neighbours that only read together, all others one after the other.

    The outcome of each call is in the journal before it is told. An interrupt cancels what
    runs and leaves the rest undone; `settled` then still has a return for every call.
    """
    try:
        async for event in _settle(turn, run_id, calls, settled):
            yield event
    finally:
        turn.workspace.files.release()


async def _settle(
    turn: Turn, run_id: str, calls: Sequence[ToolCall], settled: Settled
) -> AsyncGenerator[Event, None]:
    group: list[ToolCall] = []
    for call in calls:
        if turn.inbox.cancelled or settled.stopped:
            break
        refusal = _refusal(turn, call)
        if refusal is not None:
            turn.store.runs.finish_call(refusal, run_id=run_id)
            settled.returns[call.id] = refusal
            yield ToolReturned(refusal, 0.0)
            continue
        tool = turn.tools[call.name]
        if group and not tool.spec.concurrent:
            async for event in run_together(turn, run_id, group, settled.returns):
                yield event
            group = []
        async for event in _permit(turn, run_id, call, tool, settled):
            yield event
        if call.id in settled.returns or settled.stopped or turn.inbox.cancelled:
            continue
        group.append(call)
        if not tool.spec.concurrent:
            async for event in run_together(turn, run_id, group, settled.returns):
                yield event
            group = []
    if group and not turn.inbox.cancelled:
        async for event in run_together(turn, run_id, group, settled.returns):
            yield event


def _refusal(turn: Turn, call: ToolCall) -> ToolReturn | None:
    """Why this call cannot be run at all, told so that the model can mend it."""
    if call.name not in turn.tools:
        text = f"There is no tool {call.name!r}. Tools: {', '.join(turn.tools)}."
    elif call.malformed is not None:
        text = (
            f"The arguments of {call.name} were not a JSON object, so nothing was run. "
            f"Received: {call.malformed[:200]!r}. Send the call again."
        )
    else:
        complaint = check_arguments(turn.tools[call.name].spec, call.arguments)
        if complaint is None:
            return None
        text = complaint
    return ToolReturn(call.id, call.name, "error", turn.masker.mask(text))


async def _permit(
    turn: Turn, run_id: str, call: ToolCall, tool: Tool, settled: Settled
) -> AsyncGenerator[Event, None]:
    """Let the call pass, or put a ``denied`` return into `settled`."""
    workspace, policy = turn.workspace, turn.policy
    decision = decide(
        call,
        tool.spec,
        rules=policy.rules(),
        mode=policy.mode,
        cwd=workspace.cwd,
        roots=(workspace.git_root or workspace.cwd, *policy.roots),
        readable=policy.readable,
        neighbours=turn.radar.names_in_tree() if turn.radar and call.name == "Bash" else (),
        boundary=workspace.boundary(),
        secrets=workspace.shell.secret_names,
    )
    named = call.arguments.get("file_path") or call.arguments.get("path")
    if decision.path is not None and isinstance(named, str) and call.name != "Glob":
        # The tool opens what was judged, wherever links lead by then.
        workspace.files.pin(named, decision.path)
    if call.name == "Grep":
        workspace.search.hides = unreadable(policy.rules(), workspace.cwd)
    if decision.verdict == "allow":
        return
    if tool.spec.kind == "plan" and not policy.interactive:
        yield _finish(turn, run_id, ToolReturn(call.id, call.name, "ok", NOBODY_AGREES), settled)
        return
    if decision.verdict == "deny" or not turn.policy.interactive:
        told = replace(decision, reason=turn.masker.mask(decision.reason))
        settled.denied.append(Denial(masked_call(call, turn.masker), told))
        yield _deny(turn, run_id, call, settled, _refused_text(decision))
        return
    request_id = new_id("request")
    turn.inbox.expect(request_id)
    preview = tool.preview(call.arguments, context_of(turn, run_id, call))
    shown = None if preview is None else turn.masker.mask_all(dict(preview))
    told = masked_call(call, turn.masker)
    yield ApprovalRequested(request_id, told, tool.title(told.arguments), decision, shown)
    answer = await turn.inbox.wait_for_answer(request_id)
    if answer is None:
        return
    if answer.allow:
        turn.store.runs.mark_call(
            call.id,
            "approved",
            arguments_sha256=arguments_sha256(call.arguments),
            run_id=run_id,
        )
        for rule in decision.remedy if answer.remember else ():
            policy.remember(rule)
        if tool.spec.kind == "plan":
            policy.mode = "default"
        return
    said = f" They said: {answer.message}" if answer.message else ""
    settled.stopped = not answer.message
    yield _deny(turn, run_id, call, settled, f"The person refused this call.{said}")


def _refused_text(decision: Decision) -> str:
    if decision.verdict == "deny":
        return f"Refused: {decision.reason} Do not try to get round it; go on without it."
    return (
        f"Refused: {decision.reason} This needs a person's approval and nobody is here to give "
        "it. Go on without it and say what was left undone."
    )


def _deny(turn: Turn, run_id: str, call: ToolCall, settled: Settled, text: str) -> ToolReturned:
    refused = ToolReturn(call.id, call.name, "denied", turn.masker.mask(text))
    return _finish(turn, run_id, refused, settled)


def _finish(turn: Turn, run_id: str, result: ToolReturn, settled: Settled) -> ToolReturned:
    """Settle a call without running it."""
    turn.store.runs.finish_call(result, run_id=run_id)
    settled.returns[result.call_id] = result
    return ToolReturned(result, 0.0)


def arguments_sha256(arguments: Mapping[str, Any]) -> str:
    """A hash of the exact arguments that were shown and approved."""
    return hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()
