"""The fixtures of `agent_stage`, for every test in this folder."""

from agent_stage import project, stage

__all__ = ["project", "stage"]
