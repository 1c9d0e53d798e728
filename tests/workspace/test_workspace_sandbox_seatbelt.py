"""The profile for macOS's sandbox-exec by its structure; it has not been run."""

import re
from pathlib import Path

import pytest

from letta_cli.core.need import Need
from letta_cli.workspace.sandbox import Confinement, confine
from letta_cli.workspace.sandbox.seatbelt import profile


@pytest.fixture
def place(tmp_path: Path):
    for name in ("home/shop/.git/hooks", "home/.ssh", "home/.cargo/bin", "agent", "tmp", "data"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def reach_of(place: Path, *grants: Need) -> Confinement:
    return confine(
        place / "home" / "shop", tree=place / "home" / "shop", home=place / "home",
        agent_home=place / "agent", temporary=place / "tmp", environment={"PATH": "/usr/bin"},
        grants=frozenset(grants),
    )  # fmt: skip


def decided(text: str, operation: str, path: Path) -> str:
    """What the profile says of an operation on a path: the last rule that fits decides."""
    verdict = "allow"
    for line in text.splitlines():
        found = re.match(r"\((allow|deny) (\S+)(.*)\)$", line)
        if found is None:
            continue
        said, named, rest = found.groups()
        if named not in ("default", operation, operation.split("-")[0] + "*"):
            continue
        places = re.findall(r'\((subpath|literal) "([^"]*)"\)', rest)
        fits = any(
            path == Path(each) or (kind == "subpath" and path.is_relative_to(each))
            for kind, each in places
        )
        if fits or not places:
            verdict = said
    return verdict


def test_parentheses_and_quotes_are_balanced(place: Path) -> None:
    odd = place / 'a "quoted" \\ folder'
    odd.mkdir()
    text = profile(reach_of(place, Need("write", str(odd))))
    assert text.startswith("(version 1)\n(allow default)\n(deny file-write*)")
    assert '\\"quoted\\" \\\\ folder' in text
    for line in text.splitlines():
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", line)
        assert bare.count("(") == bare.count(")") and '"' not in bare


def test_files_are_written_in_the_tree_alone_and_not_what_runs_later(place: Path) -> None:
    text = profile(reach_of(place))
    tree = place / "home" / "shop"
    assert decided(text, "file-write*", tree / "app.py") == "allow"
    for path in (tree / ".git" / "hooks" / "x", tree / ".mcp.json", place / "data" / "x",
                 place / "home" / ".bashrc", Path("/etc/hosts")):  # fmt: skip
        assert decided(text, "file-write*", path) == "deny", path


def test_the_home_folder_is_hidden_but_for_tool_chains(place: Path) -> None:
    text = profile(reach_of(place))
    home = place / "home"
    assert decided(text, "file-read*", home / "diary") == "deny"
    assert decided(text, "file-read*", home / ".ssh" / "id") == "deny"
    assert decided(text, "file-read*", home / ".cargo" / "bin" / "cargo") == "allow"
    assert decided(text, "file-read*", home / "shop" / "app.py") == "allow"


def test_needs_open_what_they_name(place: Path) -> None:
    closed = profile(reach_of(place))
    opened = profile(reach_of(place, Need("network"), Need("write", str(place / "data"))))
    assert "(deny network*)" in closed and "(deny network*)" not in opened
    assert decided(opened, "file-write*", place / "data" / "x") == "allow"
