"""What a conversation did to files is taken back, and nobody else's work with it."""

import json
import os
import signal
import subprocess
import time

import pytest

pytestmark = pytest.mark.slow


def call(name, **arguments):
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


def say(text="done"):
    return {"text": text}


ALLOWED = ("--permission-mode", "acceptEdits", "--allowedTools", "Bash(*)")


def work(agent, *turns, words="work", name="script", more=()):
    done = agent.run("run", words, *ALLOWED, *more, env=agent.script(list(turns), name))
    assert done.returncode == 0, done.stderr
    return done


def undo(agent, *arguments):
    done = agent.run("undo", "--yes", "--json", *arguments)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_edits_by_tools_and_by_commands_go_back_and_the_index_and_the_refs_stay(agent):
    agent.repository(**{"a.py": "a = 1\n", "b.py": "b = 1\n", ".gitignore": "build/\n"})
    (agent.project / "loose.txt").write_text("untracked\n")
    (agent.project / "staged.txt").write_text("staged\n")
    agent.git("add", "staged.txt")
    before = (agent.git("status", "--porcelain"), agent.git("stash", "list"), agent.git("log"))
    work(
        agent,
        call("Read", file_path="a.py"),
        call("Edit", file_path="a.py", old_string="a = 1", new_string="a = 2"),
        call("Write", file_path="new/deep.py", content="new\n"),
        call("Bash", command="echo more >> a.py; rm b.py; echo x > loose.txt; mkdir build; "
             "echo y > build/out; printf 'caf\\xc3\\xa9' > 'with space \u00e9.txt'"),
        say(),
    )  # fmt: skip
    assert (agent.project / "a.py").read_text() == "a = 2\nmore\n"
    code, told = undo(agent)
    assert (code, told["left"], told["failed"]) == (0, [], [])
    assert (agent.project / "a.py").read_text() == "a = 1\n"
    assert (agent.project / "b.py").read_text() == "b = 1\n"
    assert (agent.project / "loose.txt").read_text() == "untracked\n"
    assert not (agent.project / "new" / "deep.py").exists()
    assert not (agent.project / "with space \u00e9.txt").exists()
    # Ignored by git, so not covered; and the help says so.
    assert (agent.project / "build" / "out").exists()
    after = (agent.git("status", "--porcelain"), agent.git("stash", "list"), agent.git("log"))
    assert after == before
    assert agent.git("fsck") == ""


def test_what_others_changed_since_is_shown_and_left(agent):
    agent.repository(**{"a.py": "one\ntwo\n", "b.py": "b\n"})
    work(
        agent,
        call("Read", file_path="a.py"),
        call("Edit", file_path="a.py", old_string="one", new_string="ONE"),
        call("Bash", command="echo c > b.py"),
        say(),
    )
    (agent.project / "a.py").write_text("ONE\ntwo\nmine\n")
    done = agent.run("undo", "--yes")
    assert done.returncode == 1
    assert "was changed by others since" in done.stdout and "+mine" in done.stdout
    assert (agent.project / "a.py").read_text() == "ONE\ntwo\nmine\n"
    assert (agent.project / "b.py").read_text() == "b\n"


def test_a_change_of_another_session_between_ours_is_not_lost(agent):
    agent.repository(**{"a.py": "a\n"})
    append = "echo {} >> a.py"
    ours = [call("Bash", command=append.format("ours")), say()]
    again = [call("Bash", command=append.format("again")), say()]
    work(agent, *ours, words="first")
    work(agent, call("Bash", command=append.format("theirs")), say(), name="other")
    work(agent, *ours, *again, more=("-r", "first"))
    first = agent.json("sessions", "list", "--json")
    mine = next(one["id"] for one in first if one["title"] == "first")
    code, told = undo(agent, mine, "--to", "1")
    assert (code, told["restored"]) == (1, [])
    assert told["left"][0]["reason"] == "others changed it between our changes"
    assert (agent.project / "a.py").read_text() == "a\nours\ntheirs\nagain\n"
    code, told = undo(agent, mine)
    assert (code, len(told["restored"])) == (0, 1)
    assert (agent.project / "a.py").read_text() == "a\nours\ntheirs\n"


