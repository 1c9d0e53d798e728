"""Attaches the files that a person's message names, as far as the permissions let them be read."""

from collections.abc import Callable, Sequence
from pathlib import Path

from letta_cli.agent.turn import Policy
from letta_cli.core.event import Notice
from letta_cli.core.message import Part, Text, ToolCall
from letta_cli.permissions import decide
from letta_cli.tools.read import SPEC
from letta_cli.workspace.attachments import attach
from letta_cli.workspace.workspace import Workspace


def with_files(
    said: str, workspace: Workspace, policy: Policy, outside_at: Callable[[Path], str]
) -> tuple[tuple[Part, ...], Sequence[Notice]]:
    """The parts of a message, its words first, and what the person is told of its files.

    What a rule denies stays out; what would have to be asked for is granted by the person's own
    words, but not where nobody is here who could have meant it.

    Args:
        outside_at: where a file's text came from, when that is not trusted.
    """

    def refused(path: Path) -> str:
        decision = decide(
            ToolCall("attached", SPEC.name, {"file_path": str(path)}),
            SPEC,
            rules=policy.rules(),
            mode=policy.mode,
            cwd=workspace.cwd,
            # The person named it: wherever it lies, that is permission enough for what is no key.
            roots=(Path("/"),),
        )
        if decision.verdict == "allow" or (decision.verdict == "ask" and policy.interactive):
            return ""
        return decision.reason

    found = attach(said, workspace.files, refused)
    notices: list[Notice] = []
    if found.taken:
        notices.append(Notice("info", f"attached: {', '.join(found.taken)}"))
    if found.left_out:
        notices.append(Notice("warning", f"Not attached: {' '.join(found.left_out)}"))
    files = [Text(text, outside_at(path)) for path, text in found.texts]
    return (Text(said), *files), notices
