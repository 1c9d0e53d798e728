"""Between the words of Chat Completions and those of Ollama's own chat API.

Ollama speaks Chat Completions too, but there the context length cannot be said, and its default
is a few thousand tokens: it then drops the beginning of the prompt without a word. Its own API
takes the length, and refuses what does not fit when asked to.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from letta_cli.providers.shapes import as_object, as_rows

Json = Mapping[str, Any]

_OPTIONS = {"temperature": "temperature", "max_tokens": "num_predict"}


def body_to_ollama(body: Json) -> dict[str, Any]:
    """A Chat Completions body as one for ``/api/chat``. ``options`` and ``think`` pass as given."""
    options = dict(as_object(body.get("options")))
    options |= {theirs: body[ours] for ours, theirs in _OPTIONS.items() if ours in body}
    native: dict[str, Any] = {
        "model": body["model"],
        "messages": _messages(as_rows(body["messages"])),
        "stream": True,
        "truncate": False,
        "shift": False,
        "options": options,
    }
    if body.get("tools"):
        native["tools"] = body["tools"]
    schema = as_object(as_object(body.get("response_format")).get("json_schema")).get("schema")
    if schema is not None:
        native["format"] = schema
    if "think" in body:
        native["think"] = body["think"]
    return native


def event_from_ollama(event: Json) -> dict[str, Any]:
    """One line of the answer as a chunk of Chat Completions."""
    if event.get("error"):
        return dict(event)
    message = as_object(event.get("message"))
    delta: dict[str, Any] = {
        "content": message.get("content"),
        "reasoning": message.get("thinking"),
        "tool_calls": [
            {"function": as_object(call.get("function"))}
            for call in as_rows(message.get("tool_calls"))
        ],
    }
    if not event.get("done"):
        return {"choices": [{"index": 0, "delta": delta}]}
    reason = str(event.get("done_reason") or "stop")
    return {
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": event.get("prompt_eval_count"),
            "completion_tokens": event.get("eval_count"),
        },
    }


def _messages(wire: list[Json]) -> list[dict[str, Any]]:
    names: dict[str, str] = {}
    native: list[dict[str, Any]] = []
    for entry in wire:
        message: dict[str, Any] = {"role": entry["role"], **_content(entry.get("content"))}
        calls = as_rows(entry.get("tool_calls"))
        if calls:
            message["tool_calls"] = [_call(call) for call in calls]
            names |= {str(call["id"]): str(call["function"]["name"]) for call in calls}
        if entry.get("reasoning"):
            message["thinking"] = entry["reasoning"]
        if "tool_call_id" in entry:
            message["tool_call_id"] = entry["tool_call_id"]
            message["tool_name"] = names.get(str(entry["tool_call_id"]), "")
        native.append(message)
    return native


def _content(content: Any) -> dict[str, Any]:
    if not isinstance(content, list):
        return {"content": content or ""}
    rows = as_rows(cast("object", content))
    images = [
        str(as_object(row.get("image_url")).get("url") or "").rpartition(",")[2]
        for row in rows
        if row.get("type") == "image_url"
    ]
    texts = [str(row.get("text") or "") for row in rows if row.get("type") == "text"]
    return {"content": "\n\n".join(texts), "images": images}


def _call(call: Json) -> dict[str, Any]:
    function = as_object(call.get("function"))
    return {
        "id": call.get("id"),
        "function": {
            "name": function.get("name"),
            "arguments": json.loads(str(function.get("arguments") or "{}")),
        },
    }