def test_one_goes_back_turn_by_turn_and_the_model_is_told(agent):
    agent.repository(**{"a.py": "0\n"})
    script = agent.script([
        call("Bash", command="echo 1 > a.py"), say(), call("Bash", command="echo 2 > a.py"), say(),
        say("I see."),
    ])  # fmt: skip
    for words in (["first"], ["-c", "second"]):
        assert agent.run("run", *words, *ALLOWED, env=script).returncode == 0
    turns = agent.run("undo", "--list").stdout
    assert "first" in turns and "second" in turns
    assert undo(agent)[1]["restored"] == [str(agent.project / "a.py")]
    assert (agent.project / "a.py").read_text() == "1\n"
    assert undo(agent)[0] == 0
    assert (agent.project / "a.py").read_text() == "0\n"
    assert "No turn of this conversation has changed files" in agent.run("undo", "--yes").stderr
    assert agent.run("run", "-c", "and now?", env=script).returncode == 0
    assert "took back changes of files" in json.dumps(agent.requests()[-1])


def test_edits_that_cancel_out_leave_nothing_to_ask_about(agent):
    agent.repository(**{"a.py": "0\n"})
    work(
        agent,
        call("Bash", command="echo 1 > a.py"),
        call("Bash", command="echo 0 > a.py"),
        say(),
    )
    done = agent.run("undo")
    assert done.returncode == 0
    assert "as it was a.py" in done.stdout.replace(f"{agent.project}/", "")
    assert "Nothing to take back" in done.stdout


def test_a_dry_run_and_a_missing_yes_change_nothing(agent):
    agent.repository(**{"a.py": "0\n"})
    work(agent, call("Bash", command="echo 1 > a.py"), say())
    shown = agent.run("undo", "--dry-run")
    assert shown.returncode == 0 and "restore" in shown.stdout and "Not covered" in shown.stdout
    assert agent.run("undo").returncode == 2
    assert (agent.project / "a.py").read_text() == "1\n"


def test_line_ends_and_filters_of_a_repository_change_no_byte(agent):
    agent.repository(**{".gitattributes": "* text=auto eol=crlf\n*.bin filter=evil\n"})
    agent.git("config", "filter.evil.clean", "touch evil-ran; cat")
    agent.git("config", "core.fsmonitor", "touch evil-ran; false")
    (agent.project / "unix.txt").write_bytes(b"one\ntwo\n")
    (agent.project / "data.bin").write_bytes(b"\0\r\n\xff")
    work(agent, call("Bash", command="echo x > unix.txt; echo x > data.bin"), say())
    assert undo(agent)[0] == 0
    assert (agent.project / "unix.txt").read_bytes() == b"one\ntwo\n"
    assert (agent.project / "data.bin").read_bytes() == b"\0\r\n\xff"
    assert not (agent.project / "evil-ran").exists()


def test_outside_a_repository_edits_by_tools_are_covered(agent):
    (agent.project / "a.txt").write_text("old\n")
    work(
        agent,
        call("Read", file_path="a.txt"),
        call("Write", file_path="a.txt", content="new\n"),
        call("Bash", command="echo b > b.txt"),
        say(),
    )
    assert undo(agent)[0] == 0
    assert (agent.project / "a.txt").read_text() == "old\n"
    assert (agent.project / "b.txt").exists()


def test_a_killed_run_can_be_taken_back(agent):
    agent.repository(**{"a.py": "0\n"})
    script = agent.script([
        call("Read", file_path="a.py"),
        call("Edit", file_path="a.py", old_string="0", new_string="1"),
        {"hang": True},
    ])  # fmt: skip
    process = agent.start("run", "work", *ALLOWED, env=script)
    try:
        for _ in range(200):
            if (agent.project / "a.py").read_text() == "1\n":
                break
            subprocess.run(["sleep", "0.05"], check=True)
    finally:
        process.kill()
        process.wait()
    assert undo(agent)[0] == 0
    assert (agent.project / "a.py").read_text() == "0\n"


