"""A terminal coding agent whose every terminal is one conversation of the same local agent."""

__version__ = "0.1.0"
