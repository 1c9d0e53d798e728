"""A person's machine for every test."""

from pathlib import Path

import pytest
from config_machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)
