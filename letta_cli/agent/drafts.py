"""A person's decision on the draft of a skill."""

from difflib import unified_diff
from pathlib import Path

from letta_cli.config import Config
from letta_cli.config.edit import trust_items
from letta_cli.config.load import project_root
from letta_cli.core.errors import UsageError
from letta_cli.core.skill import SkillDraft
from letta_cli.skills.digest import digest_of
from letta_cli.skills.keeping import skill_file, take_away, text_of, write_skill
from letta_cli.store import Store


def root_of(config: Config, *, project: bool) -> Path:
    """The folder that accepted skills go to."""
    return project_root(config.cwd) / ".agents" / "skills" if project else config.home / "skills"


def accept(
    store: Store, draft: SkillDraft, config: Config, *, project: bool, reviewed: bool = False
) -> Path:
    """Make it a skill, and note where and what it replaced; returns its file.

    Who accepts a draft for the project trusts what it says, so that it takes effect there at
    once. What else lies in the skill's folder and is not trusted is no part of that decision:
    then the folder stays as untrusted as it was, see `Trust.left_out` of `config`.

    Args:
        project: for this project, else for all.
        reviewed: the person looked at a draft that text from outside may have had a part in.

    Raises:
        UsageError: it was accepted already, cannot be written, or was not reviewed.
        ConfigError: it is there, but that it is trusted could not be written down.
    """
    if draft.state == "accepted":
        raise UsageError(f"{draft.name} was accepted already: {draft.path}")
    if draft.untrusted and not reviewed:
        raise UsageError(
            f"{warning_of(draft)} Read it with: agent learn show {draft.name}\n"
            f"If it says what you want, accept it with: agent learn accept {draft.name} --reviewed"
        )
    path = skill_file(root_of(config, project=project), draft.name)
    replaced = text_of(path)
    vouched = project and _is_vouched(config, path)
    write_skill(path, draft.text)
    store.skill_drafts.decide(draft.id, "accepted", path=str(path), replaced=replaced)
    if project:
        digest, size = digest_of(path.parent)
        if vouched:
            item = config.trust.vouch("skill", path.parent, digest, size)
            trust_items(config.home, config.trust.owner, [item])
        else:
            config.trust.accepts("skill", path.parent, digest, size)
    return path


def _is_vouched(config: Config, path: Path) -> bool:
    """Whether nothing lies beside the skill's file that the person has not trusted."""
    folder = path.parent
    if not folder.exists() or [each.name for each in folder.iterdir()] in ([], [path.name]):
        return True
    return config.trust.accepts("skill", folder, *digest_of(folder))


def effect_of(config: Config, path: Path) -> str:
    """Why the skill at `path` has no effect yet, for the person; empty when it has."""
    if all(item.path != path.parent for item in config.trust.left_out.values()):
        return ""
    return "Other files of its folder are not trusted, so it has no effect yet: see agent trust"


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
        UsageError: the skill was changed since it was accepted, or the draft was dropped before.
    """
    if draft.state == "dropped":
        raise UsageError(f"The draft of {draft.name} was dropped already.")
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
