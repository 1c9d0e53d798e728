"""From what SDKs, servers and sockets say to the errors of the core. The one place for it.

Works on the shape of an exception (status, headers, body, name) and imports no SDK, so every
provider shares it. Messages name the provider, the model and what to do; they never hold a key.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from letta_cli.core.errors import (
    AuthError,
    BadRequest,
    ConnectionFailed,
    ContextOverflow,
    ModelNotFound,
    Overloaded,
    ProviderError,
    RateLimited,
    ServerError,
    StreamCut,
    Timeout,
    Unreachable,
)
from letta_cli.core.provider import Delta

_MAX_DETAIL = 400

_KEY_VARIABLES = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openai-compatible": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
}

_SECRET = re.compile(r"\b(?:sk|key|pk|rk)-[A-Za-z0-9_*.-]{6,}|Bearer\s+\S+")

_LOGIN = re.compile(r"(?<=://)[^/@]*@")

_OVERFLOW = re.compile(
    r"context[ _](?:length|window|size|limit)|prompt is too long|input is too long"
    r"|maximum (?:context|prompt|input)|too many (?:input )?tokens|max_model_len"
    r"|exceed_context_size|reduce the length of the (?:messages|prompt|input)"
    r"|context the overflows|(?:prompt|input|request).{0,40}exceeds? .{0,40}tokens",
    re.IGNORECASE,
)

_TRY_AGAIN = re.compile(
    r"try again in\s+(?:(?P<h>\d+)h)?\s*(?:(?P<m>\d+)m(?!s))?\s*(?:(?P<n>[\d.]+)\s*(?P<u>ms|s))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Where:
    """Whom we asked, for the message.

    Attributes:
        label: the provider's name for people, e.g. ``Anthropic``.
        secret: the key in use, so that it can be struck out of a server's words.
    """

    provider: str
    label: str
    base_url: str = ""
    model: str = ""
    secret: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        """The name, with the address where it is not the provider's own; no password in it."""
        if not self.base_url:
            return self.label
        return f"{self.label} at {_LOGIN.sub('', self.base_url)}"

    @property
    def inline(self) -> str:
        """`place` as it stands within a sentence."""
        place = self.place
        return f"the {place.removeprefix('The ')}" if place.startswith("The ") else place

    def clean(self, text: str) -> str:
        """`text` on one line, shortened, without anything that looks like a key."""
        if len(self.secret) >= 6:
            text = text.replace(self.secret, "…")
        text = " ".join(_SECRET.sub("…", text).split())
        return text if len(text) <= _MAX_DETAIL else text[:_MAX_DETAIL] + "…"


def parse_retry_after(headers: Mapping[str, str], message: str = "") -> float | None:
    """Seconds the server asks us to wait, or None.

    Read from ``retry-after-ms``, ``retry-after`` (seconds or an HTTP date), else from a
    "try again in 1m20s" in the message. Any length is believed; the caller decides whether it
    waits that long.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None:
        return seconds
    if value:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            moment = None
        if moment is not None:
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    found = _TRY_AGAIN.search(message)
    if found is None or not any(found.group("h", "m", "n")):
        return None
    amount = float(found["n"].rstrip(".") or 0) if found["n"] else 0.0
    amount = amount / 1000 if found["u"] == "ms" else amount
    return int(found["h"] or 0) * 3600 + int(found["m"] or 0) * 60 + amount


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < 10**9 else None


def from_status(
    status: int,
    message: str,
    where: Where,
    *,
    code: str = "",
    headers: Mapping[str, str] | None = None,
) -> ProviderError:
    """The error for an HTTP answer. `code` is the server's own word, e.g. ``overloaded_error``."""
    told = where.clean(message)
    detail = f": {told}" if told else "."
    wait = parse_retry_after(headers or {}, message)
    if code in _NO_CREDIT or status == 402:
        return BadRequest(
            f"{where.place} says the account has no credit left{detail} "
            "Top it up, or choose another model with --model.",
            status=status,
        )
    if code == "model_not_found" or status == 404:
        return ModelNotFound(_unknown_model(where, status, told), status=status)
    if status in (401, 403):
        return AuthError(_refused_key(where, status, told), status=status)
    if status == 413 or (400 <= status < 500 and _is_overflow(code, message)):
        return ContextOverflow(
            f"The request is too long for {where.model or 'the model'}{detail}", status=status
        )
    if status == 429 and "request too large" in message.lower():
        # More tokens than the account may send in a minute: waiting does not make it smaller.
        return ContextOverflow(
            f"The request is larger than {where.place} allows this account{detail}", status=status
        )
    if status == 429:
        return RateLimited(
            f"{where.place} is limiting requests (HTTP 429){detail}",
            status=status,
            retry_after=wait,
        )
    if status in (503, 529):
        return Overloaded(
            f"{where.place} is overloaded (HTTP {status}){detail}", status=status, retry_after=wait
        )
    if status == 408:
        return Timeout(
            f"{where.place} gave up waiting (HTTP 408){detail}", status=status, retry_after=wait
        )
    if status >= 500:
        return ServerError(
            f"{where.place} failed (HTTP {status}){detail}", status=status, retry_after=wait
        )
    return BadRequest(f"{where.place} refused the request (HTTP {status}){detail}", status=status)


_NO_CREDIT = frozenset({"insufficient_quota", "billing_error", "billing_hard_limit_reached"})


def _is_overflow(code: str, message: str) -> bool:
    return bool(_OVERFLOW.search(code) or _OVERFLOW.search(message))


def _refused_key(where: Where, status: int, told: str) -> str:
    variable = _KEY_VARIABLES.get(where.provider)
    remedy = (
        f"Set {variable} to a valid key, or store one with: agent config set-key {where.provider}"
        if variable
        else "Set the key this server expects in the settings."
    )
    meaning = "the key" if status == 401 else "access with this key"
    return f"{where.place} refused {meaning} (HTTP {status}). {remedy}" + (
        f" It said: {told}" if told else ""
    )


