"""The JSON outputs: shapes of Claude Code, and no way to report success for a failure."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from scripted_runs import CALL, FACTS, answering, calling, play

from letta_cli.core.errors import AgentError, AuthError, Busy, Overloaded
from letta_cli.core.event import Compacted, Denial, Event, Notice, Retrying
from letta_cli.core.permission import Decision
from letta_cli.frontends import json_result, stream_json
from letta_cli.frontends.outcome import error_result


async def result_of(
    events: Sequence[Event], error: AgentError | None = None
) -> tuple[int, dict[str, Any]]:
    out = io.StringIO()
    code = await json_result.render(play(events, error), out, FACTS)
    assert out.getvalue().count("\n") == 1
    return code, json.loads(out.getvalue())


async def lines_of(
    events: Sequence[Event], *, partial: bool = False
) -> tuple[int, list[dict[str, Any]]]:
    out = io.StringIO()
    code = await stream_json.render(play(events), out, FACTS, include_partial_messages=partial)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


async def test_a_success_has_every_field_of_the_result_object() -> None:
    code, result = await result_of(answering())
    assert code == 0
    assert result.pop("duration_ms") >= result.pop("duration_api_ms") >= 0
    assert result == {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "num_turns": 1,
        "result": "All done.",
        "stop_reason": "end_turn",
        "total_cost_usd": 0.25,
        "usage": {
            "input_tokens": 100,
            "output_tokens": 20,
            "cache_read_input_tokens": 50,
            "cache_creation_input_tokens": 5,
        },
        "modelUsage": {
            "scripted/m": {
                "inputTokens": 100,
                "outputTokens": 20,
                "cacheReadInputTokens": 50,
                "cacheCreationInputTokens": 5,
                "costUSD": 0.25,
                "contextWindow": 1000,
            }
        },
        "permission_denials": [],
        "session_id": "conv-1",
        "conversation_id": "conv-1",
        "agent_id": "agent-1",
        "model": "scripted/m",
        "warnings": [],
        "exit_code": 0,
    }


@pytest.mark.parametrize(
    ("changes", "subtype", "expected"),
    [
        ({"stop_reason": "max_steps", "exit_code": 53}, "error_max_turns", 53),
        ({"stop_reason": "max_steps"}, "error_max_turns", 53),
        ({"stop_reason": "max_budget"}, "error_max_budget_usd", 54),
        ({"stop_reason": "cancelled"}, "error_during_execution", 130),
        ({"stop_reason": "error", "error": "boom", "exit_code": 75}, "error_during_execution", 75),
        ({"stop_reason": "error", "error": "boom"}, "error_during_execution", 1),
        (
            {"denials": (Denial(CALL, Decision("ask", "No rule allows it.")),)},
            "error_during_execution",
            55,
        ),
    ],
)
async def test_subtype_is_error_and_exit_code_agree(
    changes: dict[str, Any], subtype: str, expected: int
) -> None:
    code, result = await result_of(answering(**changes))
    assert (code, result["exit_code"]) == (expected, expected)
    assert result["subtype"] == subtype
    assert result["is_error"] is True
    assert result["errors"][0]


async def test_a_run_that_did_nothing_is_an_error() -> None:
    code, result = await result_of(answering(""))
    assert code == 1
    assert result["is_error"] is True
    assert "nothing" in result["result"]
    assert result["error_code"] == "nothing_done"


async def test_a_run_with_tool_calls_but_no_last_text_is_not_nothing() -> None:
    code, result = await result_of(calling(text=""))
    assert code == 0
    assert result["num_turns"] == 2


async def test_events_that_stop_without_an_end_are_an_error() -> None:
    code, result = await result_of(answering()[:-1])
    assert code == 1
    assert result["is_error"] is True
    assert result["usage"]["output_tokens"] == 20


async def test_an_error_in_mid_run_becomes_the_result() -> None:
    error = Overloaded("The provider is overloaded.", status=529)
    code, result = await result_of(answering("")[:2], error)
    assert code == 75
    assert result["subtype"] == "error_during_execution"
    assert result["result"] == "The provider is overloaded."
    assert result["api_error_status"] == 529
    assert result["error_code"] == "overloaded"


def test_an_error_before_a_session_has_the_same_shape() -> None:
    result = error_result(Busy("In use by pid 12."))
    assert (result["exit_code"], result["is_error"]) == (75, True)
    assert result["errors"] == ["In use by pid 12."]
    assert result["modelUsage"] == {}
    assert error_result(AuthError("no key"), FACTS)["agent_id"] == "agent-1"


async def test_denied_calls_are_listed_with_their_input() -> None:
    _, result = await result_of(
        calling(
            "denied",
            "Refused",
            denials=(Denial(CALL, Decision("ask", "No rule allows it.")),),
            exit_code=55,
        )
    )
    assert result["permission_denials"] == [
        {"tool_name": "Bash", "tool_use_id": "call-1", "tool_input": {"command": "rm -rf build"}}
    ]


async def test_the_stream_begins_with_init_and_ends_with_the_result() -> None:
    code, lines = await lines_of(calling("denied", "Refused: a rule", exit_code=55))
    assert code == 55
    assert [(line["type"], line.get("subtype")) for line in lines] == [
        ("system", "init"),
        ("assistant", None),
        ("user", None),
        ("system", "permission_denied"),
        ("assistant", None),
        ("result", "error_during_execution"),
    ]
    assert lines[0]["tools"] == ["Read", "Bash"]
    assert {line["session_id"] for line in lines} == {"conv-1"}
    assert len({line["uuid"] for line in lines}) == len(lines)
    assert lines[1]["message"]["content"] == [
        {"type": "thinking", "thinking": "thinking", "signature": ""},
        {"type": "tool_use", "id": "call-1", "name": "Bash", "input": {"command": "rm -rf build"}},
    ]
    assert lines[1]["message"]["usage"]["input_tokens"] == 100
    assert lines[2]["message"]["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "call-1",
            "content": "Refused: a rule",
            "is_error": True,
        }
    ]


async def test_retries_compaction_and_notices_are_system_lines() -> None:
    events = [
        Retrying(2, 10, 1.5, "overloaded", "Overloaded", 529),
        Compacted("overflow", 900, 100),
        Notice("memory", "human changed"),
        Notice("steer", "also the tests"),
        *answering(),
    ]
    _, lines = await lines_of(events)
    retry, boundary, notice, steer = lines[1:5]
    assert (retry["attempt"], retry["max_retries"], retry["retry_delay_ms"]) == (2, 10, 1500)
    assert (retry["error_status"], retry["error"]) == (529, "overloaded")
    assert boundary["compact_metadata"] == {
        "trigger": "auto",
        "pre_tokens": 900,
        "post_tokens": 100,
    }
    assert (notice["subtype"], notice["kind"]) == ("notice", "memory")
    assert steer["message"]["content"] == [{"type": "text", "text": "also the tests"}]


async def test_partial_messages_form_one_well_formed_raw_stream() -> None:
    _, lines = await lines_of(answering("Hi"), partial=True)
    raw = [line["event"] for line in lines if line["type"] == "stream_event"]
    assert [event["type"] for event in raw] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert raw[2]["delta"] == {"type": "text_delta", "text": "Hi"}
    _, silent = await lines_of(answering("Hi"))
    assert not [line for line in silent if line["type"] == "stream_event"]


async def test_text_that_no_encoding_knows_is_still_valid_ascii_json() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    await json_result.render(play(answering("naïve \ud800 ☃ \u2028")), out, FACTS)
    raw = out.buffer.getvalue() if isinstance(out.buffer, io.BytesIO) else b""
    assert json.loads(raw)["result"] == "naïve \ud800 ☃ \u2028"
