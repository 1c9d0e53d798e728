"""What the tools' tests share: a real store, a real workspace, and calls as the loop makes them."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from letta_cli.store import Store, open_store
from letta_cli.tools import ToolContext, ToolOutcome, all_tools, check_arguments
from letta_cli.workspace.workspace import Workspace

Call = Callable[..., Awaitable[ToolOutcome]]


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return (tmp_path / "project").resolve()


@pytest.fixture
def store(tmp_path: Path):
    store = open_store(f"sqlite:///{tmp_path}/home/agent.db")
    yield store
    store.close()


@pytest.fixture
def context(store: Store, cwd: Path, tmp_path: Path) -> ToolContext:
    agent = store.agents.current()
    workspace = Workspace(
        cwd,
        overflow_dir=tmp_path / "output",
        environment={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        bash_max_output=2_000,
    )
    return ToolContext(
        workspace=workspace,
        store=store,
        agent_id=agent.id,
        conversation=store.conversations.create(agent.id, cwd=str(cwd), project=str(cwd)),
        run_id="run-1",
        call_id="call-1",
        skills=[],
        progress=lambda _text: None,
        started=lambda _group: None,
    )


@pytest.fixture
def call(context: ToolContext) -> Call:
    """Check the arguments, make the preview and the title, and run: all that the loop does."""

    async def call(name: str, /, **arguments: object) -> ToolOutcome:
        tool = all_tools()[name]
        problem = check_arguments(tool.spec, arguments)
        assert problem is None, problem
        assert "\n" not in tool.title(arguments)
        tool.preview(arguments, context)
        return await tool.run(arguments, context)

    return call
