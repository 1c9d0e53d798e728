"""TodoWrite: the model's own list of what is to do, shown to the person."""

from collections.abc import Mapping
from typing import Any

from letta_cli.core.tool import Display, ToolSpec
from letta_cli.tools.arguments import schema
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, ok
from letta_cli.workspace.workspace import Todo

_STATES = ["pending", "in_progress", "completed"]

SPEC = ToolSpec(
    name="TodoWrite",
    description="Keep a task list for work of three or more steps; send the whole list each time.",
    parameters=schema(
        "todos",
        todos={
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "content": {"type": "string"},
                    "status": {"type": "string", "enum": _STATES},
                },
                "required": ["content", "status"],
            },
        },
    ),
    kind="todo",
    summary="keep a list of steps",
)


async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    todos = [
        Todo(content=str(item["content"]), status=str(item["status"]))
        for item in arguments["todos"]
    ]
    context.workspace.todos[context.conversation.id] = todos
    done = sum(todo["status"] == "completed" for todo in todos)
    following = next((todo["content"] for todo in todos if todo["status"] != "completed"), None)
    content = f"List kept: {done} of {len(todos)} done."
    content += f" Next: {following}" if following else " Everything is done."
    display = Display(
        title=f"Todo {done}/{len(todos)}",
        todos=[{"content": todo["content"], "status": todo["status"]} for todo in todos],
    )
    return ok(content, display)


def title(arguments: Mapping[str, Any]) -> str:
    todos = arguments.get("todos")
    return f"TodoWrite({len(todos) if isinstance(todos, list) else 0} items)"  # pyright: ignore[reportUnknownArgumentType]


TOOL = Tool(SPEC, run, title)
