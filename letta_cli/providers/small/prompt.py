"""The small profile's own words: tools in a line each, an example each, few rules.

Stands in front of the conversation's compiled prompt and never changes within a program version,
so that a server which has read it once need not read it again. Under 600 tokens.
"""

from collections.abc import Sequence

from letta_cli.core.tool import ToolSpec

APPEND = "Append"
"""Lines at the end of a file: offered beside Write, and made with Edit or Write."""

SMALL_TOOLS: tuple[str, ...] = (
    "Read",
    "Write",
    "Edit",
    "Grep",
    "Bash",
    "memory_insert",
    "Skill",
)
"""What a small model is offered, of all there is."""

DOCUMENTS = "search_files"
ALL_SMALL_TOOLS: tuple[str, ...] = (*SMALL_TOOLS, DOCUMENTS)
"""With the one for documents, when the agent has any."""

_LINES = {
    "Read": ("file_path", "show a file"),
    "Write": ("file_path, content", "create a new file"),
    APPEND: ("file_path, content", "add lines to a file that exists: a function, an import"),
    "Edit": ("file_path, old_string, new_string", "replace whole lines of a file by others"),
    "Grep": ("pattern", "find text in all files"),
    "Bash": ("command", "run a shell command, such as the tests"),
    DOCUMENTS: ("query", "find text in the documents that the person gave"),
    "memory_insert": ("label, new_string", "remember a fact; label human: about the person"),
}

# Placeholders, not lifelike values: a small model repeats what it sees.
_EXAMPLES = {
    "Read": ("what does FILE do", '{"name":"Read","arguments":{"file_path":"FILE"}}'),
    "Write": (
        "create FILE with TEXT",
        '{"name":"Write","arguments":{"file_path":"FILE","content":"TEXT\\n"}}',
    ),
    APPEND: (
        "add NAME to FILE",
        '{"name":"Append","arguments":{"file_path":"FILE","content":"LINES"}}',
    ),
    "Edit": (
        "in FILE change OLD LINE",
        '{"name":"Edit","arguments":{"file_path":"FILE","old_string":"OLD LINE",'
        '"new_string":"NEW LINE"}}',
    ),
    "Grep": ("where is NAME", '{"name":"Grep","arguments":{"pattern":"NAME"}}'),
    "Bash": ("run COMMAND", '{"name":"Bash","arguments":{"command":"COMMAND"}}'),
    "memory_insert": (
        "remember that I FACT",
        '{"name":"memory_insert","arguments":{"label":"human","new_string":"The person FACT"}}',
    ),
}

_HEAD = """\
You write one JSON object a step: {"name": TOOL, "arguments": {...}}
Tools:"""

_RESPOND = "respond {text}: answer the person in a sentence or two"

_RULES = """\
Rules: do exactly what was asked and keep all the rest. Respond at once when you know the answer, \
from memory or from what was shown, and when the work is done. Refuse to delete what lies outside \
the project. When a command fails, change the code that is the cause."""


def profile_prompt(specs: Sequence[ToolSpec]) -> str:
    """The profile's text for these tools, in the order given."""
    names = [name for spec in specs for name in _shown(spec.name)]
    known = {spec.name: spec for spec in specs}
    lines = [_HEAD, *(_line(name, known.get(name)) for name in names), _RESPOND, "Examples:"]
    for name in names:
        if example := _EXAMPLES.get(name):
            lines.append(f"{example[0]} -> {example[1]}")
    lines.append('hello -> {"name":"respond","arguments":{"text":"TEXT"}}')
    lines.append(_RULES)
    return "\n".join(lines)


def _shown(name: str) -> tuple[str, ...]:
    """The names under which a tool stands in the prompt.

    Skills do not: a small model does not pick one by itself, and a skill that the person names is
    loaded before the model is asked.
    """
    match name:
        case "Write":
            return ("Write", APPEND)
        case "Skill":
            return ()
        case _:
            return (name,)


def _line(name: str, spec: ToolSpec | None) -> str:
    arguments, summary = _LINES.get(name, ("", ""))
    if not summary and spec is not None:
        arguments = ", ".join(spec.parameters.get("required", ()))
        summary = spec.summary or spec.description.partition(".")[0]
    return f"{name} {{{arguments}}}: {summary}"
