"""Which file system a path lies on, and whether a write-ahead log may live there.

SQLite's write-ahead log needs memory that all processes share. Network and shared-folder file
systems do not give it, and a database kept there in that mode is soon damaged.
"""

import os
import sys
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")

# fmt: off
_SHARED = frozenset({
    "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "afs", "ceph", "lustre", "gpfs",
    "beegfs", "glusterfs", "ocfs2", "gfs2", "pvfs2", "orangefs", "9p", "v9fs", "virtiofs", "drvfs",
    "wslfs", "vboxsf", "prl_fs", "vmhgfs", "webdav", "davfs", "ncpfs", "coda", "macfuse", "osxfuse",
    "network share",
})
_LOCAL_FUSE = frozenset({
    "fuseblk", "fuse.ntfs-3g", "fuse.ext4", "fuse.exfat", "fuse.fuse-overlayfs", "fuse.mergerfs",
})
# fmt: on


def filesystem_type(path: Path) -> str:
    """The type's name such as ``ext4`` or ``nfs4``; empty where it cannot be told."""
    if sys.platform == "darwin":
        return _darwin_type(path)
    if sys.platform == "win32":
        return "network share" if str(path).startswith("\\\\") else ""
    try:
        mounts = _MOUNTS.read_text(errors="replace")
    except OSError:
        return ""
    return _type_in(mounts, os.path.realpath(path))


def is_shared(kind: str) -> bool:
    """Whether a file system type is of the network kind. Unknown FUSE types count as such."""
    if kind.startswith("fuse"):
        return kind not in _LOCAL_FUSE
    return kind in _SHARED


def _type_in(mounts: str, path: str) -> str:
    kind, longest = "", -1
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = _unescape(fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # The later of two equal mount points lies on top.
        if inside and len(point) >= longest:
            kind, longest = after.split(" ", 1)[0], len(point)
    return kind


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _darwin_type(path: Path) -> str:
    import ctypes

    # struct statfs of 64-bit inodes: f_fstypename follows 72 bytes of numbers and is 16 long.
    buffer = ctypes.create_string_buffer(4096)
    call = getattr(ctypes.CDLL(None), "statfs$INODE64", None) or ctypes.CDLL(None).statfs
    if call(os.fsencode(path), buffer) != 0:
        return ""
    return buffer.raw[72:88].split(b"\0", 1)[0].decode("ascii", "replace")
