"""What of a folder takes effect: what the person trusted, item by item, as it read then.

An item is bound to its canonical path and to its content. Nothing that a folder brings is read,
obeyed or run before its item is trusted, and what changed counts as new.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Literal

TrustKind = Literal["settings", "instructions", "skill", "git"]

Accept = Callable[[Path, str, int], bool]
"""Whether the item at this path, with this digest and so many bytes, may take effect."""

_GITDIR = "gitdir:"


@dataclass(frozen=True, slots=True)
class TrustItem:
    """One thing that a folder brings.

    Attributes:
        name: its path from the folder's root.
        digest: SHA-256 of its content, in hexadecimal.
        size: in bytes.
        changed: it was trusted once, with another content.
    """

    kind: TrustKind
    name: str
    path: Path
    digest: str
    size: int
    changed: bool = False

    def __str__(self) -> str:
        changed = ", changed since you trusted it" if self.changed else ""
        return f"{printable(self.name)} ({self.kind}{changed})"


@dataclass(slots=True)
class Trust:
    """Asked before each item takes effect; remembers what it answered.

    Attributes:
        root: top of the folder's own tree, canonical.
        owner: top of the repository's main tree, under which what is trusted is written down:
            the same content is trusted in all worktrees.
        everything: whatever is there is trusted, for this run only.
    """

    root: Path
    owner: Path
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    everything: bool = False
    accepted: dict[str, TrustItem] = field(default_factory=dict[str, TrustItem])
    left_out: dict[str, TrustItem] = field(default_factory=dict[str, TrustItem])

    def of(self, kind: TrustKind) -> Accept:
        """The question for items of one kind, as those who find them ask it."""
        return partial(self.accepts, kind)

    def accepts(self, kind: TrustKind, path: Path, digest: str, size: int) -> bool:
        name = self._name(path)
        known = self.known.get(name, ())
        good = bool(digest) and (self.everything or digest in known)
        item = TrustItem(kind, name, path, digest, size, changed=bool(known) and not good)
        (self.accepted if good else self.left_out)[name] = item
        return good

    def vouch(self, kind: TrustKind, path: Path, digest: str, size: int) -> TrustItem:
        """From now on this item takes effect, as it reads now; who asks keeps it for later."""
        name = self._name(path)
        self.known = {**self.known, name: (*self.known.get(name, ()), digest)}
        self.left_out.pop(name, None)
        self.accepts(kind, path, digest, size)
        return TrustItem(kind, name, path, digest, size)

    def _name(self, path: Path) -> str:
        real = Path(os.path.realpath(path))
        base = self.root if real.is_relative_to(self.root) else self.owner
        return os.path.relpath(real, base)

    def digest(self, *kinds: TrustKind) -> str:
        """One of all items of these kinds that take effect; empty when there are none."""
        items = sorted(self.accepted.items())
        told = [f"{name}\0{item.digest}" for name, item in items if item.kind in kinds]
        return sha256("\n".join(told).encode(errors="replace")).hexdigest() if told else ""

    def warnings(self) -> list[str]:
        """What to tell a person about what was left out."""
        if not self.left_out:
            return []
        named = ", ".join(str(item) for item in list(self.left_out.values())[:8])
        more = f" and {len(self.left_out) - 8} more" if len(self.left_out) > 8 else ""
        return [
            f"{printable(str(self.root))} brings what you have not trusted, so it has no effect: "
            f"{named}{more}. See it and decide with: agent trust"
        ]


def printable(text: str) -> str:
    """`text` with everything that a terminal would not simply show as an escape."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def main_root(root: Path) -> Path:
    """The main tree of the repository whose linked worktree `root` is; else `root` itself.

    A folder may only pretend to be a worktree; then it is trusted as far as it has the content
    that was trusted in the place it names.
    """
    try:
        marker = root / ".git"
        text = marker.read_text(encoding="utf-8").strip() if marker.is_file() else ""
    except (OSError, UnicodeDecodeError):
        return root
    if not text.startswith(_GITDIR):
        return root
    git_dir = Path(os.path.realpath(root / text.removeprefix(_GITDIR).strip()))
    if git_dir.parent.name == "worktrees" and git_dir.parents[1].name == ".git":
        return git_dir.parents[2]
    return root
