"""A chat in a real terminal shows hostile text, and the terminal obeys nothing of it."""

import io
import time

import pytest
from command import Command

from letta_cli.frontends.interactive.approval import GRACE_SECONDS

pytestmark = pytest.mark.slow

EVIL = (
    "\x1b]0;owned\x07\x1b[2Jna\x9b31mme\u202egnp.exe\x1b]52;c;ZXZpbA==\x07"
    "\x1b]8;;https://evil.example\x07\x1bP1$r0m\x1b\\\u200b\U000e0041"
)
SIGNS = (
    "\x1b]0;owned", "\x1b]52", "\x1b[2Jna", "\x9b", "\u202e", "\x1b]8;;https://evil", "\x1bP1",
    "\u200b", "\U000e0041",
)  # fmt: skip


def test_a_chat_shows_what_is_hostile_and_obeys_nothing_of_it(agent: Command, terminal) -> None:
    agent.repository(**{"evil.txt": f"{EVIL}\n" * 3})
    (agent.project / f"f{EVIL.replace('/', '')}.txt").write_text(EVIL)
    (agent.project / ".git/HEAD").write_text(
        "ref: refs/heads/main\u202eevil\u200b\x1b]0;owned\x07\n"
    )
    skill = agent.project / ".agents/skills/odd"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text(f"---\nname: odd\ndescription: a {EVIL!a}\n---\nBody {EVIL}\n")
    agent.run("memory", "edit", "human", "--text", EVIL)
    script = [
        {"text": f"first {EVIL} last", "chunk": 1, "reasoning": EVIL,
         "tool_calls": [{"name": "Bash", "arguments": {"command": "cat evil.txt"}},
                        {"name": "Glob", "arguments": {"pattern": "*.txt"}},
                        {"name": "Read", "arguments": {"file_path": "evil.txt"}},
                        {"name": "Skill", "arguments": {"skill": "odd"}}]},
        {"tool_calls": [{"name": "Bash", "arguments": {"command": f"touch 'x{EVIL}'"}}]},
        {"tool_calls": [{"name": "Write", "arguments": {"file_path": "n.txt", "content": EVIL}}]},
        {"text": "all done", "repeat": True},
    ]  # fmt: skip
    chat = terminal(script, "evil", "--name", EVIL)
    chat.process.logfile_read = io.BytesIO()
    chat.enter("go")
    for title, keys in (("Bash(touch", "3"), ("Write changes n.txt", "1")):
        chat.wait_for(title).wait_for("tell the model why")
        time.sleep(GRACE_SECONDS + 0.1)
        chat.type(keys)
        if keys == "3":
            chat.wait_for("Why not?").type("no need\r")
    chat.wait_for("all done").wait_for("❯")
    chat.enter("/context").wait_for("Tool results")
    written = chat.process.logfile_read.getvalue().decode("utf-8", "replace")
    assert "last" in written and "gnp.exe" in written
    for sign in SIGNS:
        at = written.find(sign)
        assert at < 0, (sign, written[max(0, at - 200) : at + 100])
