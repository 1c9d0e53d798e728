"""The house stands as CONTRIBUTING.md draws it: floors, rooms, and modules that fit on a screen.

Every import is resolved, also those inside functions and under TYPE_CHECKING.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = "letta_cli"
ROOT = Path(__file__).parent.parent
FLOORS = {
    "core": 0,
    "store": 1,
    "providers": 1,
    "workspace": 1,
    "permissions": 1,
    "skills": 1,
    "config": 1,
    "tools": 2,
    "portable": 2,
    "agent": 3,
    "session": 4,
    "app": 5,
    "frontends": 5,
    "cli": 6,
    "__main__": 7,
}
ROOMS: dict[str, tuple[str, ...]] = {
    "anthropic": ("providers",),
    "openai": ("providers",),
    "httpx2": ("providers", "tools.webfetch"),
    "xllamacpp": ("providers",),
    "onnxruntime": ("providers",),
    "tokenizers": ("providers",),
    "numpy": ("providers",),
    "apsw": ("store",),
    "sqlite_vec": ("store",),
    "psycopg": ("store",),
    "git": ("workspace",),
    "rich": ("frontends", "cli"),
    "prompt_toolkit": ("frontends", "cli"),
    "typer": ("cli",),
    "yaml": ("skills",),
    "markdownify": ("tools.webfetch",),
    "bs4": ("tools.webfetch",),
    "filelock": ("store", "config", "providers"),
    "keyring": ("config",),
    "pypdf": ("workspace.documents",),
    "backports": ("portable.lines",),
    "compression": ("portable.lines",),  # of the standard library from Python 3.14 on
    "markdown_it": ("frontends",),
    "pygments": ("frontends",),
    "wcwidth": ("frontends",),
    "tree_sitter": ("permissions.syntax",),
    "tree_sitter_bash": ("permissions.syntax",),
}
"""Third-party libraries and the only places that may import them. A new one is a decision."""

LONGEST_MODULE = 500
LONGEST_FUNCTION = 100


@dataclass(frozen=True)
class Import:
    importer: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def name_of(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_of(root: Path) -> dict[str, ast.Module]:
    return {
        name_of(path, root): ast.parse(path.read_text(encoding="utf-8"), str(path))
        for path in sorted((root / PACKAGE).rglob("*.py"))
    }


def imports_of(modules: dict[str, ast.Module]) -> Iterator[Import]:
    """All imports; ``from package import name`` counts as one of the sub-module if it is one."""
    for importer, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(importer, alias.name, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{importer}:{node.lineno}: a relative import"
                assert node.module is not None
                for alias in node.names:
                    below = f"{node.module}.{alias.name}"
                    yield Import(importer, below if below in modules else node.module, node.lineno)


def folder_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def is_ours(module: str) -> bool:
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")


def floor_breaks(modules: dict[str, ast.Module]) -> list[str]:
    """Imports that go up, or sideways into another folder of the same floor."""
    broken: list[str] = []
    for each in imports_of(modules):
        if not is_ours(each.target) or each.target == PACKAGE:
            continue
        importer, target = folder_of(each.importer), folder_of(each.target)
        if not importer or importer == target:
            continue
        if importer not in FLOORS or target not in FLOORS:
            broken.append(f"{each}: a folder without a floor")
        elif FLOORS[target] > FLOORS[importer]:
            broken.append(f"{each}: upward")
        elif FLOORS[target] == FLOORS[importer]:
            broken.append(f"{each}: sideways")
    return broken


def strangers(modules: dict[str, ast.Module]) -> list[str]:
    """Third-party libraries outside their rooms, or that no room knows."""
    broken: list[str] = []
    for each in imports_of(modules):
        library = each.target.partition(".")[0]
        if is_ours(each.target) or library in sys.stdlib_module_names:
            continue
        rooms = tuple(f"{PACKAGE}.{room}" for room in ROOMS.get(library, ()))
        if not any(each.importer == room or each.importer.startswith(f"{room}.") for room in rooms):
            broken.append(f"{each}: only {', '.join(rooms) or 'nobody'} may")
    return broken


def cycles(modules: dict[str, ast.Module]) -> list[list[str]]:
    """Groups of modules that import one another in a circle (Tarjan's components)."""
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for each in imports_of(modules):
        if each.target in modules and each.target != each.importer:
            graph[each.importer].add(each.target)
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for target in sorted(graph[name]):
            if target not in order:
                visit(target)
                lowest[name] = min(lowest[name], lowest[target])
            elif target in stack:
                lowest[name] = min(lowest[name], order[target])
        if lowest[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in modules:
        if name not in order:
            visit(name)
    return found


def long_pieces(root: Path) -> list[str]:
    found: list[str] = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > LONGEST_MODULE:
            found.append(f"{path.relative_to(root)}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    found.append(f"{path.relative_to(root)}: {node.name} has {length} lines")
    return found


def readers_of_environment(modules: dict[str, ast.Module]) -> list[str]:
    """Where ``os.environ`` or ``os.getenv`` is used, or imported by name."""
    names = ("environ", "environb", "getenv")
    found: list[str] = []
    for module, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used = node.value.id == "os" and node.attr in names
            elif isinstance(node, ast.ImportFrom):
                used = node.module == "os" and any(each.name in names for each in node.names)
            else:
                continue
            if used:
                found.append(f"{module}:{node.lineno}")
    return found


MODULES = modules_of(ROOT)


def test_no_module_imports_upward_or_sideways() -> None:
    assert floor_breaks(MODULES) == []


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert cycles(MODULES) == []


def test_each_third_party_library_stays_in_its_room() -> None:
    assert strangers(MODULES) == []


def test_modules_and_functions_stay_short() -> None:
    assert long_pieces(ROOT) == []


def test_only_the_configuration_reads_the_environment() -> None:
    readers = [
        name
        for name in readers_of_environment(MODULES)
        if not name.startswith(f"{PACKAGE}.config.")
    ]
    assert readers == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [name for name, tree in MODULES.items() if not ast.get_docstring(tree)]
    assert silent == []


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small package to break the rules in."""
    for folder in ("core", "store", "providers", "tools"):
        (tmp_path / PACKAGE / folder).mkdir(parents=True)
        (tmp_path / PACKAGE / folder / "__init__.py").write_text("")
    (tmp_path / PACKAGE / "__init__.py").write_text("")
    return tmp_path


def write(house: Path, module: str, text: str) -> None:
    (house / PACKAGE / f"{module}.py").write_text(text)


def test_an_upward_import_inside_a_function_is_found(house: Path) -> None:
    write(house, "core/low", "def f():\n    from letta_cli.tools import high\n")
    write(house, "tools/high", "")
    assert floor_breaks(modules_of(house)) == [
        "letta_cli.core.low:2 imports letta_cli.tools.high: upward"
    ]


def test_a_sideways_import_is_found(house: Path) -> None:
    write(house, "store/a", "import letta_cli.providers.b\n")
    write(house, "providers/b", "")
    assert floor_breaks(modules_of(house)) == [
        "letta_cli.store.a:1 imports letta_cli.providers.b: sideways"
    ]


def test_a_circle_of_three_through_a_package_is_found(house: Path) -> None:
    write(house, "store/a", "from letta_cli.store import b\n")
    write(house, "store/b", "def f():\n    import letta_cli.store.c\n")
    write(house, "store/c", "from letta_cli.store.a import thing\n")
    assert cycles(modules_of(house)) == [
        ["letta_cli.store.a", "letta_cli.store.b", "letta_cli.store.c"]
    ]


def test_a_library_outside_its_room_is_found(house: Path) -> None:
    write(house, "store/a", "def f():\n    import openai.types\n")
    write(house, "store/b", "import pandas\n")
    assert strangers(modules_of(house)) == [
        "letta_cli.store.a:2 imports openai.types: only letta_cli.providers may",
        "letta_cli.store.b:1 imports pandas: only nobody may",
    ]


def test_a_reader_of_the_environment_is_found(house: Path) -> None:
    write(house, "store/a", "import os\n\nHOME = os.environ['HOME']\n")
    assert readers_of_environment(modules_of(house)) == ["letta_cli.store.a:3"]


def test_a_long_function_is_found(house: Path) -> None:
    body = "\n".join(f"    x = {n}" for n in range(LONGEST_FUNCTION))
    write(house, "store/a", f"def f():\n{body}\n")
    assert long_pieces(house) == ["letta_cli/store/a.py: f has 101 lines"]
