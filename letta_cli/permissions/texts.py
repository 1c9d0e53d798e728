"""Programs in operands: texts and sub-commands through which a command runs another one."""

import re
from collections.abc import Iterator, Mapping, Sequence

from letta_cli.permissions.options import Escape

_RUNNING: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "npm": (("exec",), ("x",), ("dlx",), ("config", "set"), ("set",), ("explore",)),
    "docker": (("exec",), ("run",), ("cp",), ("plugin",)),
    "kubectl": (("exec",), ("cp",), ("debug",), ("run",)),
    "go": (("env", "-w"), ("env", "-u"), ("tool",)),
    "gh": (("alias",), ("extension",), ("config",), ("codespace",)),
    "openssl": (("engine",), ("s_server",), ("s_client",)),
    "pip": (("config",),), "bat": (("cache",),),
}  # fmt: skip
"""Sub-commands that run something else or change what is run later."""

_TEXTS: Mapping[str, re.Pattern[str]] = {
    # A subscript in the name of the variable is evaluated.
    "printf": re.compile(r"\A-v"),
    "gcc": re.compile(r"\A@"),
    "pytest": re.compile(r"\A--cov-report[= ]?\w+:"),
    "go": re.compile(r"-extld|-extar|-gccgoflags"),
    "curl": re.compile(
        r"\A(--next|-:)\Z|\A[@<]|=[@<]|\A(-d|-F|--data\S*|--form\S*|--json)[@=]?[@<]"
        r"|%output\{|\A\w+@\S*\Z"
    ),
    "mvn": re.compile(r"\A[\w.-]+:[\w.:-]+\Z"),
    "sqlite3": re.compile(
        r"(?:\A|[\n;])\s*\.(?!tables\b|schema\b|index|mode\b|header|show\b|databases\b|width\b|help\b)"
        r"|\b(load_extension|writefile|edit|fts3_tokenizer)\s*\(|\battach\b|\bvacuum\s+into\b",
        re.IGNORECASE,
    ),
    "psql": re.compile(
        r"\\(?!d|l\b|x\b|pset\b|timing\b|conninfo\b|z\b)|\bprogram\b|\blo_(ex|im)port\b"
        r"|\bcopy\b.*\bto\b|\bpg_(read|write|ls)_",
        re.IGNORECASE | re.DOTALL,
    ),
    "mysql": re.compile(
        r"\\!|(?:\A|;)\s*(system|source|tee|pager)\b|\binto\s+(out|dump)file\b|\bload_file\b",
        re.IGNORECASE,
    ),
}  # fmt: skip
"""Texts in an operand through which a program runs another one, or reads and writes files."""

_MAKE_RUNS = re.compile(r"\$|!=|\A(\.?SHELL(FLAGS)?|MAKE\w*|CC|CXX)\s*[:+?]*=")
"""make expands what it is given: ``$(shell …)`` runs where it stands, ``X!=…`` at once."""

_SED_SCRIPT = re.compile(
    r"(?:(?:\d+|\$|/[^/\\]*/)(?:,(?:\d+|\$|/[^/\\]*/|\+\d+))?)?\s*!?\s*(?:[pdq=]|s(?P<d>[/|#,])(?:(?!(?P=d)).)*(?P=d)"
    r"(?:(?!(?P=d)).)*(?P=d)[gpiI\d]*)\s*\Z"
)
_SED_OPTIONS = frozenset({"-n", "-E", "-r", "-nE", "-nr", "-En", "-rn", "-u", "-e", "-ne", "-nEe"})
AWK_RUNS = re.compile(
    r"\bsystem\s*\(|\||\bgetline\b|@|\bprintf?\b.*>|-f\b|\\|\b(ARGV|ARGC|ENVIRON)\b", re.DOTALL
)


def scripts_in(name: str, values: Sequence[str]) -> Iterator[Escape]:
    """What the operands of a program make it do: scripts, sub-commands, old-style clusters."""
    if name == "awk":
        program = next((v for v in values if not v.startswith("-")), "")
        if AWK_RUNS.search(program):
            yield Escape("run", program)
    if name == "sed" and not sed_prints(values):
        for script in values:
            if re.search(r"(?:^|[;{\d$/,!\s])[ewrWR]\s*\S|/[gpiI\d]*[ew]", script):
                yield Escape("run", script)
    if name == "make":
        yield from (Escape("run", value) for value in values if _MAKE_RUNS.search(value))
    if name == "socat":
        for value in values:
            if re.match(r"(exec|system|shell|open|create|file)[:-]", value, re.IGNORECASE):
                yield Escape("run", value)
    if name == "tar" and values and re.fullmatch(r"[A-Za-z]+", values[0]):
        for letter in values[0]:
            if letter in "IFP":
                yield Escape("write" if letter == "P" else "run", values[0])
    if pattern := _TEXTS.get(name):
        yield from (Escape("run", value) for value in values if pattern.search(value))
    for running in _RUNNING.get(name, ()):
        if tuple(values[: len(running)]) == running:
            yield Escape("run", running[0])
    if name in ("less", "more", "vim", "emacs") and any(v.startswith("+") for v in values):
        yield Escape("run", next(v for v in values if v.startswith("+")))


def sed_prints(values: Sequence[str]) -> bool:
    """Whether every sed script is of the few forms that neither write nor run."""
    scripts: list[str] = []
    operands: list[str] = []
    iterator = iter(values)
    for value in iterator:
        if value in ("-e", "--expression", "-ne", "-nE", "-En", "-nEe") and value.endswith(
            ("e", "expression")
        ):
            scripts.append(next(iterator, ""))
        elif value.startswith("-") and value not in _SED_OPTIONS:
            return False
        elif not value.startswith("-"):
            operands.append(value)
    if not scripts:
        scripts = operands[:1]
    parts = [part for script in scripts for part in script.split(";")]
    return bool(parts) and all(_SED_SCRIPT.match(part.strip()) for part in parts)
