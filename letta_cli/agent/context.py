"""What stands in the context window, part by part: for people who wonder where it went.

The parts are estimated. Where the provider has counted the whole, they are scaled to its count.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from letta_cli.agent import memory_news
from letta_cli.agent.budget import threshold_of
from letta_cli.agent.prompt import sections
from letta_cli.agent.request import context_tokens
from letta_cli.agent.turn import Turn
from letta_cli.core.agent import Conversation
from letta_cli.core.message import Image, Message, Part, Reasoning, Text, ToolCall, ToolReturn
from letta_cli.core.tool import ToolSpec
from letta_cli.providers.tokens import estimate, estimate_message, estimate_tools
from letta_cli.store import Store

PartKind = Literal["system", "tool", "message", "news"]
"""``news``: what the next step will add, such as a notice about memory."""


@dataclass(frozen=True, slots=True)
class ContextPart:
    """One thing that the model sees.

    Attributes:
        group: what it is counted with in a table: ``Tools``, ``Memory human``, ``Tool results``.
        title: what it is, in a few words.
        tokens: estimated, or scaled to what the provider counted.
        text: as the model gets it; of a tool its description and schema.
        seq: of the message, else 0.
    """

    kind: PartKind
    group: str
    title: str
    tokens: int
    text: str
    seq: int = 0


@dataclass(frozen=True, slots=True)
class ContextView:
    """Attributes:
    window: tokens that the model takes; None when nobody knows.
    threshold: tokens beyond which the next step is preceded by a compaction.
    measured: whether the provider counted all but the newest messages.
    """

    parts: tuple[ContextPart, ...]
    window: int | None
    threshold: int
    measured: bool = False

    @property
    def tokens(self) -> int:
        return sum(part.tokens for part in self.parts)

    @property
    def free(self) -> int | None:
        """Tokens left; None when nobody knows how large the window is."""
        return None if self.window is None else max(0, self.window - self.tokens)

    def groups(self) -> dict[str, tuple[int, int]]:
        """For each group, in order: how many parts it has, and their tokens."""
        found: dict[str, tuple[int, int]] = {}
        for part in self.parts:
            parts, tokens = found.get(part.group, (0, 0))
            found[part.group] = (parts + 1, tokens + part.tokens)
        return found


def view_context(
    *,
    prompt: str,
    tools: Iterable[ToolSpec],
    messages: Sequence[Message],
    window: int | None,
    assumed_window: int,
    counted: int = 0,
    news: str = "",
) -> ContextView:
    """The parts of a request.

    Args:
        assumed_window: what is reckoned with, known or not.
        counted: tokens of all of it as the provider counted them; 0 when it did not.
        news: what the next step will add.
    """
    parts = [
        *(
            ContextPart("system", title, title, estimate(text), text.strip("\n"))
            for title, text in sections(prompt)
            if text.strip()
        ),
        *(ContextPart("tool", "Tools", spec.name, estimate_tools([spec]), _told(spec))
          for spec in tools),
        *(part for message in messages for part in _message_parts(message)),
    ]  # fmt: skip
    estimated = sum(part.tokens for part in parts)
    if counted and estimated:
        parts = _scaled(parts, counted, estimated)
    if news:
        parts.append(ContextPart("news", "Memory news", "comes with the next step",
                                 estimate(news), news))  # fmt: skip
    return ContextView(tuple(parts), window, threshold_of(assumed_window), bool(counted))


def view_turn(turn: Turn) -> ContextView:
    """What the next step of this run would be sent."""
    conversation = turn.thread.conversation
    return view_context(
        prompt=conversation.system_prompt or turn.compile_prompt()[0],
        news=unheard(turn.store, conversation),
        tools=[tool.spec for tool in turn.tools.values()],
        messages=turn.thread.messages,
        window=turn.info.context_window,
        assumed_window=turn.meter.window(turn.info),
        counted=context_tokens(turn) if turn.meter.is_measured else 0,
    )


def unheard(store: Store, conversation: Conversation) -> str:
    """The notice about memory that the next step will begin with; empty when there is none."""
    if conversation.system_prompt is None:
        return ""
    news = memory_news.read(store, conversation)
    return news.text if news else ""


def why_full(turn: Turn) -> str:
    """Why compacting does not help any more, and what does."""
    view = view_turn(turn)
    largest = sorted(view.groups().items(), key=lambda group: -group[1][1])[:3]
    named = ", ".join(f"{group} {tokens:,}" for group, (_, tokens) in largest)
    window = turn.meter.window(turn.info)
    return (
        f"The context window of {turn.model} (about {window:,} tokens) is full, and compacting the "
        f"conversation did not free enough. Most of it is: {named}. Use a model with a larger "
        "window, shorten what stands in memory or AGENTS.md, or begin a new conversation; "
        "everything that was said stays searchable."
    )


def _told(spec: ToolSpec) -> str:
    return f"{spec.description}\n{json.dumps(spec.parameters)}"


_ROLES: Mapping[str, str] = {
    "user": "Your messages",
    "assistant": "Answers",
    "summary": "Summary",
    "notice": "Notices",
}


def _message_parts(message: Message) -> Iterable[ContextPart]:
    first = True
    for part in message.parts:
        group, title, text = _described(part, message.role, first=first)
        first = False
        size = estimate_message(replace(message, parts=(part,)))
        yield ContextPart("message", group, title, size, text, message.seq)


def _described(part: Part, role: str, *, first: bool) -> tuple[str, str, str]:
    match part:
        case Text(text=text):
            if role == "user" and not first:
                return "Attached files", "attached", text
            return _ROLES.get(role, role), role, text
        case Reasoning(text=text):
            return "Reasoning", "reasoning", text
        case Image(media_type=kind):
            return "Images", kind, "[image]"
        case ToolCall(name=name, arguments=arguments):
            shown = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
            return "Tool calls", name, f"{name}({shown})"
        case ToolReturn(name=name, content=content, status=status):
            return "Tool results", f"{name} {status}", content


def _scaled(parts: Sequence[ContextPart], counted: int, estimated: int) -> list[ContextPart]:
    """The parts with their shares of `counted`; rounding errors go nowhere."""
    scaled: list[ContextPart] = []
    so_far = given = 0
    for part in parts:
        so_far += part.tokens
        upto = round(so_far * counted / estimated)
        scaled.append(replace(part, tokens=upto - given))
        given = upto
    return scaled
