"""Checks a call before it is made: repairs what is plainly meant, sends back what cannot help.

A call that was made already with nothing changed since, an edit that would break a file's syntax,
and one that would drop a definition nobody spoke of are not made. Pure.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from letta_cli.core.message import ToolCall
from letta_cli.providers.small.appending import as_real_call, keeping_all
from letta_cli.providers.small.prompt import APPEND
from letta_cli.providers.small.situation import Situation, Step, after_edit, is_reverse
from letta_cli.providers.small.statements import is_held, statements
from letta_cli.providers.small.syntax import (
    block_at,
    broken_syntax,
    definitions,
    imports_for,
    own_imports,
    undefined,
)

_HEADER = re.compile(r"^([ \t]*)(?:async\s+)?(?:def|class)\s+(\w+)")
_IMPORT = re.compile(r"(import|from)\s+\w")
_SHELL_EDIT = re.compile(r"\bsed\s+(?:-\S+\s+)*-i|\bperl\s+-\S*i|>>?\s*[\w./-]+\.\w+")
_REWRITE = re.compile(r"\b(rewrite|overwrite|replace|from scratch|empty|clear)\b", re.IGNORECASE)
_REMOVAL = re.compile(r"\b(delete|remove|drop|rename|replace|move)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A call that is not made.

    Attributes:
        reason: told to the model for its next try, and to the person when it finds no other.
        drop: the tool is not offered in the next try.
    """

    reason: str
    drop: bool = False


def vet(call: ToolCall, situation: Situation) -> ToolCall | Rejected:
    """The call, perhaps repaired, or why it is not made."""
    if _is_repeated(call, situation):
        return Rejected("That was done already and nothing has changed since.", drop=True)
    match call.name:
        case "Edit":
            return _vet_edit(call, situation)
        case "Write":
            return _vet_write(call, situation)
        case "memory_insert" if situation.wish.memory:
            return _whole_memory(call, situation)
        case name if name == APPEND:
            return _vet_append(call, situation)
        case "Bash" if situation.wish.change and _SHELL_EDIT.search(_text(call, "command")):
            return Rejected("Change files with Edit or Write, not with a shell command.")
        case _:
            return call


def _text(call: ToolCall, key: str) -> str:
    return str(call.arguments.get(key, ""))


def _with(call: ToolCall, **changed: object) -> ToolCall:
    return ToolCall(call.id, call.name, {**call.arguments, **changed})


def _is_repeated(call: ToolCall, situation: Situation) -> bool:
    earlier = situation.since_change() if call.name in ("Bash", "Grep", "Read") else situation.steps
    return any(
        step.call.name == call.name and dict(step.call.arguments) == dict(call.arguments)
        for step in earlier
    )


def _whole_memory(call: ToolCall, situation: Situation) -> ToolCall:
    """The call with all that the person wants remembered: in their words if it leaves some out."""
    wanted = statements(situation.wish.text)
    stored = _text(call, "new_string")
    if all(is_held(statement, stored) for statement in wanted):
        return call
    return _with(call, new_string="\n".join(wanted))


def _vet_edit(call: ToolCall, situation: Situation) -> ToolCall | Rejected:
    path = _text(call, "file_path")
    text = situation.files.get(path)
    old, new = _text(call, "old_string"), _text(call, "new_string")
    if text is None:
        return call
    if rename := situation.wish.rename:
        return _rename_in(call, path, text, rename)
    if old == new:
        return Rejected("old_string and new_string are the same.")
    if old not in text:
        return call
    if _is_undone(call, situation):
        return Rejected("That would undo what was just done.")
    if _stands_there(old, new, text):
        return Rejected("What it adds stands there already.")
    call = _whole_definition(call, path, text)
    old, new = _text(call, "old_string"), _text(call, "new_string")
    if old == new:
        return Rejected("That changes nothing.")
    lost = _lost(old, new, situation)
    if path.endswith(".py") and _loses_import(path, text, call):
        call = _with(call, new_string=f"{old.rstrip()}\n{new}")
    elif lost:
        if not definitions(new) - definitions(old) or old in new:
            return Rejected(f"That would remove {', '.join(lost)}, which must stay.")
        call = _with(call, new_string=f"{old.rstrip()}\n\n\n{new.strip(chr(10))}{_tail(old)}")
    elif situation.wish.add:
        call = _added_only(call, path, text)
    if text.count(old) > 1 and not lost:
        if not re.fullmatch(r"\w+", old):
            return Rejected("old_string occurs several times: copy more lines around it.")
        call = _with(call, replace_all=True)
    return _checked(call, path, text, after_edit(text, call))


def _added_only(call: ToolCall, path: str, text: str) -> ToolCall:
    """The edit with all that it would leave out, where that gives a whole file."""
    kept = _with(call, new_string=keeping_all(_text(call, "old_string"), _text(call, "new_string")))
    return call if broken_syntax(path, after_edit(text, kept)) else kept


def _is_undone(call: ToolCall, situation: Situation) -> bool:
    """Whether an edit turns an earlier one of this task round."""
    return any(is_reverse(Step(call, None), step) for step in situation.changes)


def _stands_there(old: str, new: str, text: str) -> bool:
    """Whether an edit adds lines that follow, or precede, the place already."""
    if old not in new or len(new) == len(old):
        return False
    return new.strip() in text


def _loses_import(path: str, text: str, call: ToolCall) -> bool:
    """Whether one import takes the place of another that is still needed: both are meant."""
    old, new = _text(call, "old_string"), _text(call, "new_string")
    if not (_IMPORT.match(old) and _IMPORT.match(new)):
        return False
    return bool(undefined(path, after_edit(text, call)) - undefined(path, text))


