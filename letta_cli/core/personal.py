"""Which of this program's own commands are for a person alone: they decide what the agent may do,
or speak as the person."""

PERSONAL = frozenset(
    {
        "trust", "remember", "memory", "passages", "config", "secrets", "permissions", "agents",
        "learn", "restore", "db",
    }
)  # fmt: skip

LOOKING = frozenset(
    {"list", "get", "show", "log", "diff", "blame", "export", "test", "-h", "--help"}
)
"""Words after such a command with which it only shows something."""
