"""A local HTTP server that speaks the wire formats of real model APIs, failures included.

A script is a list of replies, one for each model request in order; the path of the request
decides the format: ``/v1/messages`` (Anthropic), ``…/responses`` and ``…/chat/completions``
(OpenAI), ``/api/chat`` (Ollama)::

    with WireServer([Say("Hello"), Fail(429, retry_after="2"), Say(calls=[Call("Read", {…})])]) as server:
        …  # point a provider or the whole program at server.base_url
        assert server.requests[0].json["messages"] == …

It runs in a thread of its own on 127.0.0.1 and a free port, so it serves synchronous tests,
asynchronous tests and other processes alike.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A tool call. `raw` is sent in place of the arguments, also when it is no JSON."""

    name: str
    arguments: Json = field(default_factory=dict)
    id: str = ""
    raw: str | None = None

    @property
    def text(self) -> str:
        return json.dumps(self.arguments) if self.raw is None else self.raw


@dataclass(frozen=True)
class Say:
    """A streamed answer.

    Attributes:
        signature: what the provider wants back with the reasoning.
        redacted: further reasoning that cannot be read, as opaque text.
        stop: ``end``, ``length``, ``refusal``.
        usage: keys input, output, cache_read, cache_write, reasoning; None: the server counts
            nothing.
        cut: ``reset`` drops the connection in the middle of the last call or text, ``clean`` ends
            the stream there without its final event.
        error: after the content an error event with this code.
        garbage: after the content, bytes that are no event stream.
        first_delay, delay: seconds before the headers and before each event.
        piece: characters of text in one event.
    """

    text: str = ""
    reasoning: str = ""
    signature: str = "sig-1"
    redacted: str = ""
    calls: Sequence[Call] = ()
    stop: str = "end"
    usage: Json | None = field(default_factory=lambda: {"input": 100, "output": 20})
    cut: str = ""
    error: str = ""
    garbage: bytes = b""
    first_delay: float = 0.0
    delay: float = 0.0
    piece: int = 8


@dataclass(frozen=True)
class Fail:
    """An HTTP error in the format of the API."""

    status: int
    message: str = "it failed"
    code: str = ""
    retry_after: str = ""
    headers: Json = field(default_factory=dict)
    first_delay: float = 0.0


@dataclass(frozen=True)
class Raw:
    """Any answer, byte for byte."""

    body: bytes
    content_type: str = "text/event-stream"
    status: int = 200


Reply = Say | Fail | Raw


@dataclass(frozen=True)
class Received:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Json:
        return json.loads(self.raw) if self.raw else {}


