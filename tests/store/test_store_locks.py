import os
import signal
import threading
import time
from pathlib import Path

import pytest
from store_children import kill, start, wait_for_line

from letta_cli.store.filesystem import _type_in, filesystem_type, is_shared
from letta_cli.store.locks import KernelLock, Lock, PolledLock, QueuedLock, new_lock


@pytest.fixture(params=[KernelLock, QueuedLock, PolledLock])
def make(request, tmp_path: Path):
    no_flock = not isinstance(new_lock(tmp_path / "x", "t"), KernelLock)
    if no_flock and request.param is not PolledLock:
        pytest.skip("this system has no flock")
    return lambda: request.param(tmp_path / "the.lock", "testing")


def test_one_at_a_time_and_again_after_release(make):
    first, second = make(), make()
    assert first.acquire(0)
    assert not second.acquire(0)
    assert not second.acquire(0.1)
    first.release()
    assert second.acquire(0)
    second.release()
    assert first.acquire(1)
    first.release()


def test_the_holder_is_named(make):
    lock = make()
    assert lock.acquire(0)
    holder = make().holder()
    assert holder is not None
    assert (holder.pid, holder.reason) == (os.getpid(), "testing")
    assert holder.since.endswith("Z")
    lock.release()


def test_a_waiter_gets_the_lock(make):
    first, second = make(), make()
    assert first.acquire(0)
    threading.Timer(0.2, first.release).start()
    assert second.acquire(10)
    second.release()


def test_threads_that_share_a_lock_exclude_one_another(make):
    lock: Lock = make()
    inside = 0
    worst = 0

    def work() -> None:
        nonlocal inside, worst
        for _ in range(10):
            assert lock.acquire(20)
            inside += 1
            worst = max(worst, inside)
            time.sleep(0.0005)
            inside -= 1
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert worst == 1


def test_a_transient_lock_survives_its_file_being_removed_by_the_one_before(tmp_path: Path):
    path = tmp_path / "t.lock"
    inside: list[str] = []
    overlaps: list[list[str]] = []

    def work(name: str) -> None:
        for _ in range(15):
            lock = new_lock(path, name, transient=True)
            assert lock.acquire(20)
            inside.append(name)
            if len(inside) > 1:
                overlaps.append(list(inside))
            time.sleep(0.0005)
            inside.remove(name)
            lock.release()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert overlaps == []
    assert not path.exists()


WAIT = """
from pathlib import Path
from letta_cli.store.locks import QueuedLock
lock = QueuedLock(Path(args[0]), "waiting")
print("here", flush=True)
assert lock.acquire(60)
Path(args[1]).touch()
lock.release()
sys.stdin.read()
"""


