"""memory: Letta's one memory tool with six commands, instead of the three single ones.

It names a block by its path, which is its label, also as ``/memories/label``. What it deletes is
kept in history, and the person can bring it back.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from letta_cli.core.errors import Conflict, StoreError
from letta_cli.core.memory import BlockRevision, MemoryBlock
from letta_cli.core.tool import Display, ToolSpec
from letta_cli.tools.arguments import integer, integer_of, schema, text, text_of
from letta_cli.tools.diffs import Change
from letta_cli.tools.paths import one_line
from letta_cli.tools.tool import Tool, ToolContext, ToolOutcome, failed

COMMANDS = ("create", "str_replace", "insert", "delete", "rename", "view")
MOST_BLOCKS = 24
"""Blocks a model may see before it has to use those there are: each stands in every prompt."""

SPEC = ToolSpec(
    name="memory",
    description="Read and edit memory blocks. They are shared by all conversations: keep what "
    "stays true (facts, preferences, project knowledge), never secrets. create: path, file_text, "
    "description. str_replace: path, old_str (exact, unique), new_str. insert: path, insert_text, "
    "insert_line. delete: path. rename: path, new_path or a new description. view: path, or none "
    "for a list.",
    parameters=schema(
        "command",
        command={"type": "string", "enum": list(COMMANDS)},
        path=text_of("the block's label"),
        file_text=text_of(),
        description=text_of("what the block is for"),
        old_str=text_of(),
        new_str=text_of("empty deletes old_str"),
        insert_line=integer_of("after this line; 0 = at the start, -1 = at the end"),
        insert_text=text_of(),
        new_path=text_of(),
    ),
    kind="memory",
    summary="remember: edit a memory block",
)

_Arguments = Mapping[str, Any]
_Edit = Callable[[MemoryBlock, _Arguments, ToolContext], BlockRevision]


def label_of(path: str) -> str:
    """``/memories/human`` and ``human`` are the same block."""
    return path.strip().removeprefix("/memories/").strip()


def _str_replace(block: MemoryBlock, arguments: _Arguments, context: ToolContext) -> BlockRevision:
    old, new = text(arguments, "old_str"), text(arguments, "new_str")
    return context.store.blocks.replace(block.id, old, new, origin=context.origin)


def _insert(block: MemoryBlock, arguments: _Arguments, context: ToolContext) -> BlockRevision:
    line = integer(arguments, "insert_line", -1)
    new = text(arguments, "insert_text")
    return context.store.blocks.insert(block.id, new, line=line, origin=context.origin)


_EDITS: Mapping[str, _Edit] = {"str_replace": _str_replace, "insert": _insert}


async def _run(arguments: _Arguments, context: ToolContext) -> ToolOutcome:
    command, label = text(arguments, "command"), label_of(text(arguments, "path"))
    blocks = {block.label: block for block in context.store.blocks.visible(context.conversation)}
    if command == "view" and not label:
        return ToolOutcome("ok", "\n".join(_line(block) for block in blocks.values()) or "none")
    if not label:
        return failed(f"{command} needs a path: the label of a block.")
    block = blocks.get(label)
    try:
        if command == "create":
            return _create(label, block, blocks, arguments, context)
        if block is None:
            names = ", ".join(blocks) or "none"
            return failed(
                f"There is no memory block {label!r}. Nothing was stored. Blocks: {names}."
            )
        return _on_block(command, block, arguments, context)
    except StoreError as error:
        current = error.current if isinstance(error, Conflict) else ""
        current = current or (block.value if block is not None else "")
        now = f"\nThe block {label} now reads:\n{current}" if current else ""
        return failed(f"{error}\nNothing was stored.{now}")


def _on_block(
    command: str, block: MemoryBlock, arguments: _Arguments, context: ToolContext
) -> ToolOutcome:
    match command:
        case "view":
            return ToolOutcome("ok", f"{_line(block)}\n{block.value}")
        case "delete" if block.agent_id != context.agent_id:
            revision = context.store.sharing.detach(
                block.id, context.agent_id, origin=context.origin
            )
            owner = context.store.sharing.owner(block.id)
            done = f"Memory block {block.label} is detached; it stays with the agent {owner}."
            return ToolOutcome("ok", done, None, revision)
        case "delete":
            revision = context.store.blocks.delete(block.id, origin=context.origin)
            done = f"Memory block {block.label} is deleted. The person can bring it back."
            return ToolOutcome("ok", done, _display(revision), revision)
        case "rename":
            return _rename(block, arguments, context)
        case _:
            return _edited(block, _EDITS[command](block, arguments, context))


def _create(
    label: str,
    block: MemoryBlock | None,
    blocks: Mapping[str, MemoryBlock],
    arguments: _Arguments,
    context: ToolContext,
) -> ToolOutcome:
    if block is not None:
        return failed(
            f"There is already a memory block {label}. Nothing was stored; edit it with "
            f"str_replace or insert. It reads:\n{block.value}"
        )
    if len(blocks) >= MOST_BLOCKS:
        return failed(
            f"There are {len(blocks)} memory blocks, which is the most. Nothing was stored. Use "
            f"one of them: {', '.join(blocks)}."
        )
    made = context.store.blocks.create(
        context.agent_id,
        label,
        description=text(arguments, "description"),
        value=text(arguments, "file_text"),
        origin=context.origin,
    )
    [revision] = context.store.blocks.since(made.id, 0)
    return ToolOutcome(
        "ok", f"Memory block {label} is there:\n{made.value}", _display(revision), revision
    )


def _rename(block: MemoryBlock, arguments: _Arguments, context: ToolContext) -> ToolOutcome:
    new, about = label_of(text(arguments, "new_path")), text(arguments, "description")
    if not new and not about:
        return failed("rename needs new_path or description. Nothing was stored.")
    if about:
        # The same question as for every other edit: may this writer change the block?
        if block.read_only:
            return failed(f"Memory block {block.label} is read-only. Nothing was stored.")
        context.store.blocks.describe(block.id, about)
    if not new:
        return ToolOutcome("ok", f"Memory block {block.label} is now described as: {about}")
    revision = context.store.blocks.rename(block.id, new, origin=context.origin)
    revision = replace(revision, label=new)
    return ToolOutcome("ok", f"Memory block {block.label} is now {new}.", None, revision)


def _edited(block: MemoryBlock, revision: BlockRevision) -> ToolOutcome:
    if revision.before == revision.after:
        return ToolOutcome("ok", f"Nothing changed: {block.label} already reads so.")
    return ToolOutcome(
        "ok",
        f"Memory block {block.label} now has {len(revision.after):,} of {block.limit:,} "
        f"characters:\n{revision.after}",
        _display(revision),
        revision,
    )


def _display(revision: BlockRevision) -> Display:
    change = Change(revision.before, revision.after)
    return change.display(f"Memory {revision.label}", revision.label)


def _line(block: MemoryBlock) -> str:
    about = f": {block.description}" if block.description else ""
    read_only = ", read-only" if block.read_only else ""
    return f"{block.label} ({len(block.value):,} of {block.limit:,} characters{read_only}){about}"


def _title(arguments: _Arguments) -> str:
    words = f"{text(arguments, 'command')} {text(arguments, 'path')}"
    return f"memory({one_line(words)})"


def _preview(arguments: _Arguments, _context: ToolContext) -> Display | None:
    new = text(arguments, "new_str") or text(arguments, "insert_text")
    return Display(
        title=f"Memory {label_of(text(arguments, 'path'))}",
        text=new or text(arguments, "file_text"),
    )


TOOL = Tool(SPEC, _run, _title, _preview)
