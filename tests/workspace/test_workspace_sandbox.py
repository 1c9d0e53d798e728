"""Real commands in the real sandboxes of this machine: what they cannot do, and what they still can."""

import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox_world import ENVIRONMENT, HERE, PATH, World

from letta_cli.workspace.sandbox import NO_SANDBOX, Sandbox, best, confine, prove


async def test_the_tree_and_a_temporary_folder_can_be_written(world: World) -> None:
    done = await world.run(
        "echo new > made.txt && mkdir sub && mv made.txt sub/ && cat sub/made.txt"
    )
    assert (done.exit_code, done.output) == (0, "new\n")
    assert (world.tree / "sub" / "made.txt").read_text() == "new\n"


@pytest.mark.parametrize(
    "command",
    [
        "echo x > {outside}/file",
        "touch {outside}/file",
        "cp app.py {outside}/",
        "mv app.py {outside}/",
        "ln app.py {outside}/app.py",
        "ln -s {outside} way && echo x > way/file",
        "mkdir {outside}/folder",
        "python3 -c \"open('{outside}/file', 'w')\"",
        "bash -c 'cd {outside} && echo x > file'",
        "echo x >> {home}/.bashrc",
        "echo x > {home}/.agent/settings.json",
    ],
)
async def test_nothing_else_can_be_written(world: World, command: str) -> None:
    before = sorted(world.outside.iterdir())
    await world.run(command.format(outside=world.outside, home=world.home))
    assert sorted(world.outside.iterdir()) == before
    assert not (world.home / ".bashrc").exists()
    assert not (world.home / ".agent" / "settings.json").exists()


async def test_the_home_folder_is_unreadable_but_for_tool_chains(world: World) -> None:
    done = await world.run(f"cd; cat .ssh/id_ed25519 .ssh/*; ls -a; greet; cat {world.tree}/app.py")
    assert "PRIVATE" not in done.output and "\n.ssh\n" not in done.output
    assert "greetings" in done.output and "print('app')" in done.output


async def test_keys_stay_hidden_when_the_home_folder_itself_is_the_tree(world: World) -> None:
    # Landlock cannot hide what lies in a folder that may be written.
    if not world.sandbox.protects_inside:
        pytest.skip("see the module")
    done = await world.run("echo x > note; cat note .ssh/id_ed25519", cwd=world.home)
    assert done.output.startswith("x\n") and "PRIVATE" not in done.output


async def test_no_connection_leaves_without_the_grant(world: World, listener: int) -> None:
    connect = f"exec 3<>/dev/tcp/127.0.0.1/{listener} && echo connected"
    assert "connected" not in (await world.run(connect)).output
    assert "connected" in (await world.run(connect, "network")).output


async def test_named_sockets_of_the_machine_cannot_be_reached(world: World) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        name = world.outside / "s"
        server.bind(str(name))
        server.listen()
        code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(name)!r}); print('in')"
        assert "in\n" not in (await world.run(f'{sys.executable} -c "{code}"')).output


async def test_other_processes_are_out_of_sight_and_reach(inside: World) -> None:
    other = subprocess.Popen(["sleep", "60"])
    try:
        done = await inside.run(f"kill -9 {other.pid}; ls /proc | grep -c '^[0-9]'")
        assert other.poll() is None
        assert int(done.output.split()[-1]) < 10
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize(
    "name", [".git/hooks/post-checkout", ".git/config", ".mcp.json", ".claude/x"]
)
async def test_what_runs_later_cannot_be_planted(inside: World, name: str) -> None:
    (inside.tree / ".claude").mkdir()
    (inside.tree / ".mcp.json").write_text("{}")
    path = inside.tree / name
    before = path.read_text() if path.exists() else None
    for grants in ([], ["git"]):
        await inside.run(f"echo evil > {name}; mv .git aside; rm -rf .mcp.json .claude", *grants)
    assert (path.read_text() if path.exists() else None) == before
    assert (inside.tree / ".git").is_dir() and (inside.tree / ".mcp.json").exists()


async def test_a_protected_name_that_did_not_exist_is_taken_away_again(world: World) -> None:
    done = await world.run("mkdir -p .vscode && echo evil > .vscode/tasks.json")
    assert not (world.tree / ".vscode").exists()
    [(made, kept)] = done.taken_away
    assert made == world.tree / ".vscode"
    assert (kept / "tasks.json").read_text() == "evil\n"


