"""Frames are made inert for the model, and what it writes is taken back exactly."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letta_cli.core.inert import Restorer, inert, restored

PIECES = [
    "<",
    "[",
    "\u2060",
    "|im_start|>",
    "/INST]",
    "system>",
    "notice",
    "a",
    ">",
    "\n",
    " ",
    "｜User｜>",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@pytest.mark.parametrize(
    "frame",
    [
        "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|endoftext|>", "<｜User｜>",
        "[INST]", "[/INST]", "<<SYS>>", "<s>", "</s>", "<end_of_turn>", "<start_of_turn>",
        "<tool_call>", "</tool_response>", "<system-reminder>", "</system-reminder>",
        "</tool_result>", "<function_calls>", "<notice>", "</conversation-summary>", "</outside>",
        '<outside source="the person">', "</memory>", '<block label="human">', "<SYSTEM>",
        '<invoke name="Bash">', "[TOOL_CALLS]", "<think>",
    ],
)  # fmt: skip
def test_a_frame_is_none_any_more_and_comes_back(frame: str) -> None:
    text = f"before {frame} after"
    assert frame not in inert(text)
    assert inert(text).replace("\u2060", "") == text, "nothing that is seen changes"
    assert restored(inert(text)) == text


@pytest.mark.parametrize(
    "text", ["a < b > c", "x[0] | y", "<div class='a'>", "List<String>", "if [ -f x ]; then", "[1]"]
)
def test_ordinary_text_stays_the_same_object(text: str) -> None:
    assert inert(text) is text or inert(text) == text


@given(TEXTS)
def test_the_change_is_undone_exactly_whatever_the_text(text: str) -> None:
    assert restored(inert(text)) == text


@given(TEXTS, st.lists(st.integers(0, 60), max_size=6))
def test_pieces_come_to_the_same_as_the_whole(text: str, cuts: list[int]) -> None:
    sent = inert(text)
    places = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    restorer = Restorer()
    pieces = [sent[a:b] for a, b in itertools.pairwise(places)]
    assert "".join(map(restorer.feed, pieces)) == text
