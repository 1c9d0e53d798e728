"""What the person allows in this session: the configured rules and what they added on the way."""

from pathlib import Path

from letta_cli.core.permission import PermissionMode, Rule, Rules
from letta_cli.permissions import parse_rule


class SessionPolicy:
    """Rules and mode of one session. Nothing here outlives it.

    Attributes:
        mode: may be changed at any time; the next call is judged by it.
        interactive: somebody is here to be asked.
        roots: folders beside the project that may be worked in.
        readable: folders that may be read unasked, such as those of skills.
    """

    def __init__(
        self,
        rules: Rules,
        mode: PermissionMode,
        *,
        interactive: bool,
        roots: tuple[Path, ...] = (),
        readable: tuple[Path, ...] = (),
    ) -> None:
        self.mode: PermissionMode = mode
        self.interactive = interactive
        self.roots = roots
        self.readable = readable
        self._configured = rules
        self._remembered: tuple[Rule, ...] = ()
        self._told: PermissionMode = "default"

    def mode_news(self) -> str:
        """What the model is to know of a change of the mode; empty when there is none."""
        before, self._told = self._told, self.mode
        if self.mode == before or "plan" not in (before, self.mode):
            return ""
        if self.mode == "plan":
            return (
                "Plan mode is on: change nothing. Look at what is there, then call ExitPlanMode "
                "with the plan and wait for it to be agreed."
            )
        return "Plan mode is over: changes may be made again."

    def rules(self) -> Rules:
        configured = self._configured
        return Rules(configured.allow + self._remembered, configured.ask, configured.deny)

    def remember(self, rule: str) -> Rule:
        """Allow by `rule` until the session ends."""
        parsed = parse_rule(rule, "this session")
        self._remembered += (parsed,)
        return parsed
