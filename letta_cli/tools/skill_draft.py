"""skill_draft: propose a skill, which a person then accepts or drops.

Only offered where the agent looks back on its work; what a draft needs is checked at once."""

import re
from collections.abc import Mapping
from typing import Any

from letta_cli.core.errors import NotFound
from letta_cli.core.tool import Display, ToolSpec
from letta_cli.skills import Draft, SkillRefused, citations, read_draft
from letta_cli.store import Store
from letta_cli.tools.arguments import schema, text, text_of
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok

_NAME = re.compile(r"^name:(.*)$", re.MULTILINE)

SPEC = ToolSpec(
    name="skill_draft",
    description="Propose a skill. `content` is a whole SKILL.md: a head between two lines of --- "
    "with name (lower-case words joined by dashes) and description (what for, when to use it), "
    "then the headings `## When to use`, `## Steps` and `## Pitfalls`. Cite the messages it comes "
    "from as conv-…:number. A person decides whether it is kept.",
    parameters=schema("content", content=text_of()),
    kind="memory",
    summary="propose a skill",
)


def check_draft(store: Store, agent_id: str, content: str) -> Draft:
    """The draft in `content`, every citation of which leads to a message.

    Raises:
        SkillRefused: what is wrong with it.
    """
    draft = read_draft(content)
    cited = citations(content)
    if not cited:
        raise SkillRefused("It cites no message. Say where each step and pitfall was met.")
    for conversation_id, seq in cited:
        try:
            conversation = store.conversations.get(conversation_id)
        except NotFound:
            conversation = None
        known = conversation is not None and conversation.agent_id == agent_id
        if conversation is None or not known or not 1 <= seq <= conversation.head:
            raise SkillRefused(f"{conversation_id}:{seq} is no message. Cite only what you read.")
    return draft


async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    content = text(arguments, "content").strip() + "\n"
    try:
        draft = check_draft(context.store, context.agent_id, content)
    except SkillRefused as error:
        return failed(f"Nothing was kept: {error} Mend it and send the whole draft again.")
    context.store.skill_drafts.add(
        context.agent_id, draft.name, draft.text, conversation_id=context.conversation.id,
        untrusted=context.untrusted,
    )  # fmt: skip
    display = Display(title=f"Skill draft {draft.name}", text=draft.text)
    return ok(f"The draft of {draft.name} is kept for a person to decide on.", display)


def title(arguments: Mapping[str, Any]) -> str:
    named = _NAME.search(text(arguments, "content"))
    return f"skill_draft({named[1].strip() if named else ''})"


TOOL = Tool(SPEC, run, title)
