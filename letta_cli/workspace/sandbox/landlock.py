"""Confinement by Landlock and seccomp, for Linux without bubblewrap: ``python landlock.py``.

Landlock's rules only ever add rights, and a right on a folder holds for all that lies in it. So
what is hidden is left out by allowing its siblings, and what is protected inside a writable folder
cannot be held back here: the level that is shown says so. Seccomp refuses sockets, of which
Landlock knows TCP alone. Runs as a program of its own, because both bind the process that asks.

System calls and structures: linux/landlock.h, linux/seccomp.h, linux/filter.h of the kernel.
"""

# pathlib would double the time that each command takes to start.
# ruff: noqa: PTH110, PTH112, PTH118

import ctypes
import json
import os
import platform
import struct
import sys
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_RIGHTS = _EXECUTE | 1 << 1 | _READ_FILE | 1 << 14 | 1 << 15
"""Execute, write, read, truncate, ioctl: what a rule on something that is no folder may name."""

_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights that each version of Landlock knows; version 4 added none on files."""

_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER_MODE = 38, 22, 2
_ARCHITECTURES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""For each machine its audit number and the number of the system call `socket`."""

_IO_URING_SETUP = 425
_UNIX = 1
"""The family of sockets that processes of one machine use."""

_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The kernel's version of Landlock; 0 without it."""
    found = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    return max(0, found)


def is_usable() -> bool:
    """Whether this machine has what is needed here: also the truncation of files is held back."""
    return sys.platform == "linux" and platform.machine() in _ARCHITECTURES and version() >= 3


def wrap(python: str, command: list[str], reach: dict[str, object]) -> list[str]:
    """The command line that confines itself and then becomes `command`.

    Args:
        reach: `writable`, `readable`, `refused` (lists of paths) and `network` (a flag).
    """
    return [python, "-I", "-S", __file__, json.dumps(reach), *command]


def open_paths(hidden: Iterable[str], visible: Iterable[str]) -> list[str]:
    """What may be read so that `hidden` may not: the siblings of the hidden ones and of their
    parents, and what is `visible`."""
    closed = {os.path.realpath(path) for path in hidden}
    found = [path for path in visible if os.path.exists(path)]

    def walk(folder: str) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = os.path.join(folder, entry.name)
                if entry.is_symlink() or path in closed:
                    continue
                if any(other.startswith(f"{path}/") for other in closed):
                    walk(path)
                else:
                    found.append(path)

    walk("/")
    return found


def main(arguments: list[str]) -> None:
    """Confine this process, then become the command; ends with 126 where that cannot be done."""
    reach, command = json.loads(arguments[0]), arguments[1:]
    try:
        _check(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no new privileges")
        _restrict_files(reach["readable"], reach["writable"])
        _refuse_sockets(network=bool(reach["network"]))
    except OSError as error:
        sys.stderr.write(f"The command was not run: it could not be confined ({error}).\n")
        sys.exit(126)
    os.execvp(command[0], command)


def _restrict_files(readable: list[str], writable: list[str]) -> None:
    handled = _RIGHTS[max(known for known in _RIGHTS if known <= version())]
    attribute = struct.pack("<Q", handled)
    ruleset = _check(
        _libc.syscall(_CREATE_RULESET, attribute, ctypes.c_size_t(len(attribute)), 0), "rule set"
    )
    for path in readable:
        _allow(ruleset, path, _READ)
    for path in writable:
        _allow(ruleset, path, handled)
    _check(_libc.syscall(_RESTRICT_SELF, ruleset, 0), "restriction")
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # Gone meanwhile, and what is not allowed is refused.
    try:
        allowed = rights if os.path.isdir(path) else rights & _FILE_RIGHTS
        rule = struct.pack("<Qi", allowed, folder)
        _check(_libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0), path)
    finally:
        os.close(folder)


def _refuse_sockets(*, network: bool) -> None:
    """Refuse new sockets, or with `network` those of this machine's services alone; and io_uring,
    which could open some. Pairs of sockets stay possible."""
    architecture, socket = _ARCHITECTURES[platform.machine()]
    load, jump_equal, jump_over, end = 0x20, 0x15, 0x35, 0x06
    # For the first argument of `socket`, its family, as both machines lay it out.
    family = [(load, 0, 0, 16), (jump_equal, 1, 0, _UNIX)] if network else []
    program = [
        (load, 0, 0, 4),  # The architecture: other calling conventions have other numbers.
        (jump_equal, 1, 0, architecture),
        (end, 0, 0, _REFUSE),
        (load, 0, 0, 0),  # The system call.
        (jump_over, 3 + len(family), 0, 0x40000000),  # The x32 convention.
        (jump_equal, 2 + len(family), 0, _IO_URING_SETUP),
        (jump_equal, 0, 2, socket) if network else (jump_equal, 1, 0, socket),
        *family,
        (end, 0, 0, _ALLOW),
        (end, 0, 0, _REFUSE),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in program))
    header = struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(code))
    _check(_libc.prctl(_SET_SECCOMP, _FILTER_MODE, header, 0, 0), "system call filter")


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
