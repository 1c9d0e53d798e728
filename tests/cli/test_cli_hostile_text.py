"""Text that others wrote reaches a terminal without what a terminal would obey."""

import json
import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

import pytest

EVIL = (
    "\x1b]0;owned\x07\x1b[2Jna\x9b31mme\u202egnp.exe\x1b]52;c;ZXZpbA==\x07"
    "\x1b]8;;https://evil.example/\x07\x1bP1$r0m\x1b\\\u200b\U000e0041"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "repo/.agents/skills/odd").mkdir(parents=True)
    (home / ".agent").mkdir(mode=0o700)
    settings = {
        "model": "scripted/x",
        "permissions": {"deny": [f"Bash(rm {EVIL}*)", f"Nosuch{EVIL.encode().hex()}"]},
    }
    (home / ".agent/settings.json").write_text(json.dumps(settings))
    skill = f"---\nname: odd\ndescription: {json.dumps(EVIL)}\n---\nBody {EVIL}\n"
    (home / "repo/.agents/skills/odd/SKILL.md").write_text(skill)
    script = [{"text": f"answer {EVIL}"}]
    (home / "script.json").write_text(json.dumps(script))
    return home


def on_a_terminal(home: Path, *arguments: str) -> bytes:
    """All bytes that the program writes to its terminal."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(home / "repo")
        environment = {
            "HOME": str(home), "PATH": os.environ["PATH"], "TERM": "xterm",
            "AGENT_HOME": str(home / ".agent"), "AGENT_SCRIPT": str(home / "script.json"),
            "LANG": "C.UTF-8",
        }  # fmt: skip
        os.execve(sys.executable, [sys.executable, "-m", "letta_cli", *arguments], environment)
    written = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 1)[0]:
            continue
        try:
            data = os.read(master, 65_536)
        except OSError:
            break
        if not data:
            break
        written += data
    else:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(master)
    return written


def harmless(written: bytes) -> bool:
    text = written.decode("utf-8", "replace")
    signs = (
        "\x1b]0;owned", "\x1b]52", "\x1b[2Jna", "\x9b", "\u202e", "\x1b]8;;https://evil", "\x1bP",
        "\u200b", "\U000e0041",
    )  # fmt: skip
    return not any(sign in text for sign in signs)


@pytest.mark.parametrize(
    "command",
    [
        ["permissions", "list"],
        ["permissions", "test", f"rm {EVIL}"],
        ["permissions", "test", f"touch {EVIL}"],
        ["config", "list"],
        ["skills", "show", "odd"],
        ["skills", "list"],
        ["run", "--name", EVIL, "hello"],
        ["run", EVIL],
        ["sessions", "show", EVIL],
        ["sessions", "search", EVIL],
        ["memory", "show", EVIL],
        ["memory", "create", EVIL, "--text", EVIL],
        ["config", "get", EVIL],
        ["learn", "show", EVIL],
        ["files", "add", f"gone-{EVIL}.md"],
        ["agents", "use", EVIL],
        ["trust", "remove", EVIL],
        ["secrets", "unset", EVIL],
        ["remember", EVIL],
        [EVIL],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_hostile_name_or_text_is_shown_and_not_obeyed(home: Path, command: list[str]):
    written = on_a_terminal(home, *command)
    assert written.strip()
    assert harmless(written), written


@pytest.mark.slow
def test_what_was_stored_is_shown_safely_afterwards(home: Path):
    on_a_terminal(home, "run", "--name", EVIL, "hello")
    on_a_terminal(home, "memory", "edit", "human", EVIL)
    on_a_terminal(home, "files", "add", str(home / "repo"))
    for command in (["sessions", "list"], ["sessions", "search", "hello"], ["memory", "show", "human"],
                    ["memory", "list"], ["agents", "list"], ["sessions", "list", "--all"],
                    ["memory", "log"], ["memory", "blame", "human"], ["memory", "diff", "human"],
                    ["memory", "export", "-"], ["search", "answer"], ["context"], ["doctor"],
                    ["trust", "list"], ["files", "list"], ["undo", "list"],
                    ["learn", "list"], ["reflect", "log"], ["memory", "review"]):  # fmt: skip
        written = on_a_terminal(home, *command)
        assert harmless(written), (command, written)