def _tail(old: str) -> str:
    return old[len(old.rstrip()) :]


def _rename_in(
    call: ToolCall, path: str, text: str, rename: tuple[str, str]
) -> ToolCall | Rejected:
    """The whole word everywhere in the file, when that is what was asked for."""
    before, after = rename
    renamed = re.sub(rf"\b{re.escape(before)}\b", after, text)
    if renamed == text:
        return Rejected(f"{before} does not stand in {path} any more.")
    if text.replace(before, after) == renamed:
        arguments = {"file_path": path, "old_string": before, "new_string": after}
        return ToolCall(call.id, "Edit", {**arguments, "replace_all": renamed.count(after) > 1})
    return ToolCall(call.id, "Write", {"file_path": path, "content": f"{renamed.rstrip()}\n"})


def _whole_definition(call: ToolCall, path: str, text: str) -> ToolCall:
    """An edit that gives a function's head a new body is meant for the old body too."""
    old, new = _text(call, "old_string"), _text(call, "new_string")
    header, new_header = _HEADER.match(old), _HEADER.match(new)
    if not path.endswith(".py") or header is None or new_header is None:
        return call
    one_line = "\n" not in old.strip("\n")
    has_body = "\n" in new.strip("\n")
    if not one_line or not has_body or header[2] != new_header[2] or text.count(old) != 1:
        return call
    block = block_at(text, text.index(old))
    return _with(call, old_string=block, new_string=new.rstrip("\n")) if block else call


def _lost(old: str, new: str, situation: Situation) -> list[str]:
    """Names defined in `old`, not in `new`, that the person did not want gone."""
    gone = definitions(old) - definitions(new)
    if not gone or _REMOVAL.search(situation.wish.text):
        return []
    return sorted(gone)


def _vet_write(call: ToolCall, situation: Situation) -> ToolCall | Rejected:
    path, content = _text(call, "file_path"), _text(call, "content")
    if content and not content.endswith("\n"):
        content += "\n"
        call = _with(call, content=content)
    old = situation.files.get(path)
    if old is None and path in situation.listed:
        return ToolCall(call.id, "Read", {"file_path": path})
    if old is None:
        if problem := broken_syntax(path, content):
            return Rejected(f"The content is not right: {problem}")
        plain = imports_for(undefined(path, content))
        if imports := [*plain, *own_imports(path, content, situation.files)]:
            call = _with(call, content="\n".join([*imports, "", "", content]))
        return call
    if old.strip() == content.strip():
        return Rejected(f"{path} has exactly this text already.")
    if situation.wish.rename:
        return _rename_in(call, path, old, situation.wish.rename)
    lost = _lost(old, content, situation)
    if lost or (_kept(old, content) < 0.5 and not _REWRITE.search(situation.wish.text)):
        return Rejected(f"{path} has more in it that must stay: change it with Edit.", drop=True)
    return _checked(call, path, old, content)


def _vet_append(call: ToolCall, situation: Situation) -> ToolCall | Rejected:
    path, content = _text(call, "file_path"), _text(call, "content")
    text = situation.files.get(path, "")
    if not content.strip():
        return Rejected("There is nothing to add in it.")
    if text.strip() and text.strip() in content:
        return _checked(
            ToolCall(call.id, "Write", {"file_path": path, "content": content}), path, text, content
        )
    twice = definitions(content) & definitions(text)
    if twice or content.strip() in text:
        again = ", ".join(sorted(twice)) or "That"
        return Rejected(f"{again} stands in {path} already.", drop=True)
    real = as_real_call(call.id, path, text, content)
    after = _text(real, "content") or after_edit(text, real)
    if imported := _with_imports(path, text, after, situation):
        real, after = _with_text(real, path, imported), imported
    return _checked(real, path, text, after)


def _with_imports(path: str, before: str, after: str, situation: Situation) -> str:
    """`after` with imports for the names that it needs and `before` did not; else nothing."""
    needed = undefined(path, after) - undefined(path, before)
    own = own_imports(path, after, situation.files)
    lines = [line for line in (*imports_for(needed), *own) if line.split()[-1] in needed]
    if not lines:
        return ""
    call = as_real_call("", path, after, "\n".join(lines))
    return _text(call, "content") or after_edit(after, call)


def _with_text(call: ToolCall, path: str, text: str) -> ToolCall:
    return ToolCall(call.id, "Write", {"file_path": path, "content": f"{text.rstrip()}\n"})


def _kept(old: str, new: str) -> float:
    """The share of the old lines that are in the new text."""
    lines = [line.strip() for line in old.split("\n") if line.strip()]
    there = {line.strip() for line in new.split("\n")}
    return sum(line in there for line in lines) / len(lines) if lines else 1.0


def _checked(call: ToolCall, path: str, before: str, after: str) -> ToolCall | Rejected:
    """The call, unless it breaks a file that was whole or takes away what it needs."""
    if broken_syntax(path, before):
        return call
    if problem := broken_syntax(path, after):
        return Rejected(f"That would break {path}: {problem}.")
    if lost := undefined(path, after) - undefined(path, before):
        return Rejected(f"Then {', '.join(sorted(lost))} would be used but defined nowhere.")
    return call


def reasons(rejected: Iterable[Rejected]) -> str:
    """All reasons in one line, for the person."""
    return " ".join(dict.fromkeys(one.reason for one in rejected))
