"""Skill: read the instructions of a skill from the catalogue."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from letta_cli.core.errors import AgentError
from letta_cli.core.tool import Display, ToolSpec
from letta_cli.skills import load_body
from letta_cli.tools.arguments import schema, text, text_of
from letta_cli.tools.paths import TitleOf
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed, ok

SPEC = ToolSpec(
    name="Skill",
    description="Load a skill from the catalogue by name, then follow it.",
    parameters=schema("skill", skill=text_of("name"), args=text_of()),
    kind="read",
    summary="load the instructions of a skill",
)


async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    name = text(arguments, "skill").strip().removeprefix("/")
    known = {skill.name: skill for skill in context.skills if skill.model_invocable}
    skill = known.get(name)
    if skill is None:
        near = get_close_matches(name, known, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        names = ", ".join(sorted(known)) or "none"
        return failed(f"There is no skill {name!r}.{hint} Skills: {names}.")
    try:
        body = load_body(skill, text(arguments, "args"))
    except AgentError as error:
        return failed(str(error))
    context.store.skill_uses.add(context.agent_id, name, run_id=context.run_id)
    return ok(body, Display(title=f"Skill {name}", path=str(skill.path)))


TOOL = Tool(SPEC, run, TitleOf("Skill", "skill"))
