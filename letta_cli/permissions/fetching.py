"""Whether what a command prints may come from another machine. Pure.

What is known to be local is named here; of everything else nobody can tell from its name whether
it reaches the network."""

from collections.abc import Mapping, Sequence

from letta_cli.permissions.git import verb
from letta_cli.permissions.programs import LOOKERS
from letta_cli.permissions.syntax import parse
from letta_cli.permissions.words import NotUnderstood, Word
from letta_cli.permissions.wrappers import SHELLS, program, unwrapped_command

_NO_HOME = "/"

_LOCAL = frozenset(
    {
        "awk", "sed", "tee", "sort", "touch", "mkdir", "rmdir", "rm", "mv", "cp", "ln", "chmod",
        "chown", "install", "tar", "zip", "unzip", "gzip", "gunzip", "xz", "zstd", "sqlite3",
        "export", "unset", "source", ".", "[", "test", "read", "local", "declare", "kill", "wait",
        "jobs", "trap", "alias", "mktemp", "patch", "dd", "split", "xxd", "rg", "find", "fd", "jq",
        "pytest", "py.test", "unittest", "tox", "nox", "ruff", "mypy", "pyright", "black", "isort",
        "flake8", "pylint", "coverage", "jest", "vitest", "mocha", "eslint", "prettier", "tsc",
        "make", "gmake", "ninja", "cmake", "ctest", "gcc", "g++", "cc", "c++", "clang", "clang++",
        "rustc", "rustfmt", "gofmt", "javac", "shellcheck", "shfmt", "set", "cd", "tree", "date",
    }
)  # fmt: skip
"""Programs whose output is about this machine, whatever they are told."""

_LOCAL_VERBS: Mapping[str, frozenset[str]] = {
    "cargo": frozenset({"test", "build", "check", "clippy", "fmt", "doc", "bench", "tree"}),
    "go": frozenset({"test", "build", "vet", "fmt", "version", "env", "doc"}),
    "npm": frozenset({"test", "t", "run", "ls", "list"}),
    "pnpm": frozenset({"test", "run", "ls", "list"}),
    "yarn": frozenset({"test", "run", "list"}),
    "bun": frozenset({"test", "run"}),
    "pip": frozenset({"list", "show", "freeze", "check"}),
    "pip3": frozenset({"list", "show", "freeze", "check"}),
    "mvn": frozenset({"test", "compile", "verify"}),
    "gradle": frozenset({"test", "build", "check"}),
    "dotnet": frozenset({"test", "build", "format"}),
}
_CARRIERS = frozenset(
    {
        "sudo", "doas", "env", "timeout", "nice", "ionice", "chrt", "taskset", "stdbuf", "time",
        "exec", "xargs", "nohup", "setsid", "command", "builtin", "eval", "unbuffer", "parallel",
    }
)  # fmt: skip
"""Programs that run another one on this machine, which is looked at by itself."""
_GIT_FETCHES = frozenset(
    {
        "fetch", "pull", "clone", "ls-remote", "submodule", "push", "remote", "archive",
        "fetch-pack", "http-fetch", "svn", "p4", "cvsimport", "request-pull", "lfs", "annex",
        "maintenance", "credential", "send-email", "instaweb", "daemon", "remote-https",
        "upload-pack",
    }
)  # fmt: skip
_GIT_LOCAL_REMOTE = frozenset({"", "-v", "--verbose", "get-url", "add", "remove", "rename"})
_PYTHON_MODULES = frozenset(
    {"pytest", "unittest", "mypy", "ruff", "black", "compileall", "py_compile", "json.tool", "venv"}
)
_SOCKETS = ("/dev/tcp/", "/dev/udp/")


def may_fetch(command: str) -> bool:
    """Whether any part of `command` is not known to stay on this machine."""
    if any(path in command for path in _SOCKETS):
        return True
    try:
        script = parse(command, _NO_HOME)
    except NotUnderstood:
        return True
    for simple in script.commands:
        if simple.harmless is not None or not simple.words:
            continue
        if program(simple.words) in script.functions:
            continue
        if program(simple.words) in _LOCAL_VERBS and _stays(simple.words):
            continue  # What a project calls ``build`` is its own.
        if not all(_stays(words) for words in unwrapped_command(simple, _NO_HOME)):
            return True
    return False


def _stays(words: Sequence[Word]) -> bool:
    name = program(words)
    if not name:
        return False
    values = [word.value or word.raw for word in words[1:]]
    if name == "git":
        own, command, rest = verb(values)
        if command == "remote":
            return (rest[0] if rest else "") in _GIT_LOCAL_REMOTE
        # An alias that is given on the spot may be anything.
        return command not in _GIT_FETCHES and not any("alias." in each for each in own)
    if name in ("python", "python3") and values[:1] == ["-m"]:
        return (values[1] if len(values) > 1 else "") in _PYTHON_MODULES
    if name in _LOCAL_VERBS:
        said = [value for value in values if not value.startswith("-")]
        return bool(said) and said[0] in _LOCAL_VERBS[name]
    if name in SHELLS:
        return any(value.startswith("-") and value.endswith("c") for value in values)
    return name in _LOCAL or name in _CARRIERS or name in LOOKERS
