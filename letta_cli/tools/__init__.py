"""What the agent can do: one module a tool, and the list of them in the order models see."""

from letta_cli.tools import (
    archival,
    bash,
    conversations,
    edit,
    exit_plan_mode,
    files,
    glob,
    grep,
    memory,
    memory_omni,
    read,
    skill,
    skill_draft,
    todo_write,
    webfetch,
    write,
)
from letta_cli.tools.arguments import check_arguments
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome
from letta_cli.tools.toolbox import Toolbox

__all__ = [
    "Tool",
    "ToolContext",
    "ToolOutcome",
    "Toolbox",
    "all_tools",
    "check_arguments",
    "reflection_tools",
]


def all_tools(
    *, omni_memory: bool = False, documents: bool = False, confined: bool = False
) -> dict[str, Tool]:
    """Every tool by name. The order is part of each provider's cached prefix: it never changes.

    Args:
        omni_memory: the one ``memory`` tool in the place of the three single ones.
        documents: the tools for files that the person gave the agent.
        confined: commands run in a sandbox, and may ask for more than it gives.
    """
    single = (memory.INSERT_TOOL, memory.REPLACE_TOOL, memory.RETHINK_TOOL)
    tools = (
        read.TOOL,
        write.TOOL,
        edit.TOOL,
        grep.TOOL,
        glob.TOOL,
        bash.CONFINED_TOOL if confined else bash.TOOL,
        todo_write.TOOL,
        webfetch.TOOL,
        skill.TOOL,
        *((memory_omni.TOOL,) if omni_memory else single),
        conversations.SEARCH_TOOL,
        conversations.OPEN_TOOL,
        archival.INSERT_TOOL,
        archival.SEARCH_TOOL,
        *((files.SEARCH_TOOL, files.OPEN_TOOL) if documents else ()),
        exit_plan_mode.TOOL,
    )
    return {tool.spec.name: tool for tool in tools}


_REFLECTION = (
    "memory_insert", "memory_replace", "memory_rethink", "archival_memory_insert",
    "archival_memory_search", "conversation_search", "conversation_open",
)  # fmt: skip


def reflection_tools() -> dict[str, Tool]:
    """What a reflection may do: read conversations, write memory, propose skills. Nothing else.

    What it reads may have been written by anybody, and nobody looks on while it works.
    """
    known = all_tools()
    tools = {name: known[name] for name in _REFLECTION}
    return {**tools, skill_draft.TOOL.spec.name: skill_draft.TOOL}
