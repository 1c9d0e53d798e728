"""A machine of one's own for every test."""

from pathlib import Path

import pytest
from cli_machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)
