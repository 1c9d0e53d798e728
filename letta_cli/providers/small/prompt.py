"""The small profile's own words: tools in a line each, an example each, few rules.

Stands in front of the conversation's compiled prompt and never changes within a program version,
so that a server which has read it once need not read it again. Under 600 tokens.
"""

from collections.abc import Sequence

from letta_cli.core.tool import ToolSpec

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

_LINES = {
    "Read": ("file_path", "show a file"),
    "Write": ("file_path, content", "create a new file"),
    "Edit": (
        "file_path, old_string, new_string",
        "replace lines of a file; to add lines, repeat old_string in new_string",
    ),
    "Grep": ("pattern", "find text in all files"),
    "Bash": ("command", "run a shell command, such as the tests"),
    "memory_insert": ("label, new_string", "remember a fact; label human: about the person"),
    "Skill": ("skill", "load the instructions of a skill"),
}

# Placeholders, not lifelike values: a small model repeats what it sees.
_EXAMPLES = {
    "Read": ("what does FILE do", '{"name":"Read","arguments":{"file_path":"FILE"}}'),
    "Write": (
        "create FILE with TEXT",
        '{"name":"Write","arguments":{"file_path":"FILE","content":"TEXT\\n"}}',
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
    "Skill": ("use the skill NAME", '{"name":"Skill","arguments":{"skill":"NAME"}}'),
}

_HEAD = """\
You write one JSON object a step: {"name": TOOL, "arguments": {...}}
Tools:"""

_RESPOND = "respond {text}: answer the person in a sentence or two; only when the work is done"

_RULES = """\
Rules: do exactly what was asked. Change only what must change and keep all the rest. \
Never delete what lies outside the project; refuse with respond. \
When a command fails, fix the cause."""


def profile_prompt(specs: Sequence[ToolSpec]) -> str:
    """The profile's text for these tools, in the order given."""
    lines = [_HEAD]
    for spec in specs:
        arguments, summary = _LINES.get(spec.name) or (
            ", ".join(spec.parameters.get("required", ())),
            spec.summary or spec.description.partition(".")[0],
        )
        lines.append(f"{spec.name} {{{arguments}}}: {summary}")
    lines += [_RESPOND, "Examples:"]
    for spec in specs:
        if example := _EXAMPLES.get(spec.name):
            lines.append(f"{example[0]} -> {example[1]}")
    lines.append('hello -> {"name":"respond","arguments":{"text":"TEXT"}}')
    lines.append(_RULES)
    return "\n".join(lines)
