"""What a person is told of reflections that ran without them."""

from letta_cli.core.reflection import Reflection
from letta_cli.store import Store

SHORT_ID = len("reflection-") + 8


def news_of(store: Store, agent_id: str) -> list[str]:
    """One line on those that ended since a terminal was last opened; told once."""
    untold = store.reflections.take_untold(agent_id)
    lines: list[str] = []
    ended = [each for each in untold if each.state == "done"]
    changed = [each for each in ended if changed_text(store, each) != "nothing"]
    if changed:
        newest = changed[-1]
        more = f" and {len(changed) - 1} before it" if len(changed) > 1 else ""
        lines.append(
            f"Reflected meanwhile: {changed_text(store, newest)}{more}. "
            f"See: agent reflect show {newest.id[:SHORT_ID]}"
        )
    if untold and untold[-1].state == "failed":
        lines.append(
            f"Reflection failed: {untold[-1].error} Nothing is lost; it is tried again later, "
            "or now with: agent reflect"
        )
    return lines


def changed_text(store: Store, reflection: Reflection) -> str:
    """``2 edits, 1 passage, 1 skill draft``, or ``nothing``."""
    counts = (
        (len(store.reflections.edits(reflection)), "edit"),
        (len(store.reflections.passages(reflection)), "passage"),
        (len(drafts_of(store, reflection)), "skill draft"),
    )
    told = [f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts if count]
    return ", ".join(told) or "nothing"


def drafts_of(store: Store, reflection: Reflection) -> list[str]:
    """The names of the skills that it proposed."""
    conversation_id = reflection.conversation_id or ""
    drafts = store.skill_drafts.of_conversation(reflection.agent_id, conversation_id)
    return [draft.name for draft in drafts]
