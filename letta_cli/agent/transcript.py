"""A conversation as plain text, cut to a budget: what a summary is made from."""

from collections.abc import Sequence

from letta_cli.core.message import Image, Message, Part, Reasoning, Text, ToolCall, ToolReturn

RETURN_LIMIT = 2_000
"""Characters of a tool's output that a summary needs at most."""

CHARACTERS_PER_TOKEN = 4


def render_transcript(messages: Sequence[Message], *, max_tokens: int) -> str:
    """Render `messages` in order within about `max_tokens`.

    What does not fit is cut out of the middle: the beginning holds the goals, the end the
    state of the work.
    """
    lines = [line for message in messages for line in _lines(message)]
    limit = max_tokens * CHARACTERS_PER_TOKEN
    text = "\n".join(lines)
    if len(text) <= limit:
        return text
    head, tail = limit // 3, limit - limit // 3
    return f"{text[:head]}\n[… {len(text) - limit} characters left out …]\n{text[-tail:]}"


def _lines(message: Message) -> list[str]:
    return [f"{message.role}: {text}" for part in message.parts if (text := _text(part))]


def _text(part: Part) -> str:
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
            cut = content if len(content) <= RETURN_LIMIT else content[:RETURN_LIMIT] + " […]"
            return f"{name} → {status}: {cut}"
