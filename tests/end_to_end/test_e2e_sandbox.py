"""With the sandbox switched on, a command of the agent reaches what it may, and nothing else."""

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from letta_cli.workspace.sandbox import candidates


def bash(command):
    return {"tool_calls": [{"name": "Bash", "arguments": {"command": command}}]}


@pytest.fixture
def confined(agent):
    if candidates(agent.env())[0].level == "none":
        pytest.skip("this machine has no sandbox")
    assert agent.run("config", "set", "sandbox.enabled", "true").returncode == 0
    return agent


def test_a_command_writes_the_tree_and_cannot_read_the_home_folder(confined):
    (confined.home / "diary").write_text("dear diary")
    outside = confined.root / "outside"
    command = f"echo new > made; cat {confined.home}/diary; echo x > {outside}; false"
    script = confined.script([bash(command), {"text": "done"}])
    allowed = ("--allowedTools", f"Bash(*) Edit(./**) Edit(/{outside})")
    done = confined.run("run", "go", *allowed, env=script)
    assert done.returncode == 0, done.stderr
    assert (confined.project / "made").read_text() == "new\n"
    told = str(confined.requests()[-1])
    assert "dear diary" not in told and "it ran in a sandbox" in told
    assert not outside.exists()
    assert "dear diary" not in done.stdout


def test_the_doctor_says_what_was_held_back(confined):
    shown = confined.run("doctor").stdout
    line = next(line for line in shown.splitlines() if " sandbox " in line)
    assert "holds writes, secrets" in line and "network, sockets" in line
    assert "(on; what it confines runs unasked)" in line


