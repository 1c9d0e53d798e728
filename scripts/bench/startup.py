"""What starting costs: CPU time of our commands beside bare Python and the parts they stand on.

Each line is the least CPU time of several runs in child processes, and its ratio to
``python -c pass`` and to ``python -c "import typer"`` of the same minute, because absolute times
say little on a shared machine. The last lines say how long a process lives after its last byte.

    python scripts/bench/startup.py [--runs 7] [--json]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from letta_cli.core.message import Text
from letta_cli.store import open_store

AGENT = [sys.executable, "-m", "letta_cli"]
CASES: list[tuple[str, list[str]]] = [
    ("python -c pass", [sys.executable, "-c", "pass"]),
    ("import typer", [sys.executable, "-c", "import typer"]),
    ("agent --version", [*AGENT, "--version"]),
    ("agent --help", [*AGENT, "--help"]),
    ("agent sessions list", [*AGENT, "sessions", "list"]),
    ("  of 1,000", [*AGENT, "sessions", "list", "--limit", "1000", "--db", "{many}"]),
    ("agent memory list", [*AGENT, "memory", "list"]),
    ("agent run, scripted", [*AGENT, "run", "hi"]),
    ("import rich.markdown", [sys.executable, "-c", "import rich.markdown"]),
    ("import prompt_toolkit", [sys.executable, "-c", "import prompt_toolkit"]),
    ("import openai", [sys.executable, "-c", "import openai"]),
    ("import anthropic", [sys.executable, "-c", "import anthropic"]),
]
ENDINGS = ["agent sessions list", "agent run, scripted"]
TIMEOUT_SECONDS = 120


def many_conversations(folder: Path) -> str:
    """The URL of a database with a thousand conversations that have a prompt and a title."""
    url = f"sqlite:///{folder}/many.db"
    store = open_store(url)
    agent = store.agents.current()
    with store.database.transaction():
        for number in range(1_000):
            made = store.conversations.create(agent.id, cwd=f"/srv/{number % 9}", project="/srv")
            words = [Text(f"Why does the login test number {number} fail since yesterday?")]
            store.runs.start(made.id, "scripted/bench", words, expected_head=0)
            store.conversations.set_prompt(made.id, "You are an agent. " * 400, {})
    store.close()
    return url


def environment(folder: Path) -> dict[str, str]:
    """A home of its own, and a model that follows a script."""
    script = folder / "script.json"
    script.write_text(json.dumps([{"text": "hello", "repeat": True}]))
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {
        **kept,
        "HOME": str(folder),
        "AGENT_MODEL": "scripted/bench",
        "AGENT_SCRIPT": str(script),
    }


def cpu_seconds(command: list[str], env: dict[str, str], cwd: Path) -> float:
    """User and system time of one child process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ending_seconds(command: list[str], env: dict[str, str], cwd: Path) -> float:
    """Wall time between the last byte and the end of the process."""
    process = subprocess.Popen(
        command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    last = time.monotonic()
    while process.stdout.read1(65_536):
        last = time.monotonic()
    process.wait(timeout=TIMEOUT_SECONDS)
    return time.monotonic() - last


def main() -> None:
    options = argparse.ArgumentParser(description="What starting costs.")
    options.add_argument("--runs", type=int, default=7)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = environment(folder)
        many = many_conversations(folder)
        commands = {
            case: [part.replace("{many}", many) for part in command] for case, command in CASES
        }
        # Once before measuring: the database is made, and what Python compiles is compiled.
        for command in commands.values():
            cpu_seconds(command, env, folder)
        # Round after round, not case after case: a busy minute then hurts all of them alike.
        rounds = [
            {case: cpu_seconds(command, env, folder) for case, command in commands.items()}
            for _ in range(given.runs)
        ]
        endings = {
            case: min(ending_seconds(commands[case], env, folder) for _ in range(given.runs))
            for case in ENDINGS
        }
    least = {case: min(each[case] for each in rounds) for case in commands}
    if given.json:
        print(json.dumps({"cpu_seconds": least, "ending_seconds": endings}, indent=2))
        return
    bare, typer = least["python -c pass"], least["import typer"]
    print(f"{'CPU time':24}{'ms':>8}{'x python':>10}{'x typer':>10}")
    for case, seconds in least.items():
        print(f"{case:24}{seconds * 1000:8.1f}{seconds / bare:10.1f}{seconds / typer:10.2f}")
    print()
    for case, seconds in endings.items():
        print(f"{case}: gone {seconds * 1000:.1f} ms after its last byte")


if __name__ == "__main__":
    main()
