"""The tools of an open session: a fixed list, of which some are offered only once there is a use.

A list that changes costs the provider's whole prompt cache, so it changes at most once: when the
agent gets its first document. Tools that are offered stay offered.
"""

from collections.abc import Callable, Iterator, Mapping

from letta_cli.tools.files import OPEN, SEARCH
from letta_cli.tools.tool import Tool

FOR_DOCUMENTS = frozenset({SEARCH.name, OPEN.name})

TOLD = "The person gave you documents: search_files finds text in them."


def _never() -> bool:
    return False


class Toolbox(Mapping[str, Tool]):
    """Tools by name, in the order in which models see them.

    Args:
        tools: all that there may be.
        has_documents: whether the agent has files by now.
    """

    def __init__(
        self, tools: Mapping[str, Tool], has_documents: Callable[[], bool] = _never
    ) -> None:
        self._has_documents = has_documents
        waits = bool(FOR_DOCUMENTS & tools.keys()) and not has_documents()
        self._waiting = FOR_DOCUMENTS & tools.keys() if waits else frozenset[str]()
        self._tools = dict(tools)

    def __getitem__(self, name: str) -> Tool:
        if name in self._waiting:
            raise KeyError(name)
        return self._tools[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._tools if name not in self._waiting)

    def __len__(self) -> int:
        return len(self._tools) - len(self._waiting)

    def refresh(self) -> str:
        """Before a model call; returns what to tell the model of new tools, or nothing."""
        if not self._waiting or not self._has_documents():
            return ""
        self._waiting = frozenset[str]()
        return TOLD
