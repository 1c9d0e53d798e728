"""Fixtures for what strangers' folders and texts try."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "end_to_end"))

from command import Command


@pytest.fixture
def agent(tmp_path: Path) -> Command:
    """A person's machine that trusts no folder yet."""
    return Command(tmp_path, {"AGENT_TRUST": ""})
