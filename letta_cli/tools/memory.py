"""memory_insert, memory_replace, memory_rethink: edits of the blocks that all conversations share.

Each names a block by its label, works on the text as it is now, and returns the new text."""

from collections.abc import Callable, Mapping
from typing import Any

from letta_cli.core.errors import Conflict, StoreError
from letta_cli.core.memory import BlockRevision, MemoryBlock
from letta_cli.core.tool import Display, ToolSpec
from letta_cli.tools.arguments import integer, integer_of, schema, text, text_of
from letta_cli.tools.diffs import Change
from letta_cli.tools.paths import TitleOf
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed

INSERT = ToolSpec(
    name="memory_insert",
    description="Add lines to a memory block. Blocks are shared by all conversations: keep what "
    "stays true (facts, preferences, project knowledge), never secrets.",
    parameters=schema(
        "label new_string",
        label=text_of("block"),
        new_string=text_of(),
        insert_line=integer_of("after this line; 0 = at the start, -1 = at the end"),
    ),
    kind="memory",
    summary="remember: add a line to a memory block",
)

REPLACE = ToolSpec(
    name="memory_replace",
    description="Replace an exact, unique text in a memory block; an empty new_string deletes it.",
    parameters=schema(
        "label old_string new_string",
        label=text_of(),
        old_string=text_of(),
        new_string=text_of(),
    ),
    kind="memory",
    summary="correct a text in a memory block",
)

RETHINK = ToolSpec(
    name="memory_rethink",
    description="Rewrite a whole memory block, to reorganise or shorten it.",
    parameters=schema("label new_memory", label=text_of(), new_memory=text_of()),
    kind="memory",
    summary="rewrite a whole memory block",
)

Edit = Callable[[MemoryBlock, Mapping[str, Any], ToolContext], BlockRevision]


def _insert(
    block: MemoryBlock, arguments: Mapping[str, Any], context: ToolContext
) -> BlockRevision:
    line = integer(arguments, "insert_line", -1)
    new = text(arguments, "new_string")
    return context.store.blocks.insert(block.id, new, line=line, origin=context.origin)


def _replace(
    block: MemoryBlock, arguments: Mapping[str, Any], context: ToolContext
) -> BlockRevision:
    old, new = text(arguments, "old_string"), text(arguments, "new_string")
    return context.store.blocks.replace(block.id, old, new, origin=context.origin)


def _rethink(
    block: MemoryBlock, arguments: Mapping[str, Any], context: ToolContext
) -> BlockRevision:
    value = text(arguments, "new_memory")
    return context.store.blocks.rethink(block.id, value, origin=context.origin)


async def _run(edit: Edit, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
    label = text(arguments, "label").strip()
    blocks = {block.label: block for block in context.store.blocks.visible(context.conversation)}
    block = blocks.get(label)
    if block is None:
        names = ", ".join(blocks) or "none"
        return failed(f"There is no memory block {label!r}. Nothing was stored. Blocks: {names}.")
    try:
        revision = edit(block, arguments, context)
    except Conflict as error:
        current = error.current or block.value
        return failed(f"{error}\nNothing was stored. The block {label} now reads:\n{current}")
    except StoreError as error:
        return failed(
            f"{error}\nNothing was stored. The block {label} has {len(block.value):,} of "
            f"{block.limit:,} characters and reads:\n{block.value}"
        )
    if revision.before == revision.after:
        return ToolOutcome("ok", f"Nothing changed: {label} already reads so.\n{revision.after}")
    display = Change(revision.before, revision.after).display(f"Memory {label}", label)
    return ToolOutcome(
        "ok",
        f"Memory block {label} now has {len(revision.after):,} of {block.limit:,} characters:\n"
        f"{revision.after}",
        display,
        revision,
    )


def _tool(spec: ToolSpec, edit: Edit) -> Tool:
    async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        return await _run(edit, arguments, context)

    def preview(arguments: Mapping[str, Any], _context: ToolContext) -> Display | None:
        new = text(arguments, "new_string") or text(arguments, "new_memory")
        return Display(title=f"Memory {text(arguments, 'label')}", text=new)

    return Tool(spec, run, TitleOf(spec.name, "label"), preview)


INSERT_TOOL = _tool(INSERT, _insert)
REPLACE_TOOL = _tool(REPLACE, _replace)
RETHINK_TOOL = _tool(RETHINK, _rethink)