class WireServer:
    """See the module.

    Args:
        script: replies in order, or a function from a request to its reply. Behind its end the
            server answers with status 500 and says so.
        pages: JSON answers for other paths, e.g. ``{"/v1/models": {"data": […]}}``; a callable
            value gets the request.

    Attributes:
        requests: model requests so far.
        others: all other requests.
        connections: how many connections were opened.
    """

    def __init__(
        self,
        script: Sequence[Reply] | Callable[[Received], Reply] = (),
        *,
        pages: Json | None = None,
    ) -> None:
        self._script = script
        self._pages = pages or {}
        self._next = 0
        self.requests: list[Received] = []
        self.others: list[Received] = []
        self.connections = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:PORT``; the OpenAI protocols live under ``/v1``."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "WireServer":
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the wire server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while await self._one_request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client hung up, or the test is over
        finally:
            writer.close()

    async def _one_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Serve one request; whether the connection may be used again."""
        line = await reader.readline()
        if not line:
            return False
        method, path, _ = line.decode().split()
        headers: dict[str, str] = {}
        while (line := (await reader.readline()).strip()) != b"":
            name, _, value = line.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Received(method, path, headers, raw)
        formats = (
            FORMATS.get(path.partition("?")[0].rpartition("/")[2]) if method == "POST" else None
        )
        if formats is None or path in self._pages:
            self.others.append(request)
            return await self._page(request, writer)
        self.requests.append(request)
        return await self._reply(self._pick(request), formats, writer)

    def _pick(self, request: Received) -> Reply:
        if callable(self._script):
            return self._script(request)
        self._next += 1
        if self._next > len(self._script):
            return Fail(500, f"the test's script has only {len(self._script)} replies")
        return self._script[self._next - 1]

    async def _page(self, request: Received, writer: asyncio.StreamWriter) -> bool:
        page = self._pages.get(request.path.partition("?")[0])
        if callable(page):
            page = page(request)
        body = json.dumps(page if page is not None else {"error": "no such page"}).encode()
        _head(writer, 404 if page is None else 200, "application/json", length=len(body))
        writer.write(body)
        await writer.drain()
        return True

    async def _reply(self, reply: Reply, formats: "Format", writer: asyncio.StreamWriter) -> bool:
        if isinstance(reply, Raw):
            _head(writer, reply.status, reply.content_type, length=len(reply.body))
            writer.write(reply.body)
            await writer.drain()
            return True
        await asyncio.sleep(reply.first_delay)
        if isinstance(reply, Fail):
            body = json.dumps(formats.failure(reply)).encode()
            extra = dict(reply.headers)
            if reply.retry_after:
                extra["retry-after"] = reply.retry_after
            _head(writer, reply.status, "application/json", length=len(body), extra=extra)
            writer.write(body)
            await writer.drain()
            return True
        return await _stream(reply, formats, writer)


@dataclass(frozen=True)
class Format:
    """How one API writes its events and errors."""

    events: Callable[[Say], Iterator[tuple[str, Json]]]
    failure: Callable[[Fail], Json]
    error_event: Callable[[str], tuple[str, Json]]
    final: frozenset[str]
    """Names of the events that a cut stream lacks."""
    named: bool = True
    done: bytes = b""
    lines: bool = False
    """A JSON line for each event, in place of server-sent events."""

    def encode(self, name: str, data: Json) -> bytes:
        text = json.dumps(data)
        if self.lines:
            return f"{text}\n".encode()
        return (f"event: {name}\n" if self.named else "").encode() + f"data: {text}\n\n".encode()


def _head(
    writer: asyncio.StreamWriter,
    status: int,
    content_type: str,
    *,
    length: int | None = None,
    extra: Json | None = None,
) -> None:
    lines = [f"HTTP/1.1 {status} Status", f"content-type: {content_type}"]
    lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
    lines += [f"{name}: {value}" for name, value in (extra or {}).items()]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())


async def _stream(say: Say, formats: Format, writer: asyncio.StreamWriter) -> bool:
    kind = "application/x-ndjson" if formats.lines else "text/event-stream; charset=utf-8"
    _head(writer, 200, kind)
    incomplete = bool(say.cut or say.error or say.garbage)
    events = list(formats.events(say))
    if incomplete:
        events = [event for event in events if event[0] not in formats.final]
    if say.cut and len(events) > 3:
        events = events[:-2]
    for name, data in events:
        await asyncio.sleep(say.delay)
        await _chunk(writer, formats.encode(name, data))
    if say.cut == "reset":
        writer.transport.abort()
        return False
    if say.garbage:
        await _chunk(writer, say.garbage)
    if say.error:
        await _chunk(writer, formats.encode(*formats.error_event(say.error)))
    elif formats.done and not incomplete:
        await _chunk(writer, formats.done)
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


async def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))
    await writer.drain()


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


# --- Anthropic Messages ---------------------------------------------------------------------


def _anthropic_events(say: Say) -> Iterator[tuple[str, Json]]:
    def event(kind: str, **fields: Any) -> tuple[str, Json]:
        return kind, {"type": kind, **fields}

    usage = say.usage or {}
    counts = {
        "input_tokens": usage.get("input", 0),
        "cache_read_input_tokens": usage.get("cache_read", 0),
        "cache_creation_input_tokens": usage.get("cache_write", 0),
        "output_tokens": 1,
    }
    yield event(
        "message_start",
        message={
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-test",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": counts,
        },
    )
    yield event("ping")
    index = 0

    def block(content: Json, deltas: list[Json]) -> Iterator[tuple[str, Json]]:
        nonlocal index
        yield event("content_block_start", index=index, content_block=content)
        for delta in deltas:
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
        index += 1

    if say.reasoning:
        deltas: list[Json] = [
            {"type": "thinking_delta", "thinking": piece}
            for piece in _pieces(say.reasoning, say.piece)
        ]
        deltas.append({"type": "signature_delta", "signature": say.signature})
        yield from block({"type": "thinking", "thinking": "", "signature": ""}, deltas)
    if say.redacted:
        yield from block({"type": "redacted_thinking", "data": say.redacted}, [])
    if say.text:
        yield from block(
            {"type": "text", "text": ""},
            [{"type": "text_delta", "text": piece} for piece in _pieces(say.text, say.piece)],
        )
    for number, call in enumerate(say.calls):
        yield from block(
            {
                "type": "tool_use",
                "id": call.id or f"toolu_{number}",
                "name": call.name,
                "input": {},
            },
            [
                {"type": "input_json_delta", "partial_json": piece}
                for piece in ["", *_pieces(call.text, say.piece)]
            ],
        )
    stop = {"length": "max_tokens", "refusal": "refusal"}.get(
        say.stop, "tool_use" if say.calls else "end_turn"
    )
    yield event(
        "message_delta",
        delta={"stop_reason": stop, "stop_sequence": None},
        usage={"output_tokens": usage.get("output", 0)},
    )
    yield event("message_stop")


def _anthropic_failure(fail: Fail) -> Json:
    kinds = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        529: "overloaded_error",
    }
    kind = fail.code or kinds.get(fail.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": fail.message}}


# --- OpenAI Chat Completions ----------------------------------------------------------------


def _chat_events(say: Say) -> Iterator[tuple[str, Json]]:
    def chunk(delta: Json, finish: str | None = None) -> Json:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "test",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }

    yield "delta", chunk({"role": "assistant", "content": ""})
    for piece in _pieces(say.reasoning, say.piece):
        yield "delta", chunk({"reasoning_content": piece})
    for piece in _pieces(say.text, say.piece):
        yield "delta", chunk({"content": piece})
    for number, call in enumerate(say.calls):
        head = {
            "index": number,
            "id": call.id or f"call_{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        yield "delta", chunk({"tool_calls": [head]})
        for piece in _pieces(call.text, say.piece):
            part = {"index": number, "function": {"arguments": piece}}
            yield "delta", chunk({"tool_calls": [part]})
    finish = {"length": "length", "refusal": "content_filter"}.get(
        say.stop, "tool_calls" if say.calls else "stop"
    )
    yield "finish", chunk({}, finish)
    if say.usage is not None:
        usage = say.usage
        cached, written = usage.get("cache_read", 0), usage.get("cache_write", 0)
        prompt = usage.get("input", 0) + cached + written
        counts: Json = {
            "prompt_tokens": prompt,
            "completion_tokens": usage.get("output", 0),
            "total_tokens": prompt + usage.get("output", 0),
            "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
            "completion_tokens_details": {"reasoning_tokens": usage.get("reasoning", 0)},
        }
        yield "usage", {**chunk({}), "choices": [], "usage": counts}


def _openai_failure(fail: Fail) -> Json:
    return {
        "error": {
            "message": fail.message,
            "type": "invalid_request_error" if fail.status < 500 else "server_error",
            "param": None,
            "code": fail.code or None,
        }
    }


def _chat_error_event(code: str) -> tuple[str, Json]:
    return "error", {"error": {"message": f"{code} in the stream", "type": code, "code": code}}


# --- OpenAI Responses -----------------------------------------------------------------------


def _responses_events(say: Say) -> Iterator[tuple[str, Json]]:
    sequence = 0

    def event(kind: str, **fields: Any) -> tuple[str, Json]:
        nonlocal sequence
        sequence += 1
        return kind, {"type": kind, "sequence_number": sequence, **fields}

    usage = say.usage or {}
    yield event("response.created", response={"id": "resp_1", "status": "in_progress"})
    output: list[Json] = []
    if say.reasoning or say.redacted:
        summary = [{"type": "summary_text", "text": say.reasoning}] if say.reasoning else []
        item: Json = {
            "id": "rs_1",
            "type": "reasoning",
            "summary": summary,
            "encrypted_content": say.redacted or say.signature,
            "status": None,
        }
        position = len(output)
        yield event(
            "response.output_item.added", output_index=position, item={**item, "summary": []}
        )
        for piece in _pieces(say.reasoning, say.piece):
            yield event(
                "response.reasoning_summary_text.delta",
                output_index=position,
                item_id="rs_1",
                summary_index=0,
                delta=piece,
            )
        yield event("response.output_item.done", output_index=position, item=item)
        output.append(item)
    if say.text:
        position = len(output)
        content = [{"type": "output_text", "text": say.text, "annotations": []}]
        item = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": content,
        }
        yield event(
            "response.output_item.added", output_index=position, item={**item, "content": []}
        )
        for piece in _pieces(say.text, say.piece):
            yield event(
                "response.output_text.delta",
                output_index=position,
                item_id="msg_1",
                content_index=0,
                delta=piece,
            )
        yield event("response.output_item.done", output_index=position, item=item)
        output.append(item)
    for number, call in enumerate(say.calls):
        position = len(output)
        item = {
            "id": f"fc_{number}",
            "type": "function_call",
            "status": "completed",
            "call_id": call.id or f"call_{number}",
            "name": call.name,
            "arguments": call.text,
        }
        yield event(
            "response.output_item.added", output_index=position, item={**item, "arguments": ""}
        )
        for piece in _pieces(call.text, say.piece):
            yield event(
                "response.function_call_arguments.delta",
                output_index=position,
                item_id=item["id"],
                delta=piece,
            )
        yield event("response.output_item.done", output_index=position, item=item)
        output.append(item)
    cached, written = usage.get("cache_read", 0), usage.get("cache_write", 0)
    response: Json = {
        "id": "resp_1",
        "status": "completed",
        "output": output,
        "usage": {
            "input_tokens": usage.get("input", 0) + cached + written,
            "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
            "output_tokens": usage.get("output", 0),
            "output_tokens_details": {"reasoning_tokens": usage.get("reasoning", 0)},
        },
    }
    if say.stop in ("length", "refusal"):
        reason = "max_output_tokens" if say.stop == "length" else "content_filter"
        response |= {"status": "incomplete", "incomplete_details": {"reason": reason}}
        yield event("response.incomplete", response=response)
    else:
        yield event("response.completed", response=response)


def _responses_error_event(code: str) -> tuple[str, Json]:
    error = {"code": code, "message": f"{code} in the stream"}
    return "response.failed", {
        "type": "response.failed",
        "sequence_number": 99,
        "response": {"id": "resp_1", "status": "failed", "error": error},
    }


# --- Ollama's own chat ----------------------------------------------------------------------


def _ollama_events(say: Say) -> Iterator[tuple[str, Json]]:
    def line(**message: Any) -> tuple[str, Json]:
        fields = {"role": "assistant", "content": "", **message}
        return "line", {"model": "test", "message": fields, "done": False}

    for piece in _pieces(say.reasoning, say.piece):
        yield line(thinking=piece)
    for piece in _pieces(say.text, say.piece):
        yield line(content=piece)
    for call in say.calls:
        yield line(tool_calls=[{"function": {"name": call.name, "arguments": call.arguments}}])
    usage = say.usage or {}
    yield (
        "done",
        {
            "model": "test",
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": "length" if say.stop == "length" else "stop",
            "prompt_eval_count": usage.get("input", 0),
            "eval_count": usage.get("output", 0),
        },
    )


FORMATS: dict[str, Format] = {
    "chat": Format(
        _ollama_events,
        lambda fail: {"error": fail.message},
        lambda code: ("error", {"error": f"{code} in the stream"}),
        frozenset({"done"}),
        lines=True,
    ),
    "messages": Format(
        _anthropic_events,
        _anthropic_failure,
        lambda code: (
            "error",
            {"type": "error", "error": {"type": code, "message": f"{code} in the stream"}},
        ),
        frozenset({"message_delta", "message_stop"}),
    ),
    "completions": Format(
        _chat_events,
        _openai_failure,
        _chat_error_event,
        frozenset({"finish", "usage"}),
        named=False,
        done=b"data: [DONE]\n\n",
    ),
    "responses": Format(
        _responses_events,
        _openai_failure,
        _responses_error_event,
        frozenset({"response.completed", "response.incomplete"}),
    ),
}
