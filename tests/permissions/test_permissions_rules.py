"""Rules that can never decide anything are told; examples that rules carry are tried."""

from pathlib import Path

import pytest

from letta_cli.core.errors import ConfigError
from letta_cli.core.permission import Rule, Rules, rule_from_value
from letta_cli.permissions import anchored, check_examples, dead_rules, decide_shell, parse_rule

CWD, HOME = Path("/work/repo"), Path("/home/ada")


def rules(**lists: list[object]) -> Rules:
    return Rules(
        **{kind: tuple(anchored(rule_from_value(value, "settings.json")) for value in values)
           for kind, values in lists.items()}
    )  # fmt: skip


def dead(**lists: list[object]) -> list[str]:
    return dead_rules(rules(**lists), [], cwd=CWD, home=HOME)


@pytest.mark.parametrize(
    ("kind", "rule", "why"),
    [
        ("allow", "Bassh(ls)", "there is no tool Bassh"),
        ("allow", "Bash(git add . && git commit *)", "each part of a command is judged by itself"),
        ("allow", "Bash(sudo *)", "sudo runs any other command"),
        ("allow", "Bash(timeout 60 *)", "timeout runs any other command"),
        ("allow", "Bash(:*)", "it names no command"),
        ("deny", "Bash(git:* push)", "the form :* stands only at the end"),
        ("allow", "WebFetch(example.com)", "write WebFetch(domain:example.com)"),
        ("allow", "WebFetch(domain:https://example.com/x)", "with a host alone"),
        ("allow", "Edit(.git/hooks/**)", "asked about in every mode"),
        ("allow", "Edit(~/.bashrc)", "asked about in every mode"),
        ("deny", "Read(src\\x)", "write paths with slashes"),
        ("deny", "Read(~root/x)", "only ~/ means a home directory"),
    ],
)
def test_a_rule_that_can_never_decide_is_told_with_its_reason(kind: str, rule: str, why: str):
    warnings = dead(**{kind: [rule]})
    assert len(warnings) == 1
    assert why in warnings[0] and "settings.json" in warnings[0]


def test_a_rule_behind_a_stronger_one_is_told():
    assert "the deny rule Bash decides before it" in dead(allow=["Bash(ls)"], deny=["Bash"])[0]
    assert (
        "the ask rule Bash(ls) decides before it" in dead(allow=["Bash(ls)"], ask=["Bash(ls)"])[0]
    )


def test_a_single_slash_that_was_meant_as_the_root_is_told(tmp_path: Path):
    settings = f"user settings {tmp_path}/.agent/settings.json"
    rule = parse_rule("Read(/etc/passwd)", settings)
    warnings = dead_rules(Rules(deny=(rule,)), [], cwd=tmp_path, home=HOME)
    assert "write Read(//etc/passwd)" in warnings[0]


@pytest.mark.parametrize(
    "rule",
    ["Bash(git status:*)", "Bash(npm run *)", "Read(./.env)", "Edit(src/**)", "Read(//etc/passwd)",
     "Read(~/.zshrc)", "WebFetch(domain:example.com)", "WebFetch(domain:*.example.com)",
     "mcp__puppeteer__*", "mcp__puppeteer", "Bash", "Bash(sudo systemctl status *)", "*",
     "Bash(timeout 60 pytest *)", "Skill(deploy)", "Agent(Explore)"],
)  # fmt: skip
def test_the_documented_forms_are_alive(rule: str):
    assert dead(allow=[rule]) == []


def test_examples_are_tried_when_rules_are_loaded():
    good = rules(
        allow=[{"rule": "Bash(git log:*)", "match": ["git log -5"], "not_match": ["git logs",
                "git log --output=x", "git log; rm x"]}],
        deny=[{"rule": "Read(./.env)", "match": [".env", "src/../.env"], "not_match": [".envrc"]}],
        ask=[{"rule": "WebFetch(domain:example.com)", "match": "https://a.example.com/x"}],
    )  # fmt: skip
    check_examples(good, cwd=CWD, home=HOME)


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("allow", {"rule": "Bash(git log:*)", "match": ["git status"]}, "is to match 'git status'"),
        ("deny", {"rule": "Bash(rm:*)", "not_match": ["sudo rm x"]}, "is not to match 'sudo rm x'"),
        ("deny", {"rule": "Read(./.env)", "match": ["deep/.env"]}, "is to match 'deep/.env'"),
    ],
)
def test_an_example_that_fails_stops_the_start_with_the_rule(kind: str, value: object, words: str):
    with pytest.raises(ConfigError) as told:
        check_examples(rules(**{kind: [value]}), cwd=CWD, home=HOME)
    assert words in str(told.value) and "settings.json" in str(told.value)


@pytest.mark.parametrize(
    "value",
    [
        5,
        {"match": []},
        {"rule": 5},
        {"rule": "Bash", "matches": []},
        {"rule": "Bash", "match": [5]},
    ],
)
def test_a_rule_of_another_form_is_refused(value: object):
    with pytest.raises(ValueError):
        rule_from_value(value)


def test_the_rule_that_decides_is_named():
    decision = decide_shell(
        "sudo rm x", {"deny": ["Bash(rm:*)"], "allow": ["Bash"]}, CWD, home=HOME
    )
    assert decision.rule == Rule("Bash", "rm:*", "")
    assert "Bash(rm:*)" in decision.reason
