"""Finding files for ``@``: what matches, what comes first, and how fast with very many."""

import subprocess
import time
from pathlib import Path

from letta_cli.frontends.interactive.file_index import FileIndex, search


def found(paths: list[str], query: str, limit: int = 5) -> list[str]:
    return search(paths, [path.lower() for path in paths], query, limit)


def test_names_come_before_folders_and_whole_words_before_scattered_letters() -> None:
    paths = [
        "docs/app/notes.md",
        "src/app.py",
        "src/wrapper.py",
        "src/a_pretty_page.py",
        "app",
    ]
    assert found(paths, "app") == [
        "app",
        "src/app.py",
        "src/wrapper.py",
        "docs/app/notes.md",
        "src/a_pretty_page.py",
    ]
    assert found(paths, "SRC/APP") == ["src/app.py", "src/wrapper.py", "src/a_pretty_page.py"]
    assert found(paths, "zzz") == []
    assert found(paths, "a.c[") == []


def test_nothing_typed_offers_what_lies_on_top() -> None:
    assert found(["b/c/d.py", "a.py", "b/x.py"], "") == ["a.py", "b/x.py", "b/c/d.py"]


async def test_ignored_files_are_left_out_in_a_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "kept.py").write_text("")
    (tmp_path / "noise.log").write_text("")
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder" / "ünïcode.py").write_text("")
    index = FileIndex(tmp_path)
    assert await index.find("kept") == ["kept.py"]
    assert await index.find("noise") == []
    assert "a folder/ünïcode.py" in await index.find("ünï")
    assert "a folder/" in await index.find("a fold")


async def test_a_directory_that_is_no_repository_is_walked(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "left.js").write_text("")
    (tmp_path / "right.js").write_text("")
    assert await FileIndex(tmp_path).find(".js") == ["right.js"]


def test_fifty_thousand_files_are_searched_in_a_blink() -> None:
    paths = [f"package{n % 97}/module_{n % 1009}/file_{n}.py" for n in range(50_000)]
    lowered = [path.lower() for path in paths]
    search(paths, lowered, "warm", 30)
    for query in ("file_4242", "pkgmodfil77", "p", "zzzz"):
        started = time.process_time()
        search(paths, lowered, query, 30)
        assert time.process_time() - started < 0.6, query
