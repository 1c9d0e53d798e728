import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from screen import Screen


@pytest.fixture
def open_screen(tmp_path: Path) -> Iterator[Callable[..., Screen]]:
    """Opens the terminal UI on a script; stops it after the test."""
    opened: list[Screen] = []

    def start(script: str, *arguments: str, **options: Any) -> Screen:
        screen = Screen(sys.executable, tmp_path, script, *arguments, **options)
        opened.append(screen)
        return screen

    yield start
    for screen in opened:
        screen.stop()
