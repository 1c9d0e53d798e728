"""What is known without asking: sizes, prices, token estimates, waits in error messages."""

import pytest
from story import READ, Thread

from letta_cli.core.errors import (
    AuthError,
    BadRequest,
    ContextOverflow,
    ModelNotFound,
    Overloaded,
    RateLimited,
    ServerError,
    StreamCut,
)
from letta_cli.core.message import Image, ToolCall
from letta_cli.core.run import Usage
from letta_cli.providers.errors import Where, from_event, from_status, parse_retry_after, translate
from letta_cli.providers.models import is_small, lookup, parameters_in_name
from letta_cli.providers.tokens import IMAGE_TOKENS, estimate, estimate_message, estimate_tools


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("qwen2.5-coder:1.5b", 1.5),
        ("Llama-3.2-3B-Instruct", 3),
        ("smollm2-135m", 0.135),
        ("qwen3:30b-a3b", 30),
        ("mixtral-8x7b-instruct", 56),
        ("qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", 1.5),
        ("gpt-oss:20b", 20),
        ("gemma3n:e4b", 4),
        ("gpt-6-sol", None),
        ("claude-opus-5-5", None),
    ],
)
def test_the_size_stands_in_the_name(name, billions):
    assert parameters_in_name(name) == billions


def test_up_to_eight_billion_is_small():
    assert is_small("llama3.1:8b")
    assert not is_small("qwen3:14b")
    assert not is_small("gpt-6-sol")
    assert is_small("anything:latest", 1.5)
    assert not is_small("named-7b-but-bigger", 72.0)


def test_a_dated_name_and_a_vendor_prefix_find_the_row():
    assert lookup("claude-haiku-4-5-20251001") == lookup("claude-haiku-4-5")
    assert lookup("openai/gpt-4.1-2025-04-14") == lookup("gpt-4.1")
    assert lookup("gpt-4.1-nano-special") is None


def test_a_long_prompt_costs_the_second_price_throughout():
    row = lookup("claude-haiku-5-5")
    assert row is not None
    assert row.cost(Usage(input=100_000)) == pytest.approx(0.01)
    assert row.cost(Usage(input=50_000, cache_read=50_001)) == pytest.approx(0.0275, abs=1e-6)


def test_a_model_without_a_known_price_costs_none():
    row = lookup("gpt-6.2-sol")
    assert row is not None
    assert row.context_window == 1_050_000
    assert row.cost(Usage(input=1)) is None


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("", 0, 0),
        ("a", 1, 1),
        ("The quick brown fox jumps over the lazy dog. " * 20, 180, 270),
        ("def add(a: int, b: int) -> int:\n    return a + b\n" * 20, 200, 420),
        ("你好世界" * 50, 200, 260),
        ("こんにちは、世界。" * 20, 160, 220),
        ("안녕하세요 세계" * 20, 100, 190),
        ("Привет, мир! " * 20, 90, 150),
    ],
)
def test_the_estimate_is_near_what_tokenizers_count(text, low, high):
    assert low <= estimate(text) <= high


def test_messages_and_tools_are_estimated_with_all_their_parts():
    thread = Thread()
    short = thread.add("user", "hi")
    picture = thread.add("user", "hi", Image("image/png", "x"))
    call = thread.add("assistant", ToolCall("c", "Read", {"path": "x" * 360}))
    assert estimate_message(picture) - estimate_message(short) == IMAGE_TOKENS
    assert estimate_message(call) > 100
    assert estimate_tools([READ]) > 20


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"retry-after": "12.5"}, "", 12.5),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "-1"}, "", None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, "", 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, "", 1.5),
        ({}, "Rate limit reached. Please try again in 6m0s.", 360),
        ({}, "Please try again in 20.5s. Visit …", 20.5),
        ({}, "try again in 350ms", 0.35),
        ({}, "try again in 1h2m3s", 3723),
        ({}, "please try again in a moment", None),
        ({}, "", None),
    ],
)
def test_the_wait_is_read_wherever_it_stands(headers, message, seconds):
    assert parse_retry_after(headers, message) == seconds


WHERE = Where("openai-compatible", "The model server", "http://127.0.0.1:1/v1", "m", "verysecret")


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "", AuthError),
        (403, "", AuthError),
        (404, "", ModelNotFound),
        (402, "", BadRequest),
        (422, "context length exceeded", ContextOverflow),
        (400, "max_model_len is 4096", ContextOverflow),
        (429, "", RateLimited),
        (529, "", Overloaded),
        (599, "", ServerError),
        (418, "", BadRequest),
    ],
)
def test_each_status_has_its_error(status, message, kind):
    assert type(from_status(status, message, WHERE)) is kind


def test_a_code_beats_what_a_status_would_mean():
    assert isinstance(from_status(400, "", WHERE, code="model_not_found"), ModelNotFound)
    assert isinstance(from_event("429", "", WHERE), RateLimited)
    assert isinstance(from_event("", "prompt is too long", WHERE), ContextOverflow)


def test_keys_are_struck_out_of_a_servers_words():
    words = "bad key verysecret or sk-abc123def456 or Bearer abc.def"
    told = str(from_status(400, words, WHERE))
    assert "verysecret" not in told
    assert "abc123" not in told
    assert "abc.def" not in told
    assert "verysecret" not in repr(WHERE)


def test_a_servers_words_are_kept_short():
    assert len(str(from_status(400, "x " * 5000, WHERE))) < 600


def test_ollama_is_told_to_pull_what_it_does_not_have():
    where = Where("ollama", "Ollama", "http://127.0.0.1:11434/v1", "qwen3:8b")
    assert "ollama pull qwen3:8b" in str(from_status(404, "", where))


def test_what_is_a_mistake_in_our_program_is_not_dressed_up():
    assert translate(TypeError("x"), WHERE) is None
    assert translate(KeyError("x"), WHERE) is None
    assert isinstance(translate(ValueError("bad json"), WHERE), StreamCut)
