"""kill -9 around a compaction: the conversation opens as it was before or as it is after."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from letta_cli.core.agent import Conversation
from letta_cli.store import Store, open_store

CHILD = """
import asyncio, sys
from pathlib import Path
from letta_cli.app import SessionOptions, open_session
from letta_cli.config import load_config
from letta_cli.core.event import Compacted

async def main():
    import os
    config = load_config(cwd=Path(sys.argv[1]), environ=dict(os.environ))
    session = await open_session(config, SessionOptions(interactive=False, conversation=sys.argv[2]))
    for number in range(1000):
        async for event in session.send(f"story {number} " + "word " * 300):
            pass
        print("asking", flush=True)
        async for event in session.compact():
            if isinstance(event, Compacted):
                print("compacted", flush=True)

asyncio.run(main())
"""


def settle(tmp_path: Path, **notes: object) -> tuple[dict[str, str], Store, Conversation]:
    script = tmp_path / "script.json"
    turns = [
        {"when": "Write the notes", "text": "## State\nGoing on.", "repeat": True, **notes},
        {"text": "long answer " * 200, "repeat": True},
    ]
    script.write_text(json.dumps(turns))
    home = tmp_path / "home"
    environ = {
        "HOME": str(home), "AGENT_HOME": str(home / ".agent"), "AGENT_MODEL": "scripted/test",
        "AGENT_SCRIPT": str(script), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    (home / ".agent").mkdir(parents=True)
    store = open_store(f"sqlite:///{home}/.agent/agent.db")
    agent = store.agents.current()
    conversation = store.conversations.create(agent.id, cwd=str(tmp_path), project=str(tmp_path))
    return environ, store, conversation


def start(tmp_path: Path, environ: dict[str, str], conversation_id: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), conversation_id],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def lines_until(child: subprocess.Popen[str], line: str) -> None:
    assert child.stdout is not None and child.stderr is not None
    for told in child.stdout:
        if told.strip() == line:
            return
    raise AssertionError(child.stderr.read())


def kill(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate()


def check_whole(store: Store, conversation_id: str) -> int:
    """Either no summary and the whole thread, or the newest summary and what follows its cut."""
    conversation = store.conversations.get(conversation_id)
    thread = store.messages.read(conversation_id)
    assert [message.seq for message in thread] == list(range(1, conversation.head + 1))
    summaries = [message.seq for message in thread if message.role == "summary"]
    window = store.messages.window(conversation)
    if not summaries:
        assert conversation.summary_seq is None and len(window) == len(thread)
    else:
        assert conversation.summary_seq == summaries[-1] and window[0].seq == summaries[-1]
        assert window[1].role in ("user", "assistant")
        assert window[1].seq == conversation.context_start
    assert conversation.system_prompt
    return len(summaries)


def test_killed_while_the_notes_are_written_it_is_as_it_was_before(tmp_path: Path):
    environ, store, conversation = settle(tmp_path, hang=True)
    child = start(tmp_path, environ, conversation.id)
    lines_until(child, "asking")
    kill(child)
    assert check_whole(store, conversation.id) == 0
    assert store.leases.acquire(conversation.id)


@pytest.mark.slow
def test_killed_at_any_moment_it_is_before_or_after(tmp_path: Path):
    environ, store, conversation = settle(tmp_path)
    done = 0
    for round_ in range(6):
        child = start(tmp_path, environ, conversation.id)
        for _ in range(2 + round_):
            lines_until(child, "asking")
        if round_ % 2:
            lines_until(child, "compacted")
        kill(child)
        compactions = check_whole(store, conversation.id)
        assert compactions > done
        done = compactions
