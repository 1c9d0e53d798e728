"""Small histories in the forms that other programs write, made for these tests."""

import json
from pathlib import Path
from typing import Any

CWD = "/srv/shop"


def write(path: Path, *entries: dict[str, Any] | str) -> Path:
    """A file of JSON lines; a text is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [each if isinstance(each, str) else json.dumps(each) for each in entries]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def append(path: Path, *entries: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.writelines(f"{json.dumps(each)}\n" for each in entries)


class Claude:
    """Writes as Claude Code does: a line for each block, each naming the one before."""

    def __init__(self, session: str = "5f0c7f0e-0000-4000-8000-000000000001") -> None:
        self.session = session
        self.last: str | None = None
        self.count = 0

    def line(self, kind: str, message: dict[str, Any], **more: Any) -> dict[str, Any]:
        self.count += 1
        uuid = f"u{self.count}-{self.session[-4:]}"
        made = {
            "parentUuid": self.last, "isSidechain": False, "userType": "external", "cwd": CWD,
            "sessionId": self.session, "version": "2.1.9", "gitBranch": "main", "type": kind,
            "message": message, "uuid": uuid,
            "timestamp": f"2026-03-04T10:{self.count // 60:02}:{self.count % 60:02}.000Z", **more,
        }  # fmt: skip
        self.last = uuid
        return made

    def user(self, text: str, **more: Any) -> dict[str, Any]:
        return self.line("user", {"role": "user", "content": text}, **more)

    def says(self, *blocks: dict[str, Any], id_: str = "") -> dict[str, Any]:
        message = {
            "id": id_ or f"msg_{self.count}", "type": "message", "role": "assistant",
            "model": "claude-sonnet-4-5", "content": list(blocks), "stop_reason": None,
            "usage": {"input_tokens": 5, "output_tokens": 7},
        }  # fmt: skip
        return self.line("assistant", message)

    def result(self, call: str, content: Any, **more: Any) -> dict[str, Any]:
        block = {"type": "tool_result", "tool_use_id": call, "content": content, **more}
        return self.line("user", {"role": "user", "content": [block]}, toolUseResult={"x": 1})


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def thinking(words: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": "c2ln"}


def use(call: str, name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call, "name": name, "input": arguments}


def codex_line(kind: str, second: int = 0, **payload: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-05-06T07:00:{second:02}.000Z", "type": kind, "payload": payload}


def codex_item(second: int = 0, **item: Any) -> dict[str, Any]:
    return codex_line("response_item", second, **item)


def codex_session() -> list[dict[str, Any]]:
    """A session with a call of each kind."""
    shell = json.dumps({"command": ["bash", "-lc", "pytest -q"]})
    failed = json.dumps({"output": "1 failed", "metadata": {"exit_code": 1}})
    return [
        codex_line("session_meta", 0, id="0198-codex", timestamp="2026-05-06T07:00:00Z", cwd=CWD,
                   originator="codex_cli_rs", cli_version="0.60.1", instructions=None, git={"branch": "main"}),
        codex_item(1, type="message", role="developer", content=[{"type": "input_text", "text": "Be terse."}]),
        codex_item(1, type="message", role="user", content=[
            {"type": "input_text", "text": "<environment_context>\n<cwd>/srv/shop</cwd>\n</environment_context>"}]),
        codex_line("turn_context", 1, cwd=CWD, approval_policy="on-request", model="gpt-5.1-codex"),
        codex_item(2, type="message", role="user", content=[{"type": "input_text", "text": "Why does the basket test fail?"}]),
        codex_line("event_msg", 2, type="user_message", message="Why does the basket test fail?"),
        codex_item(3, type="reasoning", summary=[{"type": "summary_text", "text": "Run it first"}], encrypted_content="gAAA"),
        codex_item(4, type="function_call", name="shell", arguments=shell, call_id="call_1"),
        codex_item(4, type="web_search_call", id="ws_1", status="completed", action={"type": "search", "query": "pytest rounding"}),
        codex_item(5, type="function_call_output", call_id="call_1", output=failed),
        codex_item(6, type="custom_tool_call", status="completed", call_id="call_2", name="apply_patch", input="*** Begin Patch"),
        codex_item(7, type="custom_tool_call_output", call_id="call_2", output="Success"),
        codex_item(8, type="message", role="assistant", content=[{"type": "output_text", "text": "The discount was rounded twice."}]),
        codex_line("event_msg", 8, type="token_count", info=None),
    ]  # fmt: skip


def pi_session() -> list[dict[str, Any]]:
    """A session with a compaction that keeps the last exchange, and a branch."""

    def entry(
        second: int, id_: str, parent: str | None, kind: str = "message", **more: Any
    ) -> dict[str, Any]:
        return {
            "type": kind,
            "id": id_,
            "parentId": parent,
            "timestamp": f"2026-06-07T08:00:{second:02}.000Z",
            **more,
        }

    def said(role: str, *blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"role": role, "content": list(blocks), "timestamp": 1780819200000, **more}

    call = {
        "type": "toolCall",
        "id": "call_9|fc_77",
        "name": "bash",
        "arguments": {"command": "ls"},
    }
    return [
        {"type": "session", "version": 3, "id": "pi-1", "timestamp": "2026-06-07T08:00:00.000Z", "cwd": CWD},
        entry(1, "a", None, "model_change", provider="anthropic", modelId="claude-opus-4-5"),
        entry(2, "b", "a", message=said("user", text("List the invoices"))),
        entry(3, "c", "b", message=said("assistant", {"type": "thinking", "thinking": "ls"}, call, model="claude-opus-4-5", stopReason="toolUse")),
        entry(4, "d", "c", message={"role": "toolResult", "toolCallId": "call_9|fc_77", "toolName": "bash", "content": [text("invoice-7.txt")], "isError": False, "timestamp": 1}),
        entry(5, "e", "d", message=said("assistant", text("There is invoice 7."), stopReason="stop")),
        entry(6, "f", "e", message=said("user", text("And who pays it?"))),
        entry(7, "g", "f", message=said("assistant", text("The firm Norden pays."), stopReason="stop")),
        entry(8, "h", "g", "compaction", summary="Invoice 7 is paid by Norden.", firstKeptEntryId="f", tokensBefore=50000),
        entry(9, "i", "e", message=said("user", text("Then archive it"))),
        entry(10, "j", "i", message={"role": "bashExecution", "command": "mv invoice-7.txt old/", "output": "", "exitCode": 0, "timestamp": 1}),
        entry(11, "k", "j", "session_info", name="The invoices"),
    ]  # fmt: skip
