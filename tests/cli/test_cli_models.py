"""Which model is used when nothing names one, and what `agent models` says of them."""

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pexpect
import pytest
from cli_machine import Machine

ANSWER = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "from the server"}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]


def somebody_listens() -> bool:
    """Whether this computer runs a model server at one of the usual places."""
    for port in (11434, 1234, 8080, 8000):
        with closing(socket.socket()) as probe:
            probe.settimeout(0.3)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
    return False


nobody_listens = pytest.mark.skipif(
    somebody_listens(), reason="a model server runs on this computer and would be used"
)


class Server(http.server.ThreadingHTTPServer):
    """Speaks as much of the OpenAI protocol as choosing a model and one answer need."""

    daemon_threads = True
    models: tuple[str, ...] = ("big-model", "other-model")

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.refusal = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._seen()
        if self.server.refusal:
            self._send("application/json", self.server.refusal, status=401)
        elif self.path == "/v1/models":
            listed = [{"id": name, "object": "model"} for name in self.server.models]
            self._send("application/json", json.dumps({"object": "list", "data": listed}))
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        self._seen()
        self.rfile.read(int(self.headers["Content-Length"]))
        lines = [
            f"data: {json.dumps({'id': 'x', 'object': 'chat.completion.chunk', 'created': 1, 'model': 'm', **part})}\n\n"
            for part in ANSWER
        ]
        self._send("text/event-stream", "".join(lines) + "data: [DONE]\n\n")

    def _seen(self) -> None:
        self.server.paths.append(self.path)
        self.server.keys.append(self.headers.get("Authorization"))

    def _send(self, kind: str, text: str, *, status: int = 200) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_server_named_in_the_environment_answers_with_its_first_model(
    machine: Machine, server: Server
) -> None:
    machine.environ |= {"OPENAI_BASE_URL": server.address, "OPENAI_API_KEY": "sk-test-key"}
    result = machine.json("run", "--output-format", "json", "hi")
    assert result["result"] == "from the server"
    assert result["model"] == "openai-compatible/big-model"
    assert set(server.keys) == {"Bearer sk-test-key"}


def test_a_model_that_cannot_talk_is_not_chosen(machine: Machine, server: Server) -> None:
    server.models = ("text-embedding-nomic", "big-model")
    machine.environ["OPENAI_BASE_URL"] = server.address
    result = machine.json("run", "--output-format", "json", "hi")
    assert result["model"] == "openai-compatible/big-model"


def test_a_model_named_in_the_settings_of_a_server_is_used_unasked(
    machine: Machine, server: Server
) -> None:
    machine.ok("config", "set", "providers.openai-compatible.baseUrl", server.address)
    machine.ok("config", "set", "providers.openai-compatible.model", "other-model")
    result = machine.json("run", "--output-format", "json", "hi")
    assert result["model"] == "openai-compatible/other-model"


def test_the_agents_own_model_needs_no_choice(machine: Machine, server: Server) -> None:
    machine.ok("config", "set", "providers.openai-compatible.baseUrl", server.address)
    machine.ok("agents", "create", "coder", "--model", "openai-compatible/third", "--use")
    result = machine.json("run", "--output-format", "json", "hi")
    assert result["model"] == "openai-compatible/third"


def test_a_named_server_that_is_not_there_is_said(machine: Machine) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    machine.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{port}/v1"
    done = machine.run("run", "hi")
    assert done.returncode == 75
    assert f"127.0.0.1:{port}" in done.stderr


def test_a_server_without_models_is_said(machine: Machine, server: Server) -> None:
    server.models = ()
    machine.environ["OPENAI_BASE_URL"] = server.address
    done = machine.run("run", "hi")
    assert done.returncode == 1
    assert "lists no model" in done.stderr


@nobody_listens
def test_without_any_model_three_lines_say_what_to_type(machine: Machine) -> None:
    done = machine.run("run", "hi")
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: No model is configured")
    assert [line.split()[0] for line in lines[1:]] == ["agent", "export", "agent"]


@pytest.mark.slow
def test_the_list_names_every_model_of_every_configured_provider(
    machine: Machine, server: Server
) -> None:
    machine.environ["OPENAI_BASE_URL"] = server.address
    listed = machine.json("models", "--json")
    assert [model["handle"] for model in listed["openai-compatible"]["models"]] == [
        "openai-compatible/big-model",
        "openai-compatible/other-model",
    ]
    assert "local/qwen2.5-coder-1.5b" in machine.ok("models")
    text = machine.ok("models", "list", "openai-compatible")
    assert "openai-compatible/big-model" in text
    assert "local/" not in text


def test_a_provider_that_fails_is_named_beside_those_that_answer(
    machine: Machine, server: Server
) -> None:
    machine.environ |= {"OPENAI_BASE_URL": server.address}
    machine.ok("config", "set", "providers.vllm.baseUrl", "http://127.0.0.1:9/v1")
    done = machine.run("models")
    assert done.returncode == 0
    assert "big-model" in done.stdout
    assert "agent: vllm: " in done.stderr


