"""What commands ask for beyond a sandbox, what runs unasked within it, and what rules say of both."""

from pathlib import Path

import pytest

from letta_cli.core.message import ToolCall
from letta_cli.core.need import Boundary, Need, host_fits, need_from_text
from letta_cli.core.permission import Decision, PermissionMode, Rules
from letta_cli.core.tool import ToolSpec
from letta_cli.permissions import dead_rules, decide, held_back, parse_rule

SPEC = ToolSpec("Bash", "", {}, "execute")
ON = Boundary(unasked=True)
MODES: tuple[PermissionMode, ...] = ("default", "acceptEdits", "bypassPermissions")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "repo" / "src").mkdir(parents=True)
    (tmp_path / "home" / "data").mkdir()
    return tmp_path / "home"


@pytest.fixture
def judge(home: Path):
    def judge(
        command: str,
        *needs: str,
        mode: PermissionMode = "default",
        boundary: Boundary | None = ON,
        **lists: list[str],
    ) -> Decision:
        rules = Rules(**{key: tuple(parse_rule(t, "") for t in lists[key]) for key in lists})
        call = ToolCall("1", "Bash", {"command": command, "needs": list(needs)})
        return decide(
            call, SPEC, rules=rules, mode=mode, cwd=home / "repo", roots=(), home=home,
            boundary=boundary,
        )  # fmt: skip

    return judge


@pytest.mark.parametrize("command", ["./build.sh", "python3 tool.py", "make all && npm run x"])
def test_an_unlisted_command_runs_unasked_only_where_it_is_confined(judge, command: str) -> None:
    assert judge(command).verdict == "allow"
    assert judge(command, boundary=None).verdict == "ask"
    assert judge(command, boundary=Boundary(unasked=False)).verdict == "ask"


@pytest.mark.parametrize("mode", ["default", "acceptEdits", "dontAsk"])
def test_what_is_confined_still_obeys_rules_and_what_is_asked_in_every_mode(judge, mode) -> None:
    asks = "deny" if mode == "dontAsk" else "ask"
    assert judge("./deploy.sh", mode=mode, deny=["Bash(./deploy.sh:*)"]).verdict == "deny"
    assert judge("./deploy.sh", mode=mode, ask=["Bash(./deploy.sh:*)"]).verdict == asks
    assert judge("python3 x secret.txt", mode=mode, deny=["Read(./secret.txt)"]).verdict == "deny"
    assert judge("rm -rf ~", mode=mode).verdict == asks
    assert judge("echo x > .git/hooks/pre-commit", mode=mode).verdict == asks
    assert judge("python3 x ~/.ssh/id_rsa", mode=mode).verdict == asks
    assert judge("./build.sh", mode=mode).verdict == "allow"


def test_what_was_not_understood_is_asked_about_within_the_sandbox_too(judge) -> None:
    assert judge("echo 'open").verdict == "ask"


def test_plan_mode_changes_nothing_within_the_sandbox_either(judge) -> None:
    assert judge("./build.sh", mode="plan").verdict == "deny"
    assert judge("ls", "network", mode="plan").verdict == "deny"
    assert judge("ls", "read:/opt", mode="plan").verdict == "ask"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("need", "words"),
    [
        ("network", "the whole network"),
        ("network:pypi.org", "to reach pypi.org"),
        ("git", "the repository"),
        ("write:~/data", "changes in ~/data"),
        ("read:~/data", "a look into ~/data"),
        ("unconfined", "no sandbox at all"),
    ],
)
def test_a_need_is_asked_about_by_name_in_every_mode(judge, mode, need: str, words: str) -> None:
    decision = judge("pip install x", need, mode=mode, allow=["Bash(pip install:*)"])
    assert decision.verdict == "ask" and words in decision.reason
    only_once = need == "unconfined"
    assert decision.remedy == (() if only_once else (f"Sandbox({need})",))
    rules = ["Bash(pip install:*)", f"Sandbox({need})"]
    assert judge("pip install x", need, mode=mode, allow=rules).verdict == "allow"


def test_always_means_this_command_with_this_need(judge) -> None:
    decision = judge("pip install x", "network:pypi.org")
    assert decision.remedy == ("Bash(pip install x)", "Sandbox(network:pypi.org)")
    # The rule for the need alone lets no other command out.
    assert judge("pip install y", "network:pypi.org", allow=[*decision.remedy]).verdict == "ask"
    assert judge("python3 -c x", "network").remedy == ()


