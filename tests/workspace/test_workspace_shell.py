"""Commands run in a group of their own, end when they should, and see the environment they are given."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from letta_cli.workspace.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(
        tmp_path,
        environment={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "LANG": "C.UTF-8",
        },
        overflow_dir=tmp_path / "output",
        max_output=1_000,
    )


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


async def eventually_dead(pid: int) -> bool:
    for _ in range(100):
        if not alive(pid):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_output_of_both_streams_and_the_exit_code_are_told(shell: Shell, tmp_path: Path):
    result = await shell.run("pwd; echo wrong >&2; exit 3")
    assert (result.exit_code, result.output) == (3, f"{tmp_path}\nwrong\n")
    assert not result.timed_out
    assert result.overflow is None
    assert not result.left_running


async def test_nothing_of_our_own_environment_reaches_a_command(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MY_TOKEN", "secret")
    result = await shell.run("env; declare -F")
    assert "LANG=C.UTF-8" in result.output
    assert "MY_TOKEN" not in result.output


async def test_there_is_no_terminal_and_no_input_to_wait_for(shell: Shell):
    result = await shell.run("cat; tty; exec 3</dev/tty")
    assert "not a tty" in result.output
    assert result.exit_code != 0


async def test_the_process_group_is_told_before_the_end(shell: Shell):
    groups: list[int] = []
    result = await shell.run("echo $$; ps -o pgid= -p $$", started=groups.append)
    pid, group = result.output.split()
    assert [int(pid)] == [int(group)] == groups


async def test_a_timeout_ends_the_whole_group_and_keeps_the_output(shell: Shell):
    begun = time.monotonic()
    result = await shell.run("sleep 60 & echo $!; echo here; sleep 61", timeout_ms=300)
    assert result.timed_out
    assert time.monotonic() - begun < 3
    child = int(result.output.split()[0])
    assert "here" in result.output
    assert await eventually_dead(child)


@pytest.mark.slow
async def test_what_ignores_term_is_killed(shell: Shell):
    result = await shell.run("trap '' TERM; echo $$; while :; do sleep 0.1; done", timeout_ms=200)
    assert result.timed_out
    assert result.exit_code == -9
    assert await eventually_dead(int(result.output.split()[0]))


async def test_a_cancelled_task_takes_its_group_with_it(shell: Shell):
    groups: list[int] = []
    lines: list[str] = []
    task = asyncio.create_task(
        shell.run("sleep 60 & echo $!; wait", started=groups.append, progress=lines.append)
    )
    while not lines:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await eventually_dead(int(lines[0]))
    assert await eventually_dead(groups[0])


async def test_a_background_process_with_its_own_output_goes_on_and_is_told(shell: Shell):
    result = await shell.run("nohup sleep 30 >/dev/null 2>&1 & echo $!")
    child = int(result.output)
    try:
        assert result.seconds < 2
        assert result.left_running
        assert alive(child)
    finally:
        os.kill(child, 9)


async def test_a_background_process_that_holds_the_output_does_not_hang_us(shell: Shell):
    result = await shell.run("sleep 30 & echo $!")
    assert result.stopped
    assert result.seconds < 4
    assert await eventually_dead(int(result.output))


async def test_long_output_is_cut_and_kept_whole_in_a_private_file(shell: Shell):
    result = await shell.run("for i in $(seq 5000); do echo line $i; done")
    assert len(result.output) < 1_200
    assert result.output.startswith("line 1\n")
    assert result.output.endswith("line 5000\n")
    assert "is left out" in result.output
    assert result.overflow is not None
    assert result.overflow.read_text().splitlines() == [f"line {n}" for n in range(1, 5001)]
    assert result.overflow.stat().st_mode & 0o777 == 0o600
    assert result.overflow.parent.stat().st_mode & 0o777 == 0o700


async def test_output_goes_on_when_there_is_no_place_for_it(shell: Shell, tmp_path: Path):
    (tmp_path / "output").write_text("a file where the folder should be")
    result = await shell.run("seq 5000; exit 4")
    assert (result.exit_code, result.overflow) == (4, None)
    assert result.output.startswith("1\n2\n")
    assert result.output.endswith("4999\n5000\n")


async def test_endless_output_is_bounded(shell: Shell):
    told: list[str] = []
    result = await shell.run("yes", timeout_ms=500, progress=told.append)
    assert result.timed_out
    assert result.overflow is not None
    assert result.overflow.stat().st_size <= 65 * 1024 * 1024
    assert len(told) < 40
    assert max(map(len, told)) <= 2_000


async def test_output_reads_as_a_person_saw_it(shell: Shell):
    result = await shell.run(r"printf '\033[31mred\033[0m\n 10%%\r 50%%\r100%%\na\0b\n\xff\n'")
    assert result.output == "red\n100%\nab\n\ufffd\n"


async def test_progress_comes_while_the_command_runs(shell: Shell):
    lines: list[str] = []
    task = asyncio.create_task(shell.run("echo first; sleep 5", progress=lines.append))
    for _ in range(100):
        if lines:
            break
        await asyncio.sleep(0.01)
    assert lines == ["first\n"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_no_descriptor_of_ours_is_inherited(shell: Shell, tmp_path: Path):
    with (tmp_path / "lock").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        result = await shell.run("ls -l /proc/self/fd")
    assert "lock" not in result.output


async def test_a_directory_that_is_gone_is_an_error(shell: Shell, tmp_path: Path):
    shell.cwd = tmp_path / "gone"
    with pytest.raises(OSError):
        await shell.run("true")
