"""Models that turn texts into vectors: a server's, and the one that runs on this computer."""

import json
import os
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from letta_cli.core.errors import ConfigError, ConnectionFailed, ProviderError
from letta_cli.core.provider import ProviderSettings
from letta_cli.providers.embedding import (
    LOCAL,
    choose_embedder,
    load_embedder,
    runtime_missing,
    weights_missing,
)
from letta_cli.providers.embedding.quantized import quantized

MODELS = Path(os.environ.get("AGENT_TEST_MODELS", "~/.agent/models")).expanduser()


class Server:
    """Speaks ``/v1/embeddings``; `answer` may be replaced."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], dict]] = []
        self.answer = lambda texts: {
            "data": [{"embedding": [len(text), 1.0, -2.0]} for text in texts]
        }
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.requests.append(
                    ({name.lower(): value for name, value in self.headers.items()}, body)
                )
                found = self.path == "/v1/embeddings"
                data = json.dumps(outer.answer(body["input"]) if found else {}).encode()
                self.send_response(200 if found else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


def asked(server: Server):
    settings = ProviderSettings("openai-compatible", api_key="secret-key", base_url=server.url)
    return load_embedder("openai-compatible/embed-small", settings)


def test_a_server_is_asked_once_for_many_texts(server: Server):
    vectors = asked(server).embed(["a", "", "ccc"])
    assert [struct.unpack("3b", vector) for vector in vectors] == quantized_of(1, 1, 3)
    ((headers, body),) = server.requests
    assert (body["model"], body["input"]) == ("embed-small", ["a", "-", "ccc"])
    assert headers["authorization"] == "Bearer secret-key"


def quantized_of(*lengths: int):
    return [struct.unpack("3b", quantized([[length, 1.0, -2.0]])[0]) for length in lengths]


def test_vectors_have_unit_length_and_127_for_one():
    (vector, zero) = quantized([[3.0, 4.0], [0.0, 0.0]])
    assert struct.unpack("2b", vector) == (76, 102)
    assert struct.unpack("2b", zero) == (0, 0)


@pytest.mark.parametrize("answer", [{}, {"data": []}, {"data": [{"embedding": ["x"]}]}, [1]])
def test_an_answer_without_embeddings_is_an_error_that_says_so(server: Server, answer):
    server.answer = lambda texts: answer
    with pytest.raises(ProviderError, match="embed"):
        asked(server).embed(["a"])


def test_a_server_that_is_gone_is_said(server: Server):
    settings = ProviderSettings("openai-compatible", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ConnectionFailed):
        load_embedder("openai-compatible/m", settings).embed(["a"])


def test_settings_decide_which_model(tmp_path: Path, server: Server):
    def settings(name: str) -> ProviderSettings:
        return ProviderSettings(name, cache_dir=str(tmp_path), base_url=server.url)

    assert choose_embedder("off", settings) is None
    assert choose_embedder("", settings) is None
    chosen = choose_embedder("ollama/nomic-embed-text", settings)
    assert chosen is not None
    assert chosen.model == "ollama/nomic-embed-text"
    with pytest.raises(ConfigError, match=r"pip install|agent models pull"):
        choose_embedder(LOCAL, settings)
    with pytest.raises(ConfigError, match="no embedding model"):
        choose_embedder("local/other", settings)
    with pytest.raises(ConfigError, match="baseUrl"):
        load_embedder("anthropic/x", ProviderSettings("anthropic"))


@pytest.mark.skipif(runtime_missing(), reason="the extra [semantic] is not installed")
def test_broken_weights_are_an_error_that_says_how_to_mend_them(tmp_path: Path):
    from letta_cli.providers.embedding.minilm import MiniLM

    with pytest.raises(ProviderError, match="agent models pull all-minilm-l6-v2"):
        MiniLM(tmp_path).embed(["a"])


@pytest.mark.model
@pytest.mark.skipif(
    runtime_missing() or weights_missing(MODELS), reason="agent models pull all-minilm-l6-v2"
)
def test_the_local_model_knows_what_means_the_same():
    embedder = load_embedder(LOCAL, ProviderSettings("local", cache_dir=str(MODELS)))
    texts = ["The car would not start.", "My automobile has a dead battery.", "Bake for an hour."]
    car, automobile, cake = (struct.unpack("384b", each) for each in embedder.embed(texts))
    assert 120 < sum(value * value for value in car) ** 0.5 < 134

    def alike(one, other) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True)) / 127**2

    assert alike(car, automobile) > alike(car, cake) + 0.2
    # A batch changes nothing.
    assert embedder.embed(texts[1:2])[0] == struct.pack("384b", *automobile)
