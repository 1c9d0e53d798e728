"""The examples of the store's Python API run as they stand in the documentation."""

import re
import textwrap
from pathlib import Path

import pytest
from store_children import finish, start, url_of

import letta_cli.store

ROOT = Path(__file__).parent.parent.parent
PROCESSES = 3


def test_the_example_of_the_docstring_runs(folder: Path) -> None:
    text = letta_cli.store.__doc__ or ""
    example = textwrap.dedent(text.partition("keep it open::\n")[2].partition("\nEvery")[0])
    assert "store.close()" in example
    check = """
assert [m.seq for m in messages] == [1, 2] and [m.text for m in thread] == ["Who am I?", "Ada."]
assert text == "Her name is Ada Lovelace." and revision.version == 2 and len(hits) == 1
"""
    finish([start(folder, example + check)])


@pytest.mark.sqlite
def test_the_example_of_the_guide_runs_in_many_processes_at_once(folder: Path) -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    example = example.replace("sqlite:////tmp/agent-demo/agent.db", url_of(folder))
    printed = finish([start(folder, example) for _ in range(PROCESSES)])
    assert all(text.startswith("6 messages; line 0\n") for text in printed)
    assert max(len(text.splitlines()) for text in printed) == 3 * PROCESSES
