"""A machine of one's own for every test."""

from pathlib import Path

import pytest
from command import Command


@pytest.fixture
def agent(tmp_path: Path) -> Command:
    return Command(tmp_path)
