"""Searching for lines and names, with ripgrep and without it: the same answers."""

import asyncio
import os
import shutil
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest

from letta_cli.workspace.scan import matches_glob
from letta_cli.workspace.search import Search, SearchRefused, fixed_part


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, text in {
        "app.py": "import os\n\ndef main():\n    return greet('x')\n",
        "lib/greet.py": "def greet(name):\n    return f'Hello {name}'\n",
        "lib/ünï code.txt": "greet in a strange place\r\nsecond greet\r\n",
        "build/out.py": "greet ignored\n",
        ".hidden/conf.ini": "greet = hidden\n",
        "node_modules/x/index.js": "greet()\n",
        ".gitignore": "build/\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, newline="")
    (root / "image.bin").write_bytes(b"greet\0\1\2")
    os.mkfifo(root / "pipe")
    (root / "loop").symlink_to(root)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root.resolve()


@pytest.fixture(params=["scan", "ripgrep"])
def search(request: pytest.FixtureRequest, project: Path) -> Search:
    # The tests' own environment carries a ripgrep.
    path = os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"]))
    searcher = Search(project, {"PATH": path, "HOME": str(project)})
    if request.param == "scan":
        searcher.ripgrep = None
    elif searcher.ripgrep is None:
        pytest.skip("ripgrep (rg) is not on PATH")
    return searcher


async def hits(search: Search, pattern: str, **options) -> set[str]:
    found = await search.grep(pattern, **options)
    return {f"{line.path}:{line.number}:{line.text}" for line in found.lines if line.match}


async def test_lines_are_found_but_not_in_ignored_or_binary_files(search: Search):
    assert await hits(search, "greet") == {
        "app.py:4:    return greet('x')",
        "lib/greet.py:1:def greet(name):",
        "lib/ünï code.txt:1:greet in a strange place",
        "lib/ünï code.txt:2:second greet",
        ".hidden/conf.ini:1:greet = hidden",
    }


async def test_options_narrow_and_widen(search: Search, project: Path):
    assert await hits(search, r"^def \w+\(") == {
        "app.py:3:def main():",
        "lib/greet.py:1:def greet(name):",
    }
    assert await hits(search, "HELLO", ignore_case=True) == {
        "lib/greet.py:2:    return f'Hello {name}'"
    }
    assert await hits(search, "HELLO") == set()
    assert len(await hits(search, "greet", glob="*.py")) == 2
    assert len(await hits(search, "greet", glob="lib/**")) == 3
    assert len(await hits(search, "greet", glob="*.{py,ini}")) == 3
    assert await hits(search, "greet", path=project / "lib" / "greet.py") == {
        "greet.py:1:def greet(name):"
    }
    assert await hits(search, "greet$") == {"lib/ünï code.txt:2:second greet"}


async def test_a_large_file_is_searched_when_it_is_named(search: Search, project: Path):
    (project / "large.log").write_text("filler\n" * 1_500_000 + "needle\n")
    assert await hits(search, "needle") == set()
    assert await hits(search, "needle", path=project / "large.log") == {"large.log:1500001:needle"}


async def test_an_ignored_folder_is_searched_when_it_is_named(search: Search, project: Path):
    assert await hits(search, "greet", path=project / "node_modules") == {"x/index.js:1:greet()"}


async def test_context_and_files_only(search: Search):
    found = await search.grep("main", context=1)
    assert [(line.number, line.match) for line in found.lines] == [
        (2, False),
        (3, True),
        (4, False),
    ]
    found = await search.grep("greet", files_only=True)
    assert set(found.paths) == {"app.py", "lib/greet.py", "lib/ünï code.txt", ".hidden/conf.ini"}


async def test_the_limit_is_kept_and_told(search: Search):
    found = await search.grep("greet", limit=2)
    assert sum(line.match for line in found.lines) == 2
    assert found.more


async def test_patterns_that_look_like_options_are_patterns(search: Search, project: Path):
    (project / "opt.txt").write_text("--pre=evil\n-e\n")
    assert await hits(search, "--pre=evil") == {"opt.txt:1:--pre=evil"}
    assert await hits(search, "^-e$") == {"opt.txt:2:-e"}


async def test_a_bad_pattern_and_a_missing_path_are_refused_with_advice(
    search: Search, project: Path
):
    with pytest.raises(SearchRefused, match=r"not a valid regular expression.*Escape"):
        await search.grep("greet(")
    with pytest.raises(SearchRefused, match="does not exist"):
        await search.grep("greet", path=project / "none")


async def test_a_pattern_without_end_is_ended(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("letta_cli.workspace.search.SECONDS", 0.6)
    (project / "evil.txt").write_text("a" * 60 + "!\n")
    search = Search(project, {"PATH": os.environ["PATH"]})
    search.ripgrep = None
    begun = time.monotonic()
    found = await search.grep(r"(a+)+$")
    assert found.timed_out
    assert time.monotonic() - begun < 3


async def test_a_listing_without_end_is_ended(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("letta_cli.workspace.search.SECONDS", -1.0)
    found = await Search(project, {"PATH": os.environ["PATH"]}).glob("**/*")
    assert found.timed_out
    assert found.paths == []


async def test_a_cancelled_search_leaves_no_process(project: Path):
    (project / "evil.txt").write_text("a" * 60 + "!\n")
    search = Search(project, {"PATH": os.environ["PATH"]})
    search.ripgrep = None
    task = asyncio.create_task(search.grep(r"(a+)+$"))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    left = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "scan.py"], capture_output=True)
    assert left.stdout == b""


async def test_names_newest_first(search: Search, project: Path):
    os.utime(project / "app.py", (1, 1))
    os.utime(project / "lib" / "greet.py", (2_000_000_000, 2_000_000_000))
    found = await search.glob("*.py")
    assert found.paths == ["lib/greet.py", "app.py"]
    assert (await search.glob("lib/*")).paths[0] == "lib/greet.py"
    assert fixed_part("/a/b/**/*.py") == ("/a/b", "**/*.py")
    assert fixed_part("/a/b.py") == ("/a", "b.py")
    limited = await search.glob("**/*", limit=1)
    assert (len(limited.paths), limited.more) == (1, True)
    assert (await search.glob("*.none")).paths == []


async def test_outside_of_a_repository_everything_but_the_usual_is_found(
    search: Search, project: Path
):
    shutil.rmtree(project / ".git")
    (project / ".gitignore").unlink()
    assert "build/out.py:1:greet ignored" in await hits(search, "greet")
    assert not any("node_modules" in hit for hit in await hits(search, "greet"))
    assert "build/out.py" in (await search.glob("**/*.py")).paths


async def test_ignore_files_hold_without_a_repository(search: Search, project: Path):
    shutil.rmtree(project / ".git")
    (project / ".gitignore").write_text("build/\n# note\n*.log\n!keep.log\n/top.txt\nlib/*.txt\n")
    for name in ("x.log", "keep.log", "top.txt", "lib/top.txt", "lib/deep/top.txt", "lib/x/y.log"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("needle")
    (project / "lib/deep/.gitignore").write_text("*.md\n")
    (project / "lib/deep/a.md").write_text("needle")
    (project / "b.md").write_text("needle")
    found = await search.grep("needle", files_only=True)
    assert sorted(found.paths) == ["b.md", "keep.log", "lib/deep/top.txt"]


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("a.py", "*.py", True),
        ("src/a.py", "*.py", True),
        ("src/a.py", "src/*.py", True),
        ("src/x/a.py", "src/*.py", False),
        ("src/x/a.py", "src/**/*.py", True),
        ("src/a.py", "src/**/*.py", True),
        ("src/a.py", "./src/**", True),
        ("a.py", "**/a.py", True),
        ("ab.py", "**/b.py", False),
        ("a.tsx", "*.{ts,tsx}", True),
        ("src/a.ts", "{src,lib}/*.ts", True),
        ("src/[id].ts", "src/[[]id].ts", True),
        ("a" * 200, "*a" * 30 + "b", False),
        ("/".join("a" * 40), "**/a/" * 12 + "b", False),
    ],
)
def test_globs(path: str, pattern: str, fits: bool):
    begun = time.monotonic()
    assert matches_glob(path, pattern) is fits
    assert time.monotonic() - begun < 0.5
