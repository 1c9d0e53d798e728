"""A small model that is told to remember something stores all of it."""

import sys
from pathlib import Path

import pytest

from letta_cli.core.message import ToolCall
from letta_cli.core.provider import Completed
from letta_cli.providers.small import SmallModelProvider
from letta_cli.providers.small.statements import is_held, statements

sys.path.insert(0, str(Path(__file__).parent))
from small_story import Door, Thread, call


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("My name is Ada and I like short answers. Remember that.",
         ["My name is Ada and I like short answers."]),
        ("Remember that I drink coffee", ["I drink coffee"]),
        ("Please remember: the port is 7421.\nThe host is db2.",
         ["the port is 7421.", "The host is db2."]),
        ("I like tea, don't forget that!", ["I like tea"]),
        ("Remember that I write tabs. Then run the tests.", ["I write tabs."]),
        ("Remember to write tests first", ["to write tests first"]),
        ("Can you remember this for me? I work on Fridays only.", ["I work on Fridays only."]),
        ("Note that Müller & Söhne is our customer.", ["Müller & Söhne is our customer."]),
    ],
)  # fmt: skip
def test_the_statements_of_a_request_are_found(text: str, found: list[str]) -> None:
    assert statements(text) == found


def test_a_statement_is_held_however_its_words_are_inflected() -> None:
    said = "My name is Ada and I like short answers."
    assert is_held(said, "The person is called Ada and likes short answers.")
    assert is_held(said, "Ada. Prefers... no: likes short answers")
    assert not is_held(said, "The person likes short answers.")
    assert not is_held(said, "The person's name is Ada.")
    assert not is_held("The port is 7421", "The port is 7422")


async def remembered(text: str, new_string: str) -> str:
    door = Door(call("memory_insert", label="human", new_string=new_string))
    deltas = [d async for d in SmallModelProvider(door).stream(Thread().asks(text).request())]
    end = deltas[-1]
    assert isinstance(end, Completed)
    (part,) = end.parts
    assert isinstance(part, ToolCall) and part.name == "memory_insert"
    return str(part.arguments["new_string"])


async def test_half_of_what_was_said_becomes_all_of_it() -> None:
    said = "My name is Ada and I like short answers. Remember that."
    whole = "The person is Ada and likes short answers."
    assert await remembered(said, whole) == whole
    for half in ("The person likes short answers.", "I am Ada.", "FACT"):
        assert await remembered(said, half) == "My name is Ada and I like short answers."