def _unknown_model(where: Where, status: int, told: str) -> str:
    name = f"the model {where.model!r}" if where.model else "the address"
    lines = [f"{where.place} does not know {name} (HTTP {status})."]
    if where.provider == "ollama" and where.model:
        lines.append(f"Fetch it with `ollama pull {where.model}`, or see `agent models`.")
    elif where.base_url:
        lines.append("See `agent models`, and check the base URL: it usually ends in /v1.")
    else:
        lines.append("`agent models` lists what it offers.")
    if told:
        lines.append(f"It said: {told}")
    return " ".join(lines)


_EVENT_STATUS = {
    "overloaded_error": 529,
    "overloaded": 529,
    "service_unavailable": 503,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "rate_limit": 429,
    "too_many_requests": 429,
    "tokens": 429,
    "requests": 429,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "context_length_exceeded": 400,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "bad_request": 400,
    "timeout_error": 408,
    "timeout": 408,
    "insufficient_quota": 402,
    "billing_error": 402,
}


def from_event(code: str, message: str, where: Where) -> ProviderError:
    """The error for an error event in the middle of a stream, where the HTTP status was 200.

    An unknown code counts as a failure of the server, so that it is tried again.
    """
    status = _EVENT_STATUS.get(code) or int(_number(code) or 0)
    if 400 <= status < 600:
        return from_status(status, message, where, code=code)
    if _is_overflow(code, message):
        return from_status(400, message, where, code=code)
    told = where.clean(message) or code
    return ServerError(f"{where.place} broke off the answer: {told}")


def from_body(body: Mapping[str, Any], where: Where) -> ProviderError:
    """The error for an answer with status 200 that holds an ``error``."""
    code, message = _code_and_message(body)
    return from_event(code, message, where)


def cut(where: Where, reason: str = "the connection closed") -> StreamCut:
    """The stream ended before its last event."""
    return StreamCut(f"{where.place} did not finish its answer: {reason}.")


def read_event(
    feed: Callable[[Mapping[str, Any]], Iterator[Delta]], event: Mapping[str, Any], where: Where
) -> list[Delta]:
    """The deltas that `feed` makes of one event.

    Raises:
        StreamCut: the event is not of the shape that it has to be.
    """
    try:
        return list(feed(event))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise cut(where, "it sent an event that cannot be understood") from error


def translate(error: BaseException, where: Where, *, started: bool = False) -> ProviderError | None:
    """The core's error for what an SDK or its HTTP library raised, or None for anything else.

    Args:
        started: bytes of the answer had come, so a lost connection is a cut stream.
    """
    if isinstance(error, ProviderError):
        return error
    names = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return _from_status_error(error, status, where)
    if names & {"APITimeoutError", "TimeoutException"} or isinstance(error, TimeoutError):
        return Timeout(
            f"{where.place} did not answer in time. Try again, or raise the provider's timeout."
        )
    if names & {"APIConnectionError", "TransportError", "StreamError"}:
        if started:
            return cut(where)
        kind = Unreachable if "ConnectError" in _kinds_of_causes(error) else ConnectionFailed
        return kind(f"Cannot reach {where.inline} ({_root_cause(error)}). {_how_to_reach(where)}")
    if isinstance(error, ValueError) and not names & {"ValidationError", "UnicodeEncodeError"}:
        return cut(where, "it sent something that is not an event stream")
    if "APIError" in names:
        code, message = _code_and_message(getattr(error, "body", None))
        return from_event(code, message or str(error), where)
    return None


def from_response(
    status: int, body: object, headers: Mapping[str, str], where: Where
) -> ProviderError:
    """The error for an HTTP answer whose body was decoded already."""
    code, message = _code_and_message(body)
    return from_status(status, message, where, code=code, headers=headers)


def _from_status_error(error: BaseException, status: int, where: Where) -> ProviderError:
    code, message = _code_and_message(getattr(error, "body", None))
    if status < 400:
        return from_event(code, message or str(error), where)
    headers = getattr(getattr(error, "response", None), "headers", None)
    return from_status(status, message or str(error), where, code=code, headers=headers)


def _code_and_message(body: object) -> tuple[str, str]:
    """The server's code and words, from ``{"error": {…}}``, ``{…}`` or plain text."""
    if isinstance(body, str):
        return "", body
    if not isinstance(body, Mapping):
        return "", ""
    fields = cast("Mapping[str, Any]", body)
    inner = fields.get("error")
    if isinstance(inner, str):
        return "", inner
    if isinstance(inner, Mapping):
        fields = cast("Mapping[str, Any]", inner)
    words = fields.get("message") or fields.get("detail") or ""
    for key in ("code", "type"):
        value = str(fields.get(key) or "")
        if value in _EVENT_STATUS or value in _NO_CREDIT or _OVERFLOW.search(value):
            return value, str(words)
    return str(fields.get("code") or fields.get("type") or ""), str(words)


_START_COMMANDS = {"ollama": "ollama serve", "lmstudio": "lms server start"}


def _how_to_reach(where: Where) -> str:
    if where.provider in _START_COMMANDS:
        return f"Start it with `{_START_COMMANDS[where.provider]}`."
    if where.base_url:
        return "Check that the server is running and that the address is right."
    return "Check the network connection."


def _kinds_of_causes(error: BaseException) -> set[str]:
    """The names of the exceptions that led to this one, itself included."""
    kinds: set[str] = set()
    cause: BaseException | None = error
    while cause is not None:
        kinds.add(type(cause).__name__)
        cause = cause.__cause__
    return kinds


def _root_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
