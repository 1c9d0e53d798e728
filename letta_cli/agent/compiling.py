"""Compiles the system prompt of a conversation from what a session found, and from memory."""

import platform
from dataclasses import dataclass
from itertools import islice

from letta_cli.agent.prompt import PromptParts, compile_prompt
from letta_cli.agent.shelf import Shelf
from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.clock import now
from letta_cli.skills import catalogue
from letta_cli.store import Store
from letta_cli.workspace.instructions import Instructions
from letta_cli.workspace.scan import list_files
from letta_cli.workspace.workspace import Workspace

CATALOGUE_CHARACTERS = 2_000
SMALL_CATALOGUE_CHARACTERS = 400
LISTED_FILES = 40


@dataclass(frozen=True, slots=True)
class PromptCompiler:
    """Compiles the system prompt of any conversation of this session."""

    store: Store
    agent: Agent
    workspace: Workspace
    instructions: Instructions
    shelf: Shelf
    omni_memory: bool = False

    def compile(self, conversation: Conversation, small: bool) -> tuple[str, dict[str, int]]:
        """The prompt, and the versions of the blocks that stand in it."""
        blocks = self.store.blocks.visible(conversation)
        self.shelf.refresh()
        listed = [skill for skill in self.shelf.skills if skill.model_invocable]
        limit = SMALL_CATALOGUE_CHARACTERS if small else CATALOGUE_CHARACTERS
        parts = PromptParts(
            blocks=blocks,
            own=self.agent.system,
            instructions=self.instructions.text,
            skills=catalogue(listed, limit),
            environment=self._environment(),
            omni_memory=self.omni_memory,
            untrusted=self.store.reviews.sources(blocks),
            files=tuple(islice(list_files(str(self.workspace.cwd)), LISTED_FILES)) if small else (),
        )
        return compile_prompt(parts, small=small), {block.id: block.version for block in blocks}

    def _environment(self) -> list[str]:
        branch = self.workspace.branch()
        kind = f"git repository, branch {branch}" if branch else "not a git repository"
        return [
            f"Directory: {self.workspace.cwd} ({kind})",
            f"System: {platform.system()} {platform.machine()}, shell: bash",
            f"Date: {now():%Y-%m-%d}",
        ]