@pytest.mark.parametrize(
    ("rule", "need", "covered"),
    [
        ("Sandbox(network)", "network:pypi.org", True),
        ("Sandbox(network:pypi.org)", "network", False),
        ("Sandbox(network:*.example.com)", "network:a.example.com", True),
        ("Sandbox(network:*.example.com)", "network:example.com", False),
        ("Sandbox(network:*.example.com)", "network:a.example.com:22", False),
        ("Sandbox(network:example.com)", "network:example.com.evil.org", False),
        ("Sandbox(write:~/data)", "write:~/data/sub", True),
        ("Sandbox(write:~/data)", "read:~/data", True),
        ("Sandbox(read:~/data)", "write:~/data", False),
        ("Sandbox(write:~/data/sub)", "write:~/data", False),
        ("Sandbox(git)", "unconfined", False),
        ("Sandbox", "git", True),
        ("Sandbox", "unconfined", False),
        ("Sandbox(unconfined)", "git", True),
        ("Bash(*)", "git", False),
    ],
)
def test_what_a_rule_grants(judge, rule: str, need: str, covered: bool) -> None:
    verdict = judge("ls", need, allow=[rule]).verdict
    assert verdict == ("allow" if covered else "ask")


@pytest.mark.parametrize(
    ("rule", "need"),
    [
        ("Sandbox(network)", "network:pypi.org"),
        ("Sandbox(network:evil.org)", "network"),
        ("Sandbox(network:evil.org)", "network:evil.org"),
        ("Sandbox(write:~/data/sub)", "write:~/data"),
        ("Sandbox(write:~/data)", "write:~/data/sub"),
        ("Sandbox(read:~/data)", "write:~/data"),
        ("Sandbox(git)", "unconfined"),
        ("Sandbox", "git"),
        ("Edit(~/data/**)", "write:~/data/sub"),
        ("Read(~/data/**)", "read:~/data/sub"),
    ],
)
def test_what_a_rule_refuses_is_refused_also_within_something_wider(judge, rule, need) -> None:
    assert judge("ls", need, deny=[rule], allow=["Sandbox", "Bash"]).verdict == "deny"


def test_leave_to_write_what_is_protected_is_given_once_only(judge, home: Path) -> None:
    for path in ("~/.ssh", "~/.bashrc", "~", "/etc"):
        decision = judge("ls", f"write:{path}", mode="bypassPermissions")
        assert decision.verdict == "ask" and decision.remedy == (), path


def test_what_the_settings_grant_is_not_asked_for_again(judge) -> None:
    settings = Boundary(granted=(Need("git"), Need("host", "pypi.org")), unasked=True)
    for need in ("git", "network:pypi.org"):
        assert judge("./build.sh", need, boundary=settings).verdict == "allow"
    assert judge("./build.sh", "network", boundary=settings).verdict == "ask"


def test_without_a_sandbox_needs_change_nothing(judge) -> None:
    assert judge("./build.sh", "network", boundary=None).verdict == "ask"
    assert judge("ls", "network", boundary=None).verdict == "allow"


@pytest.mark.parametrize(
    "text", ["", "net", "network:", "network:a b", "network:http://x", "write:", "write:rel",
             "git:x", "network:a\0b", "write:/a\nb", "network:..", "network:-x"],
)  # fmt: skip
def test_a_need_that_is_none_is_no_need(text: str) -> None:
    with pytest.raises(ValueError, match="is no "):
        need_from_text(text)


def test_a_rule_that_names_no_need_is_told(home: Path) -> None:
    rules = Rules(allow=(parse_rule("Sandbox(net)", ""), parse_rule("Sandbox(git)", "")))
    [warning] = dead_rules(rules, (), cwd=home / "repo", home=home)
    assert "Sandbox(net)" in warning and "network:HOST" in warning


def test_hosts_fit_at_the_ports_of_the_web_or_the_one_that_is_named() -> None:
    assert host_fits("a.org", "a.org", 443) and host_fits("a.org", "a.org", 80)
    assert not host_fits("a.org", "a.org", 22) and host_fits("a.org:22", "a.org", 22)
    assert host_fits("[::1]:80", "::1", 80)


def test_rules_on_files_become_paths_that_the_sandbox_holds(home: Path) -> None:
    cwd = home / "repo"

    def held(*deny: str):
        return held_back(Rules(deny=tuple(parse_rule(text, "") for text in deny)), cwd, home)

    found = held("Read(./.env)", "Edit(./kept/**)", "Read(~/data)", "Sandbox(network:evil.org)")
    assert found.unreadable == (cwd / ".env", home / "data")
    assert found.unwritable == (cwd / "kept",)
    assert found.hosts == ("evil.org",) and found.whole
    assert not held("Read(**/*.pem)").whole and not held("Read(.env)").whole
    assert not held("Edit").whole and held("Bash(rm:*)").whole
