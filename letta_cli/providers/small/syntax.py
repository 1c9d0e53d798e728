"""What can be said of a file's text without running it."""

import ast
import builtins
import json
import re
import symtable
import sys
import tomllib
from collections.abc import Mapping
from typing import Any

_DEFINITION = re.compile(
    r"^[ \t]*(?:export\s+|pub\s+|public\s+|static\s+)*(?:async\s+)?"
    r"(?:def|class|function|func|fn|interface|struct|enum|trait)\s+(\w+)",
    re.MULTILINE,
)


def broken_syntax(path: str, text: str) -> str:
    """Why `text` cannot be what the file's name says it is; empty when nothing is wrong."""
    try:
        if path.endswith(".py"):
            ast.parse(text)
        elif path.endswith(".json"):
            json.loads(text, object_pairs_hook=_without_doubles)
        elif path.endswith(".toml"):
            tomllib.loads(text)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except ValueError as error:
        return str(error)
    return ""


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys differ: JSON allows doubles, and nobody means them."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {double!r} stands there twice")
    return found


def definitions(text: str) -> set[str]:
    """Names that `text` defines, in the languages that have a word for it."""
    return set(_DEFINITION.findall(text))


def undefined(path: str, text: str) -> set[str]:
    """Names that a Python file uses and nowhere binds. Empty for other files and broken ones."""
    if not path.endswith(".py") or "import *" in text:
        return set()
    try:
        module = symtable.symtable(text, path, "exec")
    except (SyntaxError, ValueError):
        return set()
    bound = {s.get_name() for s in module.get_symbols() if s.is_assigned() or s.is_imported()}
    used: set[str] = set()
    tables = [module]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global() and symbol.is_assigned():
                bound.add(symbol.get_name())
            if symbol.is_referenced() and (symbol.is_global() or table is module):
                used.add(symbol.get_name())
    return used - bound - set(dir(builtins)) - _MODULE_NAMES


def imports_for(names: set[str]) -> list[str]:
    """Import lines that give names their plainest meaning: modules of the standard library."""
    return [f"import {name}" for name in sorted(names) if name in sys.stdlib_module_names]


def own_imports(path: str, text: str, files: Mapping[str, str]) -> list[str]:
    """Import lines for names in `text` that nobody defines but another file of the project.

    Args:
        files: the known files of the project, path to text.
    """
    lines: list[str] = []
    for name in sorted(undefined(path, text)):
        homes = [p for p, t in files.items() if p.endswith(".py") and name in _at_top(t)]
        if len(homes) == 1 and homes[0] != path:
            module = homes[0].removesuffix(".py").removeprefix("src/").replace("/", ".")
            lines.append(f"from {module} import {name}")
    return lines


def _at_top(text: str) -> set[str]:
    return set(re.findall(r"^(?:async\s+def|def|class)\s+(\w+)", text, re.MULTILINE))


_MODULE_NAMES = {"__file__", "__name__", "__doc__", "__path__", "__spec__", "__package__"}


def words_of(text: str) -> set[str]:
    """The whole words of a text."""
    return set(re.findall(r"\w+", text))


def block_at(text: str, start: int) -> str:
    """The Python definition whose head begins at `start`, to the last line of its body.

    Empty when something else stands before it in its line.
    """
    line_start = text.rfind("\n", 0, start) + 1
    if text[line_start:start].strip():
        return ""
    lines = text[start:].split("\n")
    indent = len(text[line_start:start]) + _indent(lines[0])
    end = 1
    for number, line in enumerate(lines[1:], 1):
        if not line.strip():
            continue
        if _indent(line) <= indent:
            break
        end = number + 1
    return "\n".join(lines[:end])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