def test_what_a_command_did_is_taken_back_when_its_agent_was_killed_in_the_middle(agent):
    agent.repository(**{"a.py": "0\n", "b.py": "0\n", ".gitignore": "running\n"})
    mine = "echo 1 > a.py; rm b.py; echo 1 > c.py; echo $$ > running; sleep 60"
    script = agent.script([call("Bash", command=mine), say()])
    process = agent.start("run", "work", *ALLOWED, env=script)
    running = agent.project / "running"
    try:
        deadline = time.monotonic() + 30
        while not (running.exists() and running.read_text().strip()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
        os.kill(int(running.read_text()), signal.SIGKILL)
    code, told = undo(agent)
    assert (code, len(told["restored"]), told["left"]) == (0, 3, [])
    assert (agent.project / "a.py").read_text() == (agent.project / "b.py").read_text() == "0\n"
    assert not (agent.project / "c.py").exists()
    assert "No turn of this conversation has changed files" in agent.run("undo", "--yes").stderr


def test_what_is_too_old_to_be_taken_back_is_removed_but_nothing_of_an_open_session(agent):
    agent.repository(**{"a.py": "0\n"})
    work(agent, call("Bash", command="echo 1 > a.py"), say())
    undone = agent.home / ".agent" / "undo"
    (store,) = (undone / "trees").glob("*.git")
    kept = [path for path in (undone / "files").glob("*/*") if path.is_file()]
    assert agent.run("undo", "--tidy").returncode == 0
    assert kept and all(path.exists() for path in kept)
    old = time.time() - 40 * 86_400
    for path in (*kept, *store.glob("objects/??"), *store.glob("objects/??/*")):
        os.utime(path, (old, old))
    open_session = store / f"index-{os.getpid()}"
    open_session.touch()
    dead = store / "index-999999999"
    dead.touch()
    assert agent.run("undo", "--tidy").returncode == 0
    assert not any(path.exists() for path in kept)
    assert store.exists() and not dead.exists()
    open_session.unlink()
    assert agent.run("undo", "--tidy").returncode == 0
    assert not list((undone / "trees").iterdir())
    work(agent, call("Bash", command="echo 2 > a.py"), say(), words="again")
    assert undo(agent)[0] == 0
    assert (agent.project / "a.py").read_text() == "1\n"


def test_tidying_never_prunes_the_repository_that_the_persons_variables_name(agent):
    agent.repository(**{"a.py": "0\n"})
    work(agent, call("Bash", command="echo 1 > a.py"), say())
    loose = agent.project / "loose.txt"
    loose.write_text("kept by nobody\n")
    name = agent.git("hash-object", "-w", "loose.txt").strip()
    theirs = agent.project / ".git" / "objects"
    old = time.time() - 40 * 86_400
    os.utime(theirs / name[:2] / name[2:], (old, old))
    pointed = {"GIT_OBJECT_DIRECTORY": str(theirs), "GIT_DIR": str(agent.project / ".git")}
    assert agent.run("undo", "--tidy", env=pointed).returncode == 0
    assert (theirs / name[:2] / name[2:]).exists()


def test_in_the_chat_one_chooses_the_turn_and_what_goes_back(agent, terminal):
    agent.repository(**{"a.py": "0\n"})
    script = [
        say("hello"), call("Bash", command="echo 1 > a.py"), say("changed it"),
    ]  # fmt: skip
    one = terminal(script, "one", *ALLOWED)
    one.wait_for("Ask").enter("good morning").wait_for("hello")
    one.enter("change it").wait_for("changed it")
    one.enter("/rewind").wait_for("Go back to before which").wait_for("2. change it")
    one.type("\r").wait_for("restore a.py").wait_for("What goes back?")
    one.type("both\r").wait_for("1 file restored").wait_for("stays as it is")
    assert (agent.project / "a.py").read_text() == "0\n"
    one.enter("once more").wait_for("❯ once more")
    deadline = time.monotonic() + 20
    while len(agent.requests("one")) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    told = json.dumps(agent.requests("one")[-1]["messages"])
    assert "good morning" in told and "once more" in told and "change it" not in told
    assert one.end() == 0


def test_a_link_in_a_folders_place_leads_nothing_that_is_put_back_elsewhere(agent):
    (agent.project / "sub").mkdir()
    agent.repository(**{"sub/authorized": "ssh-ed25519 evil\n"})
    outside = agent.home / "private"
    outside.mkdir()
    work(agent, call("Bash", command=f"rm -r sub; ln -s {outside} sub"), say())
    code, result = undo(agent)
    assert code == 1
    assert list(outside.iterdir()) == []
    assert "link" in json.dumps(result)
