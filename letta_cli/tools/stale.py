"""What a model is told when a file changed after it was read: who changed it, when, and what."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from letta_cli.core.clock import now
from letta_cli.core.touch import FileWriter
from letta_cli.tools.diffs import Change
from letta_cli.tools.paths import shown
from letta_cli.tools.tool import ToolContext
from letta_cli.workspace.files import FileRefused

_SHOWN_CHARS = 3_000


def explain_change(path: Path, context: ToolContext) -> str:
    """Why `path` is not written, in words that lead to reading it again."""
    files = context.workspace.files
    label = shown(path, context.workspace.cwd)
    current = None
    with suppress(FileRefused):
        current = files.current(path)
    if current is None:
        return f"{label} was deleted after it was read. Nothing was changed; look again first."
    writer = _writer(path, current.sha256, context)
    who = f"by {writer.name}, {ago(writer.written_at)}" if writer else "by another program"
    text = (
        f"{label} changed on disk after it was read, {who}. Nothing was changed. "
        "Use Read on it again, then repeat the change on the new text."
    )
    before = files.text_seen(path)
    if before is None:
        return text
    diff, _, _ = Change(before, current.text).diff(label)
    if len(diff) > _SHOWN_CHARS:
        diff = diff[:_SHOWN_CHARS] + "\n… (more changed)"
    return f"{text}\nWhat changed since:\n{diff}"


def ago(moment: datetime) -> str:
    """``40 s ago``, ``3 min ago``, ``2 h ago``."""
    seconds = max(0, round((now() - moment).total_seconds()))
    if seconds < 120:
        return f"{seconds} s ago"
    return f"{seconds // 60} min ago" if seconds < 7_200 else f"{seconds // 3_600} h ago"


def _writer(path: Path, sha256: str, context: ToolContext) -> FileWriter | None:
    """The other session whose write made the file what it is, or that wrote it last."""
    writers = context.store.touches.writers(str(path), but=context.session_id)
    return next((writer for writer in writers if writer.sha256 == sha256), None)
