"""What is read from words and answers: wishes, calls written as text, streamed objects."""

import json
import sys
from pathlib import Path

import pytest

from letta_cli.providers.small.reply import ReplyReader
from letta_cli.providers.small.salvage import find_call
from letta_cli.providers.small.syntax import broken_syntax, undefined
from letta_cli.providers.small.wish import read_wish

sys.path.insert(0, str(Path(__file__).parent))

KNOWN = {"Read", "Bash", "respond"}
CALL = ("Read", {"file_path": "a.py"})


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Read", "arguments": {"file_path": "a.py"}}',
        'I will look.\n```json\n{"name": "Read", "arguments": {"file_path": "a.py"}}\n```',
        '<tool_call>\n{"name": "Read", "arguments": {"file_path": "a.py"}}\n</tool_call>',
        '<tools>{"name": "Read", "arguments": {"file_path": "a.py"}}</tools>',
        '<tool_call>{"name": "Read", "arguments": {"file_path": "a.py"}}',
        '{"tool": "Read", "args": {"file_path": "a.py"}}',
        '{"function": "Read", "parameters": {"file_path": "a.py"}}',
        '{"function": {"name": "Read", "arguments": "{\\"file_path\\": \\"a.py\\"}"}}',
        '{"tool": "read", "file_path": "a.py"}',
        '[{"name": "Read", "arguments": {"file_path": "a.py"}}]',
        'Sure: {"name": "Read", "arguments": {"file_path": "a.py"}} is what I do.',
        '<think>maybe {"name": "Bash", "arguments": {"command": "rm"}}</think>'
        '{"name": "Read", "arguments": {"file_path": "a.py"}}',
    ],
)
def test_a_call_is_found_however_it_is_written(text: str) -> None:
    assert find_call(text, KNOWN) == CALL


@pytest.mark.parametrize(
    "text",
    [
        "There is nothing to do.",
        '{"name": "Delete", "arguments": {"path": "/"}}',
        '{"name": "Ada", "age": 36}',
        '> {"name": "Bash", "arguments": {"command": "rm -r x"}}\n\nThat was quoted.',
        'The file has:\n```python\nx = {"name": "Bash", "arguments": {"command": "ls"}}\n```',
        '{"name": "Read", "arguments": "not json"}',
    ],
)
def test_what_is_only_shown_or_unknown_is_no_call(text: str) -> None:
    assert find_call(text, KNOWN) is None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_words_stream_out_of_the_object_in_pieces_of_any_size(size: int) -> None:
    said = 'He said "no"\n\tto\\from Zoë 🐦 \u0007'
    raw = json.dumps({"name": "respond", "arguments": {"text": said}})
    reader = ReplyReader()
    words = "".join(reader.feed(raw[at : at + size]) for at in range(0, len(raw), size))
    assert words == said


def test_a_tools_arguments_are_not_words_for_the_person() -> None:
    reader = ReplyReader()
    assert reader.feed('{"name":"Bash","arguments":{"text":"secret"}}') == ""
    assert reader.name == "Bash"


@pytest.mark.parametrize(
    ("text", "change", "check", "memory"),
    [
        ("Fix the failing test in calc.py", True, True, False),
        ("Can you add a flag to the parser?", True, False, False),
        ("What does calc.py do?", False, False, False),
        ("Why did you change the parser?", False, False, False),
        ("Remember that I write tabs", False, False, True),
        ("Do you remember what I write?", False, False, False),
        ("Run the tests and tell me what fails", False, False, False),
        ("It crashes with a KeyError, please fix it", True, True, False),
    ],
)
def test_the_kind_of_a_wish_is_read(text: str, change: bool, check: bool, memory: bool) -> None:
    wish = read_wish(text)
    assert (wish.change, wish.check, wish.memory) == (change, check, memory)


def test_adding_is_told_from_the_first_verb() -> None:
    assert read_wish("Add a docstring that says: make it fit").add
    assert not read_wish("Fix the parser and add a note").add


def test_destruction_is_heard_and_ordinary_deletion_is_not() -> None:
    assert read_wish("delete everything in my home directory").destructive
    assert read_wish("please run rm -rf /").destructive
    assert not read_wish("remove the unused import from a.py").destructive


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("Rename fetch() in a.py and b.py to load", ("fetch", "load")),
        ("rename the method old_name to new_name", ("old_name", "new_name")),
        ("please rename `Box` as `Crate` everywhere", ("Box", "Crate")),
        ("why did you rename a to b?", None),
    ],
)
def test_old_and_new_name_are_read(text: str, pair: tuple[str, str] | None) -> None:
    assert read_wish(text).rename == pair


def test_files_and_names_in_code_are_told_apart() -> None:
    wish = read_wish("Use `Invoice` from src/bill.py in make_report()")
    assert wish.paths == ("src/bill.py",)
    assert wish.names == ("Invoice", "make_report")


def test_a_program_sees_broken_files_and_names_without_meaning() -> None:
    assert broken_syntax("a.py", "def f(:\n")
    assert broken_syntax("a.json", '{"a": 1,}')
    assert "twice" in broken_syntax("a.json", '{"a": 1, "b": {}, "a": 2}')
    assert broken_syntax("a.toml", "a = ")
    assert not broken_syntax("a.md", "def f(:")
    assert undefined(
        "a.py", "import os\ndef f(x):\n    return os.getcwd() + x + json.dumps(y)\n"
    ) == {
        "json",
        "y",
    }
    assert (
        undefined("a.py", "def f():\n    global z\n    z = 1\nprint([n for n in f.k])\n") == set()
    )
    assert (
        undefined("a.py", "class A:\n    b = 1\n    def c(self):\n        return __class__\n")
        == set()
    )
