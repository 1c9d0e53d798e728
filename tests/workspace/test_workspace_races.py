"""Somebody swaps a folder for a link between the judgement and the opening, again and again."""

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from letta_cli.permissions import decide_path
from letta_cli.workspace.files import FileRefused, Files

TRIES = 200


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for folder in ("repo/inner", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "repo/inner/a.txt").write_text("mine\n")
    (tmp_path / "elsewhere/a.txt").write_text("secret\n")
    return tmp_path


class Swapper:
    """Replaces ``inner`` by a link to ``elsewhere`` and back, as fast as it can."""

    def __init__(self, house: Path) -> None:
        self._inner, self._aside = house / "repo/inner", house / "repo/aside"
        self._elsewhere = house / "elsewhere"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._swap)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _swap(self) -> None:
        while not self._over.is_set():
            self._move(self._inner, self._aside)
            self._link()
            self._move(self._aside, self._inner)

    def _link(self) -> None:
        # A writer may make the folder anew at any moment.
        with suppress(OSError):
            self._inner.symlink_to(self._elsewhere)
            self._inner.unlink()

    def _move(self, source: Path, target: Path) -> None:
        for _ in range(TRIES):
            try:
                source.rename(target)
                return
            except OSError:
                shutil.rmtree(target, ignore_errors=True)


def test_a_link_that_appears_after_the_judgement_is_never_read_through(house: Path):
    repo = house / "repo"
    seen: set[str] = set()
    with Swapper(house):
        for _ in range(TRIES):
            decision = decide_path("inner/a.txt", "read", {}, [repo], home=house)
            if decision.verdict != "allow" or decision.path is None:
                continue
            files = Files(repo)
            files.pin("inner/a.txt", decision.path)
            try:
                seen.add(files.read("inner/a.txt").text)
            except FileRefused:
                continue
    assert seen <= {"mine\n"}


def test_a_link_that_appears_after_the_judgement_is_never_written_through(house: Path):
    repo = house / "repo"
    with Swapper(house):
        for number in range(TRIES):
            name = f"inner/new-{number}.txt"
            decision = decide_path(name, "edit", {}, [repo], mode="acceptEdits", home=house)
            if decision.verdict != "allow" or decision.path is None:
                continue
            files = Files(repo)
            files.pin(name, decision.path)
            try:
                files.write(files.resolve(name), "new\n")
            except FileRefused:
                continue
    assert os.listdir(house / "elsewhere") == ["a.txt"]
    assert (house / "elsewhere/a.txt").read_text() == "secret\n"


def test_what_was_judged_is_opened_even_when_its_own_link_turns_elsewhere(house: Path):
    repo = house / "repo"
    link = repo / "link.txt"
    link.symlink_to("inner/a.txt")
    decision = decide_path("link.txt", "read", {}, [repo], home=house)
    assert decision.verdict == "allow" and decision.path is not None
    files = Files(repo)
    files.pin("link.txt", decision.path)
    link.unlink()
    link.symlink_to(house / "elsewhere/a.txt")
    assert files.read("link.txt").text == "mine\n"
    files.release()
    assert files.resolve("link.txt") == house / "elsewhere/a.txt"


def test_a_link_in_the_place_of_a_judged_folder_is_refused_with_its_reason(house: Path):
    repo = house / "repo"
    files = Files(repo)
    files.pin("inner/a.txt", repo / "inner/a.txt")
    (repo / "inner").rename(repo / "aside")
    (repo / "inner").symlink_to(house / "elsewhere")
    with pytest.raises(FileRefused, match="put there after the path was judged"):
        files.read("inner/a.txt")
    with pytest.raises(FileRefused, match="Nothing was changed"):
        files.write(repo / "inner/b.txt", "x\n")
