"""The rules that are proposed for a command: exactly what was shown, and never an interpreter."""

from collections.abc import Sequence

from letta_cli.permissions.command import Command
from letta_cli.permissions.danger import INTERPRETERS
from letta_cli.permissions.programs import escapes
from letta_cli.permissions.wrappers import RUNNERS, WRAPPERS, program, without_timing

MOST_RULES = 5

_MODULES = frozenset(
    {"pytest", "unittest", "mypy", "ruff", "black", "isort", "flake8", "pylint", "build",
    "coverage",
     "compileall", "doctest", "tox", "nox", "pyright", "sphinx"}
)  # fmt: skip
"""Modules that ``python -m`` runs as the commands of the same name."""

_TOOLS = {
    ("uv", "run"): _MODULES, ("poetry", "run"): _MODULES, ("pdm", "run"): _MODULES,
    ("npx",): frozenset({"tsc", "eslint", "prettier", "jest", "vitest", "mocha"}),
    ("bundle", "exec"): frozenset({"rspec", "rake", "rubocop"}),
    ("docker",): frozenset({"build", "compose"}),
}  # fmt: skip
"""Programs that run others, and which of these are known tools of a project."""

_ORDINARY = frozenset({"git", "npm", "pnpm", "yarn", "bun", "make", "cargo", "just", "bundle", "uv",
                       "poetry", "docker-compose"})  # fmt: skip
_RUNS_ANYTHING = frozenset({"exec", "x", "dlx", "-c", "config", "filter-branch", "bisect",
"foreach",
                            "run"})  # fmt: skip


def suggest(commands: Sequence[Command]) -> tuple[str, ...]:
    """One rule for each part that needs one; none if a part could be anything later."""
    texts = dict.fromkeys(_rule_text(command) for command in commands)
    if None in texts or len(texts) > MOST_RULES:
        return ()
    return tuple(f"Bash({text})" for text in texts)


def _rule_text(command: Command) -> str | None:
    text = command.text
    if command.assignments or not command.words or "*" in text or "\n" in text:
        return None
    if command.stdin is not None or any(word.value is None for word in command.words):
        return None
    words = without_timing(command.words)
    if not words:
        return None
    name = program(words)
    values = [word.value or "" for word in words]
    if name in ("python", "python3") and values[1:2] == ["-m"] and values[2:3]:
        return text if values[2] in _MODULES else None
    for before, tools in _TOOLS.items():
        if (name, *values[1 : len(before)]) == before:
            return text if tools.intersection(values[len(before) : len(before) + 1]) else None
    if name in INTERPRETERS | frozenset(WRAPPERS) or (name in RUNNERS and name not in _ORDINARY):
        return None
    if any(value in _RUNS_ANYTHING for value in values[1:2]) and not _names_script(name, values):
        return None
    if any(escape.kind == "run" for escape in escapes(words)):
        return None
    return text


def _names_script(name: str, values: Sequence[str]) -> bool:
    """Whether it runs a script that the project names, such as ``npm run build``."""
    return name in ("npm", "pnpm", "yarn", "bun") and values[1:2] == ["run"] and len(values) > 2
