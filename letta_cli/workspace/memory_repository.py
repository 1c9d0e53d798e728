"""The git repository that mirrors memory: commits written without its working tree, and the tree
brought up to date file by file, so that neither a crash nor a person's edit in it is in the way."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from letta_cli.core.errors import AgentError

BRANCH = "main"
MAIN = f"refs/heads/{BRANCH}"
TRAILER = "Memory-Revision"
KEPT = "kept"
"""Branches below this name hold edits of a person that memory did not take."""

_ABANDONED_SECONDS = 60.0
_NEXT = "refs/agent/next"  # written, and perhaps not yet on the branch
_DISK = "refs/agent/disk"  # what the working tree was last brought to
_COMMITTER = "agent memory mirror"
_COMMITTER_EMAIL = "mirror@agent.invalid"
_MARK = "agent.mirror"
_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=0")
_SETTINGS = {
    # The working tree is ours to bring up to date, also after a push.
    "receive.denyCurrentBranch": "ignore",
    "receive.denyNonFastForwards": "true",
    "core.autocrlf": "false",
    "gc.autoDetach": "false",
}

Files = Mapping[str, str | None]
"""Path to text; None for one that is not UTF-8."""


class MirrorRefused(AgentError):
    """The repository cannot be used. ``str(error)`` says why and what to do."""

    code = "mirror"


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit is to say. A change to None removes the file."""

    author: str
    email: str
    date: datetime
    message: str
    changes: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Touch:
    """A commit that touched a file."""

    sha: str
    author: str
    email: str
    subject: str


