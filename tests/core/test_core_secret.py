"""What is taken out of text, and what must stay in it."""

import time

import pytest

from letta_cli.core.secret import Masker, StreamMasker, mentioned

LETTERS = "Ab3dEf6hIj9lMn2pQr5tUv8xYz1AbCdEfGhIjKlMnOpQr"


@pytest.mark.parametrize(
    ("secret", "name"),
    [
        (f"sk-ant-api03-{LETTERS}", "Anthropic key"),
        (f"sk-proj-{LETTERS}", "OpenAI key"),
        (f"sk-{LETTERS}", "OpenAI key"),
        (f"sk-or-v1-{'0a1b' * 16}", "OpenRouter key"),
        (f"ghp_{LETTERS[:36]}", "GitHub token"),
        (f"github_pat_{LETTERS}", "GitHub token"),
        (f"glpat-{LETTERS[:20]}", "GitLab token"),
        ("xoxb-123456789012-abcdefGHIJKL", "Slack token"),
        ("AKIAIOSFODNN7EXAMPLE", "AWS key id"),
        (f"AIza{LETTERS[:35]}", "Google key"),
        (f"npm_{LETTERS[:36]}", "npm token"),
        (f"hf_{LETTERS[:34]}", "Hugging Face token"),
        (f"eyJ{LETTERS[:20]}.eyJ{LETTERS[:20]}.{LETTERS[:43]}", "JSON web token"),
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "KEY={}\n", '{{"key": "{}"}}', "curl -H 'X: {}' x", "({})"]
)
def test_the_forms_of_known_issuers_are_taken_out(secret: str, name: str, around: str) -> None:
    assert Masker().mask(around.format(secret)) == around.format(f"[secret {name}]")


def test_a_private_key_loses_its_inside_also_when_its_end_is_cut_off() -> None:
    body = "MIIEpAIBAAKCAQEA75\nqweQWE123\n"
    whole = f"a\n-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\nb"
    masked = Masker().mask(whole)
    assert "MIIE" not in masked and masked.startswith("a\n") and masked.endswith("\nb")
    assert "MIIE" not in Masker().mask(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}")


def test_a_password_in_an_address_is_taken_out_and_a_placeholder_is_not() -> None:
    mask = Masker().mask
    assert mask("postgres://ada:hunter22@db/x") == "postgres://ada:[secret password]@db/x"
    for text in ("https://user:$PASSWORD@host", "https://u:{pw}@h", "http://host:8080/a@b"):
        assert mask(text) == text


def test_known_values_are_taken_out_whatever_they_look_like() -> None:
    masker = Masker({"DEPLOY": "correct horse", "LONGER": "correct horse battery", "PIN": "1234"})
    text = "say correct horse battery, then correct horse; 1234"
    assert masker.mask(text) == "say [secret LONGER], then [secret DEPLOY]; 1234"


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn and sk-image are libraries",
        "task-0123456789abcdef0123456789abcdef0123456789",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "id: 7f3b5c9e-8d2a-4e1f-9b6c-0a1b2c3d4e5f",
        "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "class AKIAParser: pass",
        "eyJhbGciOi is how a token begins",
        "mailto:someone@example.org, ssh://git@host/path",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert Masker({"A": "not in here"}).mask(text) == text


def test_a_hostile_text_takes_no_longer_than_its_length() -> None:
    masker = Masker({"A": "a" * 50})
    began = time.process_time()
    for piece in ("eyJ" * 3, "sk-ant-", "-----BEGIN PRIVATE KEY-----", "a://b:", "a" * 49 + " "):
        masker.mask(piece * (200_000 // len(piece)))
    assert time.process_time() - began < 5


def test_a_command_gets_the_secrets_that_it_mentions() -> None:
    secrets = {"TOKEN": "a", "TOKEN_TWO": "b", "THIRD": "c"}
    assert mentioned('curl -H "X: $TOKEN" ${THIRD}', secrets) == {"TOKEN": "a", "THIRD": "c"}
    assert mentioned("echo $TOKENS TOKEN_TW", secrets) == {}


def test_all_texts_of_a_value_are_masked() -> None:
    value = {"a": ["say hunter22", 3, None], "b": {"c": "hunter22"}}
    assert Masker({"PW": "hunter22"}).mask_all(value) == {
        "a": ["say [secret PW]", 3, None],
        "b": {"c": "[secret PW]"},
    }


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_pieces_of_a_secret_are_never_told(size: int) -> None:
    known = "correct horse battery"
    key = f"-----BEGIN PRIVATE KEY-----\n{LETTERS}\n-----END PRIVATE KEY-----"
    text = f"a {known}, then sk-ant-api03-{LETTERS} s (AKIAIOSFODNN7EXAMPLE) {key} é, corr end sk"
    masker = Masker({"DEPLOY": known})
    stream = StreamMasker(masker)
    pieces = [stream.feed(text[at : at + size]) for at in range(0, len(text), size)]
    told = "".join([*pieces, stream.flush()])
    assert told == masker.mask(text)


def test_ordinary_words_are_told_as_they_come() -> None:
    stream = StreamMasker(Masker({"DEPLOY": "correct horse battery"}))
    for piece in ("Hello", " wor", "ld, ", "日本語", "\n"):
        assert stream.feed(piece) == piece


def test_masking_a_stream_keeps_up_with_a_model() -> None:
    known = {f"NAME{number}": f"{LETTERS}{number}" for number in range(50)}
    stream = StreamMasker(Masker(known))
    began = time.process_time()
    for _ in range(2_000):
        stream.feed("word and ")
    assert time.process_time() - began < 2
