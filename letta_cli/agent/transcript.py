"""A conversation as plain text, cut to a budget: what a summary is made from."""

from collections.abc import Sequence

from letta_cli.core.message import Image, Message, Part, Reasoning, Text, ToolCall, ToolReturn

RETURN_LIMITS = (2_000, 500, 150)
"""Characters of a tool's output that are shown: the first of these with which all fits."""

CHARACTERS_PER_TOKEN = 3.6
"""The rule of `providers.tokens` for Latin text."""


def render_transcript(messages: Sequence[Message], *, max_tokens: int) -> str:
    """Render `messages` in order, each with its number, within about `max_tokens`.

    Outputs of tools are shortened first. What still does not fit is cut out of the middle: the
    beginning holds the goals, the end the state of the work.
    """
    text = ""
    for limit in RETURN_LIMITS:
        text = "\n".join(line for message in messages for line in _lines(message, limit))
        if len(text) <= max_tokens * CHARACTERS_PER_TOKEN:
            return text
    return shorten(text, max_tokens)


def shorten(text: str, max_tokens: int) -> str:
    """`text` within about `max_tokens`; what is too much is cut out of the middle."""
    limit = max(0, int(max_tokens * CHARACTERS_PER_TOKEN))
    if len(text) <= limit:
        return text
    head, tail = limit // 3, limit - limit // 3
    return (
        f"{text[:head]}\n[… {len(text) - limit} characters left out …]\n{text[len(text) - tail :]}"
    )


def _lines(message: Message, limit: int) -> list[str]:
    head = f"[{message.seq}] {message.role}"
    return [f"{head}: {text}" for part in message.parts if (text := _text(part, limit))]


def _text(part: Part, limit: int) -> str:
    match part:
        case Text(text=text):
            return text
        case Reasoning():
            return ""
        case Image():
            return "[image]"
        case ToolCall(name=name, arguments=arguments):
            shown = ", ".join(f"{key}={str(value)[:300]!r}" for key, value in arguments.items())
            return f"calls {name}({shown})"
        case ToolReturn(name=name, status=status, content=content):
            cut = content if len(content) <= limit else content[:limit] + " […]"
            return f"{name} → {status}: {cut}"
