"""The AGENTS.md chain: which files, in which order, with what in them."""

import os
from pathlib import Path

import pytest

from letta_cli.workspace.instructions import MAX_BYTES, Instructions, find_instructions


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "repo" / "src").mkdir(parents=True)
    return tmp_path / "repo"


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def names(found: Instructions, base: Path) -> list[str]:
    return [os.path.relpath(file.path, base) for file in found.files]


def test_the_chain_goes_from_the_person_to_the_nearest_folder(home: Path, root: Path):
    put(home / ".agent" / "AGENTS.md", "global")
    put(home / ".agents" / "AGENTS.md", "shared")
    put(root / "AGENTS.md", "project")
    put(root / "AGENTS.local.md", "mine")
    put(root / "src" / "AGENTS.md", "nearest")
    put(root.parent / "AGENTS.md", "outside of the project")
    found = find_instructions(root / "src", root, home)
    assert names(found, root) == [
        "../home/.agent/AGENTS.md",
        "../home/.agents/AGENTS.md",
        "AGENTS.md",
        "AGENTS.local.md",
        "src/AGENTS.md",
    ]
    order = [found.text.index(word) for word in ("global", "shared", "project", "mine", "nearest")]
    assert order == sorted(order)
    assert "outside of the project" not in found.text


def test_override_beats_agents_and_claude_counts_only_alone(home: Path, root: Path):
    put(root / "AGENTS.override.md", "override")
    put(root / "AGENTS.md", "plain")
    put(root / "CLAUDE.md", "claude")
    put(root / "src" / "CLAUDE.md", "claude below")
    found = find_instructions(root / "src", root, home)
    assert names(found, root) == ["AGENTS.override.md", "src/CLAUDE.md"]


def test_without_a_repository_only_the_directory_itself_counts(home: Path, root: Path):
    put(root / "AGENTS.md", "above")
    put(root / "src" / "AGENTS.md", "here")
    assert names(find_instructions(root / "src", None, home), root) == ["src/AGENTS.md"]


def test_nothing_found_is_nothing_said(home: Path, root: Path):
    put(root / "AGENTS.md", "  \n\n")
    assert find_instructions(root, root, home) == Instructions("", ())


def test_imports_are_put_in_place_but_not_in_code(home: Path, root: Path):
    put(root / "docs" / "style.md", "Use tabs. See @deeper.md")
    put(root / "docs" / "deeper.md", "Deeper.")
    put(
        root / "AGENTS.md",
        "Read @docs/style.md.\nWrite to me@docs/style.md or `@docs/style.md`.\n"
        "```\n@docs/style.md\n```\n@missing.md and @someone stay.\n",
    )
    text = find_instructions(root, root, home).text
    assert text.count("Use tabs. See Deeper.") == 1
    assert "me@docs/style.md or `@docs/style.md`" in text
    assert "```\n@docs/style.md\n```" in text
    assert "@missing.md and @someone stay." in text


def test_imports_end_at_four_levels_and_in_circles(home: Path, root: Path):
    for level in range(8):
        put(root / f"{level}.md", f"level{level} @{level + 1}.md")
    put(root / "AGENTS.md", "@0.md @loop.md")
    put(root / "loop.md", "loop @loop.md")
    text = find_instructions(root, root, home).text
    assert "level3 @4.md" in text
    assert "level4" not in text
    assert "loop @loop.md" in text


def test_a_repository_cannot_import_what_lies_outside_of_it(home: Path, root: Path):
    put(home / "secret.txt", "hunter2")
    put(root / "AGENTS.md", "@~/secret.txt @../home/secret.txt @link.txt")
    (root / "link.txt").symlink_to(home / "secret.txt")
    assert "hunter2" not in find_instructions(root, root, home).text
    put(home / ".agent" / "AGENTS.md", "@~/notes.md")
    put(home / "notes.md", "my notes")
    assert "my notes" in find_instructions(root, root, home).text


def test_comments_are_left_out_but_kept_in_code(home: Path, root: Path):
    put(root / "AGENTS.md", "a<!-- note\nfor people -->b\n\n```html\n<!-- kept -->\n```\n")
    text = find_instructions(root, root, home).text
    assert "ab" in text
    assert "for people" not in text
    assert "<!-- kept -->" in text


def test_what_is_cut_is_told(home: Path, root: Path):
    put(root / "AGENTS.md", "important\n" + "ö line\n" * 6_000)
    put(root / "src" / "AGENTS.md", "no room any more")
    found = find_instructions(root / "src", root, home)
    assert len(found.text.encode()) < MAX_BYTES + 300
    first, second = found.files
    assert first.cut_chars > 0
    assert first.chars + first.cut_chars == len("important\n" + "ö line\n" * 6_000) - 1
    assert (second.chars, second.cut_chars) in ((0, 16), (16, 0))


def test_strange_files_are_passed_over(home: Path, root: Path):
    (root / "AGENTS.md").mkdir()
    put(root / "CLAUDE.md", "@pipe @/dev/zero @binary.bin fine")
    os.mkfifo(root / "pipe")
    (root / "binary.bin").write_bytes(b"\0\1")
    assert "fine" in find_instructions(root, root, home).text