def test_pulling_names_size_licence_and_source_and_needs_a_yes(machine: Machine) -> None:
    done = machine.run("models", "pull")
    assert done.returncode == 2
    for words in ("1.1 GB", "Apache-2.0", "huggingface.co/Qwen", "--yes"):
        assert words in done.stderr


def test_pulling_a_file_that_is_not_the_model_is_refused(machine: Machine) -> None:
    wrong = machine.root / "model.gguf"
    wrong.write_bytes(b"GGUF" + bytes(1000))
    done = machine.run("models", "pull", "--from", str(wrong))
    assert done.returncode != 0
    assert done.stderr.count("error: ") == 1
    assert not list((machine.home / "models").glob("*.gguf"))


def chat(machine: Machine) -> pexpect.spawn:
    [program, *arguments] = machine.command("chat")
    return pexpect.spawn(
        program,
        arguments,
        env=machine.env(),
        cwd=str(machine.project),
        timeout=30,
        encoding="utf-8",
    )


def chat_asking_for_an_address(machine: Machine) -> pexpect.spawn:
    child = chat(machine)
    child.expect_exact("1, 2, 3 or 4?")
    child.sendline("3")
    child.expect_exact("Its address")
    return child


@nobody_listens
def test_in_a_terminal_the_question_names_what_would_be_downloaded_first(
    machine: Machine,
) -> None:
    child = chat(machine)
    child.expect_exact("1, 2, 3 or 4?")
    asked = child.before
    for words in ("paste an API key", "1.1 GB", "Apache-2.0", "huggingface.co/Qwen"):
        assert words in " ".join(asked.split())
    assert all(len(line) < 100 for line in asked.splitlines())
    assert "https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF" in asked.split()
    child.sendline("4")
    child.expect_exact("No model is configured")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2


@nobody_listens
@pytest.mark.slow
def test_a_pasted_key_is_kept_privately_and_never_shown(machine: Machine) -> None:
    machine.environ["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:9"  # cannot be tried
    child = chat(machine)
    child.expect_exact("1, 2, 3 or 4?")
    child.sendline("1")
    child.expect_exact("API key (not shown):")
    child.sendline("sk-ant-0123456789abcdefghij")
    child.expect_exact("anthropic/claude-")
    shown = child.before
    child.terminate(force=True)
    assert "0123456789" not in shown
    path = machine.home / "keys.json"
    assert json.loads(path.read_text()) == {"anthropic": "sk-ant-0123456789abcdefghij"}
    assert path.stat().st_mode & 0o777 == 0o600


@nobody_listens
@pytest.mark.slow
def test_the_address_of_a_server_is_kept_when_it_answers(machine: Machine, server: Server) -> None:
    child = chat_asking_for_an_address(machine)
    child.sendline("http://127.0.0.1:9/v1")
    child.expect_exact("Cannot reach the model server at http://127.0.0.1:9/v1")
    child.expect_exact("Its address")
    assert not (machine.home / "settings.json").exists()
    child.sendline(server.address.removeprefix("http://"))
    child.expect_exact("openai-compatible/big-model")
    child.terminate(force=True)
    settings = json.loads((machine.home / "settings.json").read_text())
    assert settings["providers"]["openai-compatible"]["baseUrl"] == server.address


@nobody_listens
@pytest.mark.slow
def test_an_address_without_its_version_is_completed(machine: Machine, server: Server) -> None:
    child = chat_asking_for_an_address(machine)
    child.sendline(f"http://127.0.0.1:{server.server_port}/")
    child.expect_exact("openai-compatible/big-model")
    child.terminate(force=True)
    settings = json.loads((machine.home / "settings.json").read_text())
    assert settings["providers"]["openai-compatible"]["baseUrl"] == server.address


@nobody_listens
@pytest.mark.slow
def test_a_key_that_the_provider_refuses_is_not_kept(machine: Machine) -> None:
    refused = {"error": {"type": "authentication_error", "message": "invalid x-api-key"}}
    server = Server()
    server.refusal = json.dumps(refused)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    machine.environ["ANTHROPIC_BASE_URL"] = server.address.removesuffix("/v1")
    child = chat(machine)
    child.expect_exact("1, 2, 3 or 4?")
    child.sendline("1")
    child.expect_exact("API key (not shown):")
    child.sendline("sk-ant-0123456789abcdefghij")
    child.expect_exact("refused the key")
    child.expect_exact("It is not kept.")
    child.sendline("")
    child.expect_exact("No model is configured")
    child.expect(pexpect.EOF)
    child.close()
    server.shutdown()
    server.server_close()
    assert not (machine.home / "keys.json").exists()


def test_a_server_of_the_settings_that_is_gone_can_be_forgotten(machine: Machine) -> None:
    machine.ok("config", "set", "providers.openai-compatible.baseUrl", "http://127.0.0.1:9/v1")
    done = machine.run("run", "hi")
    assert done.returncode == 75
    assert "to forget this server: agent config remove providers.openai" in " ".join(
        done.stderr.split()
    )
    machine.ok("config", "remove", "providers.openai-compatible.baseUrl")
    assert "baseUrl" not in machine.ok("config")