def wait_until(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def someone_is_in(turnstile: Path) -> bool:
    lock = KernelLock(turnstile, "")
    if not lock.acquire(0):
        return True
    lock.release()
    return False


def test_who_wants_the_lock_again_goes_behind_those_who_wait(tmp_path: Path):
    path, served = tmp_path / "x.lock", tmp_path / "served"
    lock = QueuedLock(path, "busy")
    assert lock.acquire(0)
    child = start(tmp_path, WAIT, path, served)
    wait_for_line(child)
    wait_until(lambda: someone_is_in(tmp_path / "x.lock.queue"))
    lock.release()
    assert lock.acquire(60)
    assert served.exists()
    lock.release()
    kill(child)


@pytest.mark.slow
def test_a_stopped_process_in_the_queue_does_not_keep_the_others_out(tmp_path: Path):
    path, served = tmp_path / "x.lock", tmp_path / "served"
    lock = QueuedLock(path, "busy")
    assert lock.acquire(0)
    child = start(tmp_path, WAIT, path, served)
    wait_for_line(child)
    wait_until(lambda: someone_is_in(tmp_path / "x.lock.queue"))
    os.kill(child.pid, signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)
    lock.release()
    other = QueuedLock(path, "other")
    assert other.acquire(60)
    assert not served.exists()
    other.release()
    os.kill(child.pid, signal.SIGCONT)
    wait_until(served.exists)
    kill(child)


GIVE_UP = """
import signal, threading
from pathlib import Path
from letta_cli.store.locks import KernelLock
if args[1] == "thread":
    def work():
        print(KernelLock(Path(args[0]), "late").acquire(0.3), flush=True)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
else:
    if args[1] == "alarm of its own":
        signal.signal(signal.SIGALRM, lambda *_: None)
    handler = signal.getsignal(signal.SIGALRM)
    lock = KernelLock(Path(args[0]), "late")
    print(lock.acquire(0.3), flush=True)
    assert signal.getsignal(signal.SIGALRM) == handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    # The alarm may not ring later.
    time.sleep(0.5)
print(KernelLock(Path(args[0]), "free").acquire(float(sys.stdin.readline())), flush=True)
"""


@pytest.mark.parametrize("kind", ["main", "thread", "alarm of its own"])
def test_a_wait_ends_in_time_and_leaves_nothing_in_the_queue(tmp_path: Path, kind: str):
    path = tmp_path / "x.lock"
    lock = KernelLock(path, "busy")
    assert lock.acquire(0)
    child = start(tmp_path, GIVE_UP, path, kind)
    assert wait_for_line(child) == "False"
    lock.release()
    child.stdin.write("30\n")
    child.stdin.flush()
    assert wait_for_line(child) == "True"
    kill(child)


def test_a_wait_can_be_interrupted_from_the_keyboard(tmp_path: Path):
    code = """
import signal
from pathlib import Path
from letta_cli.store.locks import QueuedLock
lock = QueuedLock(Path(args[0]), "late")
# A test run in the background of a shell hands down that this signal is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
print("here", flush=True)
try:
    lock.acquire(60)
except KeyboardInterrupt:
    print("interrupted", lock._lock._descriptor, lock._turnstile._descriptor >= 0, flush=True)
print(lock.acquire(60), signal.getsignal(signal.SIGALRM) == signal.SIG_DFL)
"""
    path = tmp_path / "x.lock"
    lock = KernelLock(path, "busy")
    assert lock.acquire(0)
    child = start(tmp_path, code, path)
    wait_for_line(child)
    wait_until(lambda: someone_is_in(tmp_path / "x.lock.queue"))
    time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    assert wait_for_line(child) == "interrupted -1 True"
    lock.release()
    out, err = child.communicate(timeout=60)
    assert out.strip() == "True True", err


def test_a_lock_that_cannot_be_made_is_explained(tmp_path: Path):
    from letta_cli.core.errors import StoreError

    with pytest.raises(StoreError, match="AGENT_HOME"):
        KernelLock(tmp_path / "missing" / "x.lock", "t").acquire(0)


def test_short_tries_leave_no_thread_behind(tmp_path: Path):
    first, second = KernelLock(tmp_path / "x", "t"), KernelLock(tmp_path / "x", "t")
    assert first.acquire(0)
    before = threading.active_count()
    for _ in range(5):
        assert not second.acquire(0.02)
    assert threading.active_count() == before
    first.release()


def test_garbage_in_the_note_is_nobody(tmp_path: Path):
    path = tmp_path / "x.lock"
    for text in (b"", b"{}", b"[]", b"null", b'{"pid": "x"}', b"\xff\xfe", b'{"pid": 1'):
        path.write_bytes(text)
        assert KernelLock(path, "t").holder() is None


@pytest.mark.parametrize(
    ("kind", "shared"),
    [
        ("ext4", False), ("btrfs", False), ("overlay", False), ("tmpfs", False), ("", False),
        ("apfs", False), ("zfs", False), ("fuseblk", False), ("fuse.fuse-overlayfs", False),
        ("nfs", True), ("nfs4", True), ("cifs", True), ("smb3", True), ("9p", True),
        ("virtiofs", True), ("fuse.sshfs", True), ("fuse", True), ("fuse.unknown", True),
    ],
)  # fmt: skip
def test_which_file_systems_are_shared(kind: str, shared: bool):
    assert is_shared(kind) is shared


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /home rw shared:2 - nfs4 server:/home rw
31 30 0:27 / /home/me/my\\040disk rw - btrfs /dev/sdb rw
32 22 0:28 / /mnt rw - ext4 /dev/sdc rw
33 22 0:29 / /mnt rw - 9p host rw
34 22 0:30 / /mnt2 rw - xfs /dev/sdd rw
garbage
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/etc/x", "ext4"), ("/home/me", "nfs4"), ("/home/me/my disk/x", "btrfs"),
        ("/homeless", "ext4"), ("/mnt/x", "9p"), ("/mnt2", "xfs"), ("/mnt", "9p"),
    ],
)  # fmt: skip
def test_the_innermost_and_topmost_mount_decides(path: str, kind: str):
    assert _type_in(MOUNTS, path) == kind


def test_this_file_system_has_a_name(tmp_path: Path):
    assert isinstance(filesystem_type(tmp_path), str)


def test_tries_that_were_refused_leave_no_file_open(tmp_path: Path):
    if not isinstance(first := new_lock(tmp_path / "x", "t"), KernelLock):
        pytest.skip("this system has no flock")
    assert first.acquire(0)
    refused = [KernelLock(tmp_path / "x", "t") for _ in range(5)]
    for lock in refused:
        assert not lock.acquire(0.01)
    assert all(lock._descriptor == -1 for lock in refused)
    first.release()
    assert refused[0].acquire(0)
    refused[0].release()
