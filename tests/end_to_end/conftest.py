"""A machine of one's own for every test."""

from pathlib import Path

import pytest
from command import Command
from terminals import Terminal


@pytest.fixture
def agent(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture
def terminal(agent):
    opened = []

    def open_terminal(script, name, *arguments):
        opened.append(Terminal(agent, *arguments, env=agent.script(script, name)))
        return opened[-1]

    yield open_terminal
    for one in opened:
        if one.process.isalive():
            one.process.terminate(force=True)
