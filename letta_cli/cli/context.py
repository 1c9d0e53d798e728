"""`agent sessions show --context`: what the model would see now, part by part."""

from typing import Any

from letta_cli.agent.context import ContextView
from letta_cli.app import view_conversation
from letta_cli.cli.event_loop import run_async
from letta_cli.cli.opened import Opened
from letta_cli.cli.output import say, say_json, say_text, table
from letta_cli.core.agent import Conversation


def show_context(here: Opened, conversation: Conversation, *, as_json: bool) -> None:
    """Print a table of the parts, then each of them as the model gets it."""
    view = run_async(view_conversation(here.config, here.store, conversation))
    if as_json:
        say_json(_facts(conversation, view))
        return
    say(_headline(conversation, view))
    say()
    rows = [
        (group, str(parts), f"{tokens:,}", _share(tokens, view))
        for group, (parts, tokens) in view.groups().items()
    ]
    if view.free is not None:
        rows.append(("free", "", f"{view.free:,}", _share(view.free, view)))
    rows.append(("compacted beyond", "", f"{view.threshold:,}", _share(view.threshold, view)))
    table(("PART", "COUNT", "TOKENS", "SHARE"), rows)
    for part in view.parts:
        number = f"[{part.seq}] " if part.seq else ""
        title = part.group if part.title == part.group else f"{part.group}: {part.title}"
        say()
        say(f"--- {number}{title} ({part.tokens:,} tokens)")
        say_text(part.text)


def _headline(conversation: Conversation, view: ContextView) -> str:
    of = f" of {view.window:,}" if view.window else ""
    how = "counted by the provider, shares estimated" if view.measured else "estimated"
    return f"{conversation.id}: {view.tokens:,}{of} tokens ({how})"


def _share(tokens: int, view: ContextView) -> str:
    return f"{100 * tokens / view.window:.1f} %" if view.window else ""


def _facts(conversation: Conversation, view: ContextView) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "tokens": view.tokens,
        "measured": view.measured,
        "context_window": view.window,
        "free": view.free,
        "compaction_threshold": view.threshold,
        "context_start": conversation.context_start,
        "summary_seq": conversation.summary_seq,
        "groups": [
            {"group": group, "parts": parts, "tokens": tokens}
            for group, (parts, tokens) in view.groups().items()
        ],
        "parts": [
            {
                "kind": part.kind,
                "group": part.group,
                "title": part.title,
                "seq": part.seq or None,
                "tokens": part.tokens,
                "text": part.text,
            }
            for part in view.parts
        ],
    }
