"""Commands that change a tree under other sessions are asked about, whatever else is allowed."""

from pathlib import Path

import pytest

from letta_cli.core.message import ToolCall
from letta_cli.core.permission import PermissionMode, Rules
from letta_cli.core.tool import ToolSpec
from letta_cli.permissions import decide, parse_rule, tree_change

BASH = ToolSpec("Bash", "", {}, "execute")


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("git checkout main", "git checkout"),
        ("git -C . -c a.b=c switch dev", "git switch"),
        ("cd src && git stash", "git stash"),
        ("git reset --hard HEAD~1", "git reset"),
        ("sh -c 'git rebase main'", "git rebase"),
        ("timeout 5 /usr/bin/git merge dev", "git merge"),
        ("if true; then git clean -fd; fi", "git clean"),
        ("for b in a b; do git reset -q --hard $b; done", "git reset"),
        ("git pull", "git pull"),
        ("git reset HEAD file", None),
        ("git stash list", None),
        ("git clean -n", None),
        ("git commit -m 'merge the switch'", None),
        ("git log --merges", None),
        ("echo merge", None),
    ],
)
def test_commands_that_change_the_tree_are_known(command: str, found: str | None):
    assert tree_change(command) == found


def judge(command: str, *, neighbours: tuple[str, ...], mode: PermissionMode, allow: str = ""):
    rules = Rules(allow=(parse_rule(allow, "test"),) if allow else ())
    return decide(
        ToolCall("call", "Bash", {"command": command}), BASH, rules=rules, mode=mode,
        cwd=Path("/work"), roots=(), home=Path("/home/ada"), neighbours=neighbours,
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["default", "acceptEdits", "bypassPermissions"])
def test_with_others_in_the_tree_a_switch_is_asked_about_in_every_mode(mode: PermissionMode):
    for rule in ("", "Bash", "Bash(git *)", "Bash(git switch:*)"):
        decision = judge(
            "git switch dev", neighbours=('"billing" (/dev/pts/3)',), mode=mode, allow=rule
        )
        assert decision.verdict == "ask" and decision.suggestion is None
        assert '"billing" (/dev/pts/3)' in decision.reason


def test_a_rule_for_exactly_this_command_lets_it_pass():
    allow = "Bash(git switch dev)"
    decision = judge("git  switch dev", neighbours=("billing",), mode="default", allow=allow)
    assert decision.verdict == "allow"


def test_alone_in_the_tree_a_switch_is_judged_as_ever():
    assert judge("git switch dev", neighbours=(), mode="bypassPermissions").verdict == "allow"
    assert judge("git status", neighbours=("billing",), mode="default").verdict == "allow"


def test_where_nobody_is_asked_it_is_refused():
    assert judge("git switch dev", neighbours=("billing",), mode="dontAsk").verdict == "deny"
    assert judge("git switch dev", neighbours=("billing",), mode="plan").verdict == "deny"
