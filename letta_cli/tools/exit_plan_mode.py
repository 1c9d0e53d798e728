"""ExitPlanMode: shows the finished plan; when the person agrees, the work begins."""

from collections.abc import Mapping
from typing import Any

from letta_cli.core.tool import Display, ToolSpec
from letta_cli.tools.arguments import schema, text, text_of
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, ok

SPEC = ToolSpec(
    name="ExitPlanMode",
    description="In plan mode: show the finished plan (Markdown) to be agreed.",
    parameters=schema("plan", plan=text_of()),
    kind="plan",
    summary="show the finished plan",
)


async def run(_arguments: Mapping[str, Any], _context: ToolContext) -> ToolOutcome:
    return ok("The plan is agreed and plan mode is over. Do the work now.")


def preview(arguments: Mapping[str, Any], _context: ToolContext) -> Display:
    return Display(title="Plan", text=text(arguments, "plan"))


TOOL = Tool(SPEC, run, lambda _arguments: "ExitPlanMode", preview)