async def test_a_commit_needs_the_grant_and_then_works(inside: World) -> None:
    commit = "git add app.py && git -c user.name=A -c user.email=a@b.c commit -qm one"
    assert (await inside.run(commit)).exit_code != 0
    done = await inside.run(commit, "git")
    assert done.exit_code == 0, done.output
    log = subprocess.run(
        ["git", "log", "--format=%s"], cwd=inside.tree, capture_output=True, text=True
    )
    assert log.stdout == "one\n"


async def test_a_commit_carries_the_persons_name_and_no_other_command_reads_their_settings(
    inside: World,
) -> None:
    (inside.home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    assert (await inside.run("cat ~/.gitconfig")).exit_code != 0
    done = await inside.run("git add app.py && git commit -qm one", "git")
    assert done.exit_code == 0, done.output
    told = await inside.run("git log --format='%an <%ae>'")
    assert told.output.strip() == "Ada <ada@example.org>"
    assert (await inside.run("git config --global user.name Eve", "git")).exit_code != 0


async def test_a_linked_worktree_commits_into_the_common_repository(inside: World) -> None:
    await inside.run("git add . && git -c user.name=A -c user.email=a@b.c commit -qm one", "git")
    linked = inside.outside / "linked"
    subprocess.run(["git", "worktree", "add", "-q", linked], cwd=inside.tree, check=True)
    change = "echo 2 > two && git add two && git -c user.name=A -c user.email=a@b.c commit -qm two"
    assert (await inside.run(change, cwd=linked)).exit_code != 0
    done = await inside.run(change, "git", cwd=linked)
    assert done.exit_code == 0, done.output


async def test_what_one_command_left_in_the_temporary_folder_the_next_one_finds(
    world: World,
) -> None:
    if world.sandbox.level != "bubblewrap":
        pytest.skip("only bubblewrap puts another folder in the place of /tmp")
    workspace = world.workspace()
    await workspace.shell.run("echo kept > /tmp/note")
    assert (await workspace.shell.run("cat /tmp/note")).output == "kept\n"
    assert not Path("/tmp/note").exists()


async def test_a_timeout_ends_everything_inside(world: World) -> None:
    done = await world.workspace().shell.run("sleep 300 & sleep 300", timeout_ms=700)
    assert done.timed_out
    assert not done.left_running
    assert done.exit_code in {-signal.SIGTERM, -signal.SIGKILL, 128 + signal.SIGTERM}


def test_a_sandbox_that_does_not_hold_is_not_taken(tmp_path: Path) -> None:
    """A program of the right name that confines nothing, before the real one on the path."""
    fake = tmp_path / "bin" / "bwrap"
    fake.parent.mkdir()
    fake.write_text('#!/bin/bash\nwhile [[ $1 != "--" ]]; do shift; done\nshift\nexec "$@"\n')
    fake.chmod(0o755)
    environment = {**ENVIRONMENT, "PATH": f"{fake.parent}:{PATH}"}
    proof = prove(Sandbox("bubblewrap", str(fake)), environment, tmp_path / "probe")
    assert not (proof.holds or proof.writes or proof.secrets or proof.network or proof.processes)
    chosen, _proof = best(environment, tmp_path / "probe")
    assert chosen.level in {"landlock", "none"}
    assert list((tmp_path / "probe").iterdir()) == []


def test_without_any_sandbox_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "letta_cli.workspace.sandbox.probe.candidates", lambda _environment: [NO_SANDBOX]
    )
    sandbox, proof = best({"PATH": ""}, tmp_path)
    assert sandbox == NO_SANDBOX
    assert (proof.holds, proof.problem) == (False, "no sandbox program was found")


def test_what_is_promised_is_what_was_tried(tmp_path: Path) -> None:
    for sandbox in HERE.values():
        proof = prove(sandbox, ENVIRONMENT, tmp_path / "probe")
        assert proof.holds is (sandbox.level != "none"), proof
        assert proof.protected is sandbox.protects_inside
    assert shutil.which("bwrap", path=PATH) is None or "bubblewrap" in HERE


def test_the_root_of_everything_is_never_writable(tmp_path: Path) -> None:
    reach = confine(
        Path("/"), tree=Path("/"), home=tmp_path, agent_home=tmp_path, temporary=tmp_path,
        environment=ENVIRONMENT,
    )  # fmt: skip
    assert reach.writable == ()
