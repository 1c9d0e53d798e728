"""A person's decision on the draft of a skill."""

from difflib import unified_diff
from pathlib import Path

from letta_cli.core.errors import UsageError
from letta_cli.core.skill import SkillDraft
from letta_cli.skills.keeping import skill_file, take_away, text_of, write_skill
from letta_cli.store import Store


def accept(store: Store, draft: SkillDraft, root: Path, *, reviewed: bool = False) -> Path:
    """Write the skill under `root`, and note where and what it replaced; returns its file.

    Args:
        reviewed: the person looked at a draft that text from outside may have had a part in.

    Raises:
        UsageError: it was accepted already, cannot be written, or was not reviewed.
    """
    if draft.state == "accepted":
        raise UsageError(f"{draft.name} was accepted already: {draft.path}")
    if draft.untrusted and not reviewed:
        raise UsageError(
            f"{warning_of(draft)} Read it with: agent learn show {draft.name}\n"
            f"If it says what you want, accept it with: agent learn accept {draft.name} --reviewed"
        )
    path = skill_file(root, draft.name)
    replaced = text_of(path)
    write_skill(path, draft.text)
    store.skill_drafts.decide(draft.id, "accepted", path=str(path), replaced=replaced)
    return path


def warning_of(draft: SkillDraft) -> str:
    """What a person should know before they accept the draft; empty when nothing."""
    if not draft.untrusted:
        return ""
    return (
        f"The draft of {draft.name} was written while text from outside was in context: "
        f"{draft.untrusted}. A skill is an instruction to every later conversation."
    )


def drop(store: Store, draft: SkillDraft) -> None:
    """Drop it. An accepted one is taken away, and what it replaced comes back.

    Raises:
        UsageError: the skill was changed since it was accepted.
    """
    if draft.state == "accepted":
        take_away(Path(draft.path), draft.text, draft.replaced)
    store.skill_drafts.decide(draft.id, "dropped")


def diff_of(draft: SkillDraft, root: Path) -> str:
    """What would change under `root`, as a unified diff; the whole text where nothing is yet."""
    path = skill_file(root, draft.name)
    there = text_of(path)
    if not there or there == draft.text:
        return draft.text.rstrip("\n")
    lines = unified_diff(
        there.splitlines(), draft.text.splitlines(), str(path), f"draft of {draft.name}",
        lineterm="",
    )  # fmt: skip
    return "\n".join(lines)
