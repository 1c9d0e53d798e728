"""What a conversation is told of skills: new ones, and one that fits what the person asked.

Both are notices at the end of the thread, because the prompt with its catalogue stays as it is.
What was told before is read from the window, so no state beside it could be lost.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from letta_cli.agent.skill_match import best_match
from letta_cli.agent.turn import Turn
from letta_cli.core.errors import AgentError
from letta_cli.core.message import Message, Text
from letta_cli.core.skill import Skill, suggested, suggestion
from letta_cli.skills import load_body

MOST_TOLD = 10
MOST_DESCRIBED = 300
"""Characters of a description in a notice."""

SMALL_BODY = 3_000
"""Characters of a skill that a small model is given: as much as it is shown of one result."""

NEW = "New skills since this conversation began; load one with the Skill tool when it fits the task"
_HEAD = re.compile(rf"\A{re.escape(NEW)}:$", re.MULTILINE)
_LINE = re.compile(r"^- ([\w.-]+): ", re.MULTILINE)
_LOADED = re.compile(r'<skill_content name="([\w.-]+)"')


def deliver(turn: Turn, run_id: str) -> Message | None:
    """Append a notice about skills that the conversation does not know yet.

    A small model is told of none: it does not choose skills, see `suggest`.
    """
    if "Skill" not in turn.tools:
        return None
    turn.shelf.refresh()
    if turn.info.small:
        return None
    new = [skill for skill in turn.shelf.skills if skill.model_invocable]
    new = [skill for skill in new if not _is_known(turn, skill)]
    if not new:
        return None
    lines = [f"- {skill.name}: {_cut(skill.description)}" for skill in new[:MOST_TOLD]]
    lines += [f"- {skill.name}: …" for skill in new[MOST_TOLD:]]
    return turn.thread.append("notice", (Text("\n".join([f"{NEW}:", *lines])),), run_id=run_id)


def suggest(turn: Turn, run_id: str, words: str) -> Message | None:
    """Append a notice that names the skill that strongly fits the person's `words`.

    A model with a catalogue needs it only where that does not tell of the skill in full. A small
    one gets it always, and its provider loads the skill; but neither one that it could not read
    whole, nor those that come with the program, which are written for models that plan.
    """
    if turn.skill or "Skill" not in turn.tools:
        return None
    turn.shelf.refresh()
    loaded = set(_in_window(turn.thread.messages))
    able = [
        skill for skill in turn.shelf.skills if skill.model_invocable and skill.name not in loaded
    ]
    if turn.info.small:
        able = [skill for skill in able if skill.source != "bundled" and _is_short(skill)]
    found = best_match(words, able)
    if found is None or (not turn.info.small and _is_listed(turn, found)):
        return None
    return turn.thread.append("notice", (Text(suggestion(found.name)),), run_id=run_id)


def _is_known(turn: Turn, skill: Skill) -> bool:
    """Whether prompt or window name it. A catalogue that was cut says nothing of old ones."""
    prompt = turn.thread.conversation.system_prompt or ""
    if f"\n- {skill.name}: " in prompt or skill.name in _named(prompt):
        return True
    if _is_cut(prompt) and skill not in turn.shelf.added:
        return True
    notices = (each for each in turn.thread.messages if each.role == "notice")
    return any(skill.name in told for each in notices if (told := _told(each.text)))


def _is_listed(turn: Turn, skill: Skill) -> bool:
    line = f"- {skill.name}: {skill.description}"
    known = [turn.thread.conversation.system_prompt or ""]
    known += [each.text for each in turn.thread.messages if each.role == "notice"]
    return any(line in text for text in known)


_NAMES = re.compile(r"^Skills: (.+?)(?: … and \d+ more)?$", re.MULTILINE)


def _named(prompt: str) -> Sequence[str]:
    """The names in a catalogue that had room for names alone."""
    return [name for line in _NAMES.findall(prompt) for name in line.split(", ")]


def _is_cut(prompt: str) -> bool:
    return re.search(r"^Skills: .+ … and \d+ more$", prompt, re.MULTILINE) is not None


def _told(notice: str) -> Sequence[str]:
    return _LINE.findall(notice) if _HEAD.match(notice) else ()


def _in_window(messages: Iterable[Message]) -> Iterator[str]:
    """Skills that were loaded or suggested in the window."""
    for message in messages:
        if message.role == "notice" and (name := suggested(message.text)):
            yield name
        for part in message.parts:
            yield from _LOADED.findall(getattr(part, "content", "") or getattr(part, "text", ""))


def _is_short(skill: Skill) -> bool:
    try:
        return len(load_body(skill)) <= SMALL_BODY
    except AgentError:
        return False


def _cut(text: str) -> str:
    return text if len(text) <= MOST_DESCRIBED else text[: MOST_DESCRIBED - 1] + "…"