def test_where_nothing_confines_no_conversation_is_opened(agent):
    assert agent.run("config", "set", "sandbox.enabled", "true").returncode == 0
    # Not this machine's bwrap but one that fails; and Landlock is a stranger to a 32-bit name.
    stub = agent.root / "bin" / "bwrap"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    setarch = ["setarch", "linux32"]
    script = agent.script([{"text": "hello"}])
    env = {**script, "PATH": f"{stub.parent}:{agent.env()['PATH']}"}
    done = subprocess.run(
        [*setarch, sys.executable, "-m", "letta_cli", "run", "hi"],
        env=agent.env(**env), cwd=agent.project, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "nothing here confines commands" in done.stderr
    assert "sandbox.enabled false" in done.stderr


def asking(command, *needs):
    call = {"command": command, "needs": list(needs)}
    return {"tool_calls": [{"name": "Bash", "arguments": call}]}


@pytest.fixture
def bubblewrapped(confined):
    if candidates(confined.env())[0].level != "bubblewrap":
        pytest.skip("this machine has no bubblewrap")
    return confined


@pytest.fixture
def page():
    """A page of this machine, and its port."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"the page itself")

        def log_message(self, *_arguments):
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


BUILD = "python3 -c \"open('built', 'w').write('x')\""


@pytest.mark.slow
def test_an_unlisted_command_runs_unasked_within_the_sandbox_and_nowhere_else(agent):
    script = agent.script([bash(BUILD), {"text": "done"}])
    refused = agent.run("run", "go", env=script)
    assert refused.returncode != 0 and not (agent.project / "built").exists()
    if candidates(agent.env())[0].level != "bubblewrap":
        pytest.skip("this machine has no bubblewrap")
    agent.run("config", "set", "sandbox.enabled", "true")
    agent.run("config", "set", "sandbox.autoAllow", "false")
    refused = agent.run("run", "go", env=script)
    assert refused.returncode != 0 and not (agent.project / "built").exists()
    agent.run("config", "set", "sandbox.autoAllow", "true")
    done = agent.run("run", "go", env=script)
    assert done.returncode == 0, done.stderr
    assert (agent.project / "built").exists()


def test_needs_are_a_parameter_only_where_there_is_a_sandbox(agent):
    script = agent.script([{"text": "hello"}])
    for enabled in ("false", "true"):
        agent.run("config", "set", "sandbox.enabled", enabled)
        agent.run("run", "hi", env=script)
        tools = json.dumps(agent.requests()[-1])
        assert ("network:HOST" in tools) is (enabled == "true")


@pytest.mark.slow
def test_with_nobody_there_a_need_is_refused_and_counted_until_a_rule_grants_it(
    bubblewrapped, page
):
    need = f"network:127.0.0.1:{page}"
    fetch = asking(f"curl -sS http://127.0.0.1:{page}/", need)
    script = bubblewrapped.script([fetch, {"text": "done"}])
    listed = ("--allowedTools", "Bash(curl:*)")
    done = bubblewrapped.run("run", "go", "--output-format", "json", *listed, env=script)
    told = json.loads(done.stdout)
    assert done.returncode != 0 and len(told["permission_denials"]) == 1
    assert "asks for the network, to reach 127.0.0.1" in str(bubblewrapped.requests()[-1])
    bubblewrapped.run("permissions", "add", "allow", f"Sandbox({need})")
    done = bubblewrapped.run("run", "go", *listed, env=script)
    assert done.returncode == 0, done.stderr
    assert "the page itself" in str(bubblewrapped.requests()[-1])


@pytest.mark.slow
def test_a_host_of_the_settings_is_reached_unasked_and_another_is_named_to_the_model(
    bubblewrapped, page
):
    bubblewrapped.run("config", "set", "sandbox.hosts", json.dumps([f"127.0.0.1:{page}"]))
    command = "python3 fetch.py; curl -sSf https://elsewhere.example/"
    (bubblewrapped.project / "fetch.py").write_text(
        "import urllib.request\n"
        f"print(urllib.request.urlopen('http://127.0.0.1:{page}/').read().decode())\n"
    )
    script = bubblewrapped.script([bash(command), {"text": "done"}])
    listed = ("--allowedTools", "Bash(python3 fetch.py) Bash(curl:*)")
    assert bubblewrapped.run("run", "go", *listed, env=script).returncode == 0
    told = str(bubblewrapped.requests()[-1])
    assert "the page itself" in told and "network:elsewhere.example" in told


def test_a_project_cannot_open_the_sandbox(confined):
    (confined.project / ".agent").mkdir()
    settings = {"sandbox": {"enabled": False, "network": True, "hosts": ["evil.example"]}}
    (confined.project / ".agent" / "settings.json").write_text(json.dumps(settings))
    told = confined.json("config", "--json")
    assert "evil.example" not in json.dumps(told).replace("ignored", "")
    line = next(line for line in confined.run("doctor").stdout.splitlines() if " sandbox " in line)
    assert "(on; what it confines runs unasked)" in line or "landlock" in line


@pytest.mark.slow
def test_the_question_says_what_a_command_asks_for_and_yes_grants_it_once(
    bubblewrapped, terminal, page
):
    command = f"curl -sS http://127.0.0.1:{page}/ --noproxy ''"
    turns = [
        asking(command, f"network:127.0.0.1:{page}"),
        bash(command),
        {"text": "All done."},
    ]
    chat = terminal(turns, "ask")
    chat.wait_for("sandbox: bubblewrap")
    chat.enter("fetch it")
    chat.wait_for("asks for the network, to reach 127.0.0.1").wait_for("Yes, this once")
    time.sleep(0.7)  # keys of the first half second are the message's
    chat.type("1").wait_for("All done.")
    assert "the page itself" in chat.text
    first, second = (str(request) for request in bubblewrapped.requests("ask")[-2:])
    assert first.count("the page itself") == second.count("the page itself") >= 1
    assert "Failed to connect" in second or "refused" in second
    chat.end()


def test_a_rule_on_a_file_holds_for_what_an_unlisted_program_opens(bubblewrapped):
    (bubblewrapped.project / ".env").write_text("COLOUR is hidden-value")
    (bubblewrapped.project / "look.py").write_text("print(open('.env').read(), 'was read')")
    script = bubblewrapped.script([bash("python3 look.py"), {"text": "done"}])
    assert bubblewrapped.run("run", "go", env=script).returncode == 0
    assert "hidden-value" in str(bubblewrapped.requests()[-1])
    bubblewrapped.run("permissions", "add", "deny", "Read(./.env)")
    assert bubblewrapped.run("run", "go", env=script).returncode == 0
    # The kernel shows an empty file in its place.
    assert "hidden-value" not in str(bubblewrapped.requests()[-1])


def test_where_everything_is_allowed_what_leaves_the_sandbox_is_asked_about(bubblewrapped):
    outside = bubblewrapped.root / "outside"
    outside.mkdir()
    command = f"echo x > {outside}/made"
    script = bubblewrapped.script([asking(command, f"write:{outside}"), {"text": "done"}])
    assert bubblewrapped.run("run", "go", "--yolo", env=script).returncode != 0
    assert not (outside / "made").exists()
    rule = ("--allowedTools", f"Sandbox(write:{outside})")
    assert bubblewrapped.run("run", "go", "--yolo", *rule, env=script).returncode == 0
    assert (outside / "made").exists()