class MemoryRepository:
    """Every method may raise MirrorRefused: git is missing, or failed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def open(cls, root: Path) -> "MemoryRepository":
        """The mirror at `root`; made when there is nothing.

        Raises:
            MirrorRefused: something else is there.
        """
        made = cls(root)
        try:
            if not (root / ".git").is_dir():
                if root.exists() and (not root.is_dir() or any(root.iterdir())):
                    raise MirrorRefused(
                        f"{root} holds something else. Name a new or an empty folder."
                    )
                root.mkdir(mode=0o700, parents=True, exist_ok=True)
                made._git("init", "-q", f"--initial-branch={BRANCH}", ".")
                made._git("config", _MARK, "true")
        except OSError as error:
            raise MirrorRefused(f"{root}: cannot be used: {error.strerror}.") from error
        if not made._says("config", "--get", _MARK) and made.tip():
            raise MirrorRefused(f"{root} is another repository. Name a new or an empty folder.")
        if made._says("config", "--get", "core.autocrlf") != "false":
            for name, value in {_MARK: "true", **_SETTINGS}.items():
                made._git("config", name, value)
        return made

    @property
    def lock_file(self) -> Path:
        return self.root / ".git" / "agent-mirror.lock"

    def unlock(self) -> None:
        """Remove what a git that was killed left locked. Hold `lock_file`.

        Nobody else writes the mirror's own refs; the person's may be in use while they are young.
        """
        git = self.root / ".git"
        for path in (git / f"{_NEXT}.lock", git / f"{_DISK}.lock"):
            path.unlink(missing_ok=True)
        for path in (git / f"{MAIN}.lock", git / "packed-refs.lock"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()

    def tip(self, ref: str = MAIN) -> str:
        """The commit a ref is at, or an empty string."""
        return self._says("rev-parse", "-q", "--verify", f"{ref}^{{commit}}")

    def pending(self) -> str:
        """What the last synchronisation wrote; the branch may not have come to it."""
        return self.tip(_NEXT)

    def on_disk(self) -> str:
        """The commit that the working tree was last brought to."""
        return self.tip(_DISK)

    def own_tip(self, commit: str) -> str:
        """The newest commit of the mirror's own at or before `commit`, or an empty string."""
        if not commit:
            return ""
        return self._git("rev-list", "-1", "--topo-order", f"--committer={_COMMITTER_EMAIL}",
                         commit)  # fmt: skip

    def recorded(self, commit: str) -> set[str]:
        """The revisions that the history of `commit` tells, as their trailers name them."""
        if not commit:
            return set()
        log = self._git("log", f"--format=%(trailers:key={TRAILER},valueonly)", commit)
        return set(filter(None, log.splitlines()))

    def touches(self, base: str, commit: str, path: str) -> list[Touch]:
        """The commits from `base` to `commit` that touched a file, the newest first."""
        log = self._git("log", "--topo-order", "--format=%H%x1f%an%x1f%ae%x1f%s",
                        f"{base}..{commit}" if base else commit, "--", path)  # fmt: skip
        return [Touch(*line.split("\x1f", 3)) for line in log.splitlines()]

    def files(self, commit: str) -> dict[str, str | None]:
        """The Markdown files of a commit."""
        if not commit:
            return {}
        listing = self._bytes("ls-tree", "-r", "-z", commit).decode("utf-8", "surrogateescape")
        paths: dict[str, str] = {}
        for entry in filter(None, listing.split("\0")):
            kind, _, path = entry.partition("\t")
            mode, _, sha = kind.split(" ")
            if path.endswith(".md") and mode.startswith("100"):
                paths[path] = sha
        wanted = "".join(f"{sha}\n" for sha in paths.values())
        rest = self._bytes("cat-file", "--batch", stdin=wanted.encode()) if paths else b""
        files: dict[str, str | None] = {}
        for path in paths:
            head, _, rest = rest.partition(b"\n")
            size = int(head.rsplit(b" ", 1)[1])
            files[path], rest = _decoded(rest[:size]), rest[size + 1 :]
        return files

    def text_at(self, commit: str, path: str) -> str | None:
        return self.files(commit).get(path)

    def working_files(self) -> tuple[dict[str, str | None], datetime] | None:
        """The Markdown files on the disk, and when the newest was written; None when the person
        has another branch checked out."""
        if self._says("symbolic-ref", "-q", "HEAD") != MAIN:
            return None
        files: dict[str, str | None] = {}
        newest = 0.0
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name != ".git"]
            for name in names:
                path = Path(folder, name)
                if name.endswith(".md") and path.is_file() and not path.is_symlink():
                    files[path.relative_to(self.root).as_posix()] = _decoded(path.read_bytes())
                    newest = max(newest, path.stat().st_mtime)
        return files, datetime.fromtimestamp(newest, UTC)

    def person(self) -> tuple[str, str]:
        """Name and address that the person's git signs with here."""
        return (
            self._says("config", "--get", "user.name") or "person",
            self._says("config", "--get", "user.email") or "person",
        )

    def write(self, commits: Sequence[Commit], parent: str, *, ref: str = _NEXT) -> str:
        """Write commits one after another onto `parent`; returns the last. No branch moves."""
        stream = bytearray()
        for number, commit in enumerate(commits):
            stream += _stream_of(commit, ref)
            stream += f"from {parent}\n".encode() if parent and not number else b""
            for path, text in commit.changes.items():
                if text is None:
                    stream += b"D " + _quoted(path)
                else:
                    stream += b"M 100644 inline " + _quoted(path) + _data(text)
            stream += b"\n"
        if not parent and self.tip(ref):
            self._git("update-ref", "-d", ref)
        self._bytes("fast-import", "--quiet", "--force", "--done", stdin=bytes(stream) + b"done\n")
        return self.tip(ref)

    def advance(self, commit: str, expected: str) -> bool:
        """Move the branch; False when somebody moved it meanwhile."""
        status, _, said = self._run("update-ref", MAIN, commit, expected or "0" * 40)
        if status and self.tip() == expected:
            raise self._failed("update-ref", said)
        return status == 0

    def keep(self, commit: str) -> str:
        """Hold a person's commit on a branch of its own; returns its name."""
        name = f"{KEPT}/{commit[:12]}"
        self._git("update-ref", f"refs/heads/{name}", commit)
        return name

    def kept(self) -> list[str]:
        """The branches that `keep` made."""
        refs = self._git("for-each-ref", "--format=%(refname:short)", f"refs/heads/{KEPT}/")
        return refs.splitlines()

    def bring_to(self, commit: str, seen: Files, gone: Iterable[str]) -> None:
        """Write the files of `commit` into the working tree.

        Args:
            seen: what was there. A file that is another by now was edited meanwhile and stays.
            gone: paths that are to be removed when the commit has them no more.
        """
        wanted = self.files(commit)
        for path, text in wanted.items():
            there = self.root / path
            if text is None or text == seen.get(path) or self._read(there) != seen.get(path, ""):
                continue
            there.parent.mkdir(parents=True, exist_ok=True)
            temporary = there.with_name(f".{there.name[:80]}.{os.getpid()}")
            temporary.write_text(text, encoding="utf-8", newline="\n")
            temporary.replace(there)
        for path in set(gone) & set(seen) - set(wanted):
            there = self.root / path
            if self._read(there) == seen[path]:
                there.unlink(missing_ok=True)
                _remove_empty(there.parent, self.root)
        self._git("update-ref", _DISK, commit)

    def refresh_index(self) -> None:
        """Let ``git status`` in the working tree start from the branch. A convenience: when the
        person's own git holds the index, the next synchronisation does it."""
        if self._says("symbolic-ref", "-q", "HEAD") != MAIN:
            return
        # Beside the index, so that a crash cannot leave its lock behind.
        made, index = (self.root / ".git" / name for name in ("agent-index", "index"))
        made.unlink(missing_ok=True)
        status, _, _ = self._run("read-tree", MAIN, env={"GIT_INDEX_FILE": str(made)})
        if status == 0 and not index.with_suffix(".lock").exists():
            made.replace(index)

    def install_hook(self, script: str) -> None:
        """Let a push be taken at once."""
        hook = self.root / ".git" / "hooks" / "post-receive"
        if not hook.exists() or hook.read_text(encoding="utf-8") != script:
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(script, encoding="utf-8")
            hook.chmod(0o700)

    def merge(self, base: str, ours: str, theirs: str) -> tuple[str, bool]:
        """A three-way merge of texts; and whether it is without conflict."""
        with tempfile.TemporaryDirectory(prefix="agent-merge-") as folder:
            names = ("memory", "base", "file")
            for name, text in zip(names, (ours, base, theirs), strict=True):
                (Path(folder) / name).write_text(text + "\n", encoding="utf-8", newline="\n")
            places = [str(Path(folder) / name) for name in names]
            labels = [part for name in names for part in ("-L", name)]
            status, out, said = self._run("merge-file", "-p", *labels, *places)
        if status > 127:
            raise self._failed("merge-file", said)
        return out.decode("utf-8").removesuffix("\n"), status == 0

    @staticmethod
    def _read(path: Path) -> str | None:
        try:
            return _decoded(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def _git(self, *arguments: str) -> str:
        return self._bytes(*arguments).decode("utf-8", "replace").strip()

    def _says(self, *arguments: str) -> str:
        status, out, _ = self._run(*arguments)
        return out.decode("utf-8", "replace").strip() if status == 0 else ""

    def _bytes(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        status, out, said = self._run(*arguments, stdin=stdin)
        if status:
            raise self._failed(arguments[0], said)
        return out

    def _failed(self, command: str, said: str) -> MirrorRefused:
        return MirrorRefused(f"git {command} failed in {self.root}: {said.strip() or 'no reason'}")

    def _run(
        self, *arguments: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, str]:
        from git import Git
        from git.exc import GitCommandNotFound

        with tempfile.TemporaryFile() as file:
            file.write(stdin or b"")
            file.seek(0)
            try:
                status, out, said = Git(str(self.root)).execute(
                    ["git", *_QUIET, *arguments], istream=file, with_extended_output=True,
                    with_exceptions=False, stdout_as_string=False, strip_newline_in_stdout=False,
                    env=env,
                )  # fmt: skip
            except GitCommandNotFound as error:
                raise MirrorRefused("git was not found; the mirror needs it.") from error
        return int(status), out, said


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _stream_of(commit: Commit, ref: str) -> bytes:
    when = f"{int(commit.date.timestamp())} +0000"
    author, email = (_signature(part) or "person" for part in (commit.author, commit.email))
    return (
        f"commit {ref}\nauthor {author} <{email}> {when}\n"
        f"committer {_COMMITTER} <{_COMMITTER_EMAIL}> {when}\n"
    ).encode() + _data(commit.message)


def _signature(text: str) -> str:
    return " ".join("".join(c for c in text if c not in "<>" and c.isprintable()).split())[:200]


def _data(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return f"data {len(data)}\n".encode() + data + b"\n"


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"\n'.encode("utf-8", "surrogateescape")


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_relative_to(root):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
