"""Paths, web addresses and other tools: rules, modes, and what is asked about in all of them."""

from pathlib import Path

import pytest

from letta_cli.core.errors import ConfigError
from letta_cli.core.message import ToolCall
from letta_cli.core.permission import Decision, PermissionMode, Rules
from letta_cli.core.tool import ToolKind, ToolSpec
from letta_cli.permissions import dead_rules, decide, decide_shell, parse_rule

KINDS: dict[str, ToolKind] = {
    "Read": "read", "Grep": "read", "Glob": "read", "Edit": "edit", "Write": "edit",
    "WebFetch": "network", "memory_insert": "memory", "memory": "memory", "Skill": "read",
    "TodoWrite": "todo",
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "repo" / "src").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def judge(home: Path):
    def judge(
        tool: str,
        argument: str = "",
        mode: PermissionMode = "default",
        roots: tuple[Path, ...] = (),
        **lists: list[str],
    ) -> Decision:
        name = {
            "Grep": "path", "Glob": "path", "WebFetch": "url", "Skill": "skill", "memory": "path",
        }.get(tool, "label" if tool.startswith("memory") else "file_path")  # fmt: skip
        given = Rules(
            **{key: tuple(parse_rule(t, f"user settings {home}/repo/.agent/settings.json") for t in texts)
               for key, texts in lists.items()}
        )  # fmt: skip
        spec = ToolSpec(tool, "", {}, KINDS.get(tool, "execute"))
        call = ToolCall("1", tool, {name: argument})
        return decide(call, spec, rules=given, mode=mode, cwd=home / "repo", roots=roots, home=home)

    return judge


def test_no_rule_is_proposed_for_a_command_in_another_folder_since_none_would_help() -> None:
    decision = decide_shell("cd /etc && npm run x", {"allow": ["Bash(npm run *)"]}, "/src/repo")
    assert (decision.verdict, decision.needed) == ("ask", ())


def test_reading_is_free_and_edits_are_asked_about(judge):
    assert judge("Read", "src/a.py").verdict == "allow"
    assert judge("Grep").verdict == "allow"
    assert judge("Read", "/usr/include/stdio.h").verdict == "allow"
    outside = judge("Read", "../other/notes.md")
    assert outside.verdict == "ask" and outside.suggestion
    assert judge("Read", "../other/notes.md", allow=[outside.suggestion]).verdict == "allow"
    assert judge("Read", "../other/notes.md", "bypassPermissions").verdict == "allow"
    decision = judge("Edit", "src/a.py")
    assert (decision.verdict, decision.suggestion) == ("ask", "Edit(./src/a.py)")
    assert judge("Edit", "src/a.py", allow=["Edit(./src/a.py)"]).verdict == "allow"
    assert judge("Write", "src/a.py", allow=["Edit(./src/a.py)"]).verdict == "allow"
    assert judge("Edit", "src/b.py", allow=["Edit(./src/a.py)"]).verdict == "ask"


def test_modes_decide_over_edits(judge, home: Path):
    assert judge("Edit", "src/a.py", "acceptEdits").verdict == "allow"
    assert judge("Edit", "src/a.py", "plan").verdict == "deny"
    assert judge("Edit", "src/a.py", "dontAsk").verdict == "deny"
    assert judge("Edit", "src/a.py", "bypassPermissions").verdict == "allow"
    assert judge("Edit", "../x.py", "acceptEdits").verdict == "ask"
    assert judge("Edit", "../x.py", "acceptEdits", roots=(home,)).verdict == "allow"
    outside = judge("Write", "/tmp/x.py")
    assert (outside.verdict, outside.suggestion) == ("ask", "Edit(//tmp/x.py)")
    assert judge("Write", "/tmp/x.py", allow=["Edit(//tmp/x.py)"]).verdict == "allow"
    assert judge("Edit", "../repository/x.py", "acceptEdits").verdict == "ask"


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".git/hooks/pre-commit",
        ".GIT/hooks/x",
        "src/../.git/HEAD",
        "vendor/x/.git/config",
        ".mcp.json",
        ".agent/settings.json",
        ".claude/settings.local.json",
        ".vscode/tasks.json",
        ".husky/pre-push",
        ".envrc",
        "~/.bashrc",
        "~/.zshenv",
        "~/.ssh/authorized_keys",
        "~/.gitconfig",
        "~/.config/systemd/user/x.service",
        "~/.local/bin/ls",
        "~/.agent/agent.db",
        "/etc/passwd",
        "/dev/sda",
        "/usr/local/bin/x",
        "link-to-git/config",
    ],
)
def test_protected_paths_are_asked_about_in_every_mode(judge, home: Path, path: str):
    (home / "repo" / "link-to-git").symlink_to(".git")
    for mode in ("default", "acceptEdits", "bypassPermissions"):
        decision = judge("Write", path, mode, roots=(Path("/"),), allow=["Edit", "Write", "*"])
        assert decision.verdict == "ask", mode
        assert decision.suggestion is None
    assert judge("Write", path, "dontAsk").verdict == "deny"


@pytest.mark.parametrize(
    "path",
    [".gitignore", ".github/workflows/ci.yml", "skills/x/SKILL.md", "src/git/x.py",
     ".agent/worktrees/a/src/x.py", "profile", ".env.example"],
)  # fmt: skip
def test_ordinary_files_with_similar_names_are_not_protected(judge, path: str):
    assert judge("Write", path, "acceptEdits").verdict == "allow"


def test_a_worktree_of_ours_still_protects_its_git_file(judge):
    assert judge("Write", ".agent/worktrees/a/.git", "bypassPermissions").verdict == "ask"


def test_a_project_below_a_system_folder_is_the_persons(home: Path):
    spec = ToolSpec("Write", "", {}, "edit")

    def verdict(path: str) -> str:
        return decide(
            ToolCall("1", "Write", {"file_path": path}), spec, rules=Rules(), mode="acceptEdits",
            cwd=Path("/usr/src/app"), roots=(), home=home,
        ).verdict  # fmt: skip

    assert verdict("main.py") == "allow"
    assert verdict("/usr/src/other.py") == "ask"
    assert verdict("/usr/src/app/.git/config") == "ask"


def test_a_foreign_tool_with_a_command_is_not_taken_for_bash(home: Path):
    spec = ToolSpec("mcp__x__run", "", {}, "execute")
    call = ToolCall("1", "mcp__x__run", {"command": "ls"})
    decision = decide(
        call, spec, rules=Rules(), mode="default", cwd=home / "repo", roots=(), home=home
    )
    assert decision.verdict == "ask"


def test_keys_are_not_read_unasked(judge):
    for path in ("~/.ssh/id_rsa", "~/.aws/credentials", "~/.netrc", "/proc/1/environ",
                 "~/.agent/keys.json", "/etc/shadow", "~/.config/gh/hosts.yml"):  # fmt: skip
        assert judge("Read", path).verdict == "ask", path
        assert judge("Read", path, allow=["Read"]).verdict == "ask", path
    assert judge("Read", "~/.netrc", allow=["Read(~/.netrc)"]).verdict == "allow"
    assert judge("Read", "~/.ssh/id_rsa.pub", allow=["Read"]).verdict == "allow"
    assert judge("Read", "i18n/keys.json").verdict == "allow"
    assert judge("Grep", "~/.ssh/x", allow=["Grep"]).verdict == "ask"
    assert judge("Read", "~root/x", deny=["Read(~root/**)"]).verdict == "deny"
    assert judge("Read", "~/.ssh/id_rsa", "bypassPermissions").verdict == "ask"


def test_a_link_cannot_lead_around_a_rule(judge, home: Path):
    (home / "repo" / "innocent.txt").symlink_to(home / "repo" / ".env")
    (home / "repo" / "out").symlink_to("/tmp")
    assert judge("Read", "innocent.txt", deny=["Read(.env)"]).verdict == "deny"
    assert judge("Read", "src/../innocent.txt", deny=["Read(innocent.txt)"]).verdict == "deny"
    assert judge("Write", "out/x", "acceptEdits").verdict == "ask"
    assert judge("Write", "out/x", allow=["Edit(out/**)"]).verdict == "ask"


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("src/**", "src/a.py", True),
        ("src/**", "src/x/y.py", True),
        ("src/**", "source/a.py", False),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/x/a.py", False),
        ("src", "src/x/a.py", True),
        ("src/", "src/a.py", True),
        ("*.py", "src/x/a.py", True),
        (".env", "deep/down/.env", True),
        ("./.env", "deep/.env", False),
        ("./.env", ".env", True),
        ("/src/**", "src/a.py", True),
        ("//tmp/**", "/tmp/x/y", True),
        ("//tmp/**", "/tmpfiles/x", False),
        ("~/notes/**", "~/notes/a.md", True),
        ("**/*.lock", "a/b/c.lock", True),
        ("../other/**", "../other/x", True),
        ("*", "anything/at/all", True),
    ],
)
def test_path_patterns_work_as_in_gitignore(judge, pattern: str, path: str, covered: bool):
    verdict = judge("Edit", path, deny=[f"Edit({pattern})"]).verdict
    assert verdict == ("deny" if covered else "ask")
    assert judge("Edit", path, allow=[f"Edit({pattern})"]).verdict == (
        "allow" if covered else "ask"
    )


def test_a_read_rule_covers_every_reading_tool(judge):
    for tool in ("Read", "Grep", "Glob"):
        assert judge(tool, "private/x", deny=["Read(private/**)"]).verdict == "deny"
    assert judge("Read", "a", deny=["Read"]).verdict == "deny"


def test_web_rules_are_about_hosts(judge):
    url = "https://docs.example.com/page"
    decision = judge("WebFetch", url)
    assert (decision.verdict, decision.suggestion) == ("ask", "WebFetch(domain:docs.example.com)")
    assert judge("WebFetch", url, allow=["WebFetch(domain:example.com)"]).verdict == "allow"
    assert judge("WebFetch", url, allow=["WebFetch"]).verdict == "allow"
    assert judge("WebFetch", url, deny=["WebFetch(domain:*.example.com)"]).verdict == "deny"
    for tricky in ("https://example.com.evil.org/", "https://evil.org/example.com",
                   "https://example.com@evil.org/", "https://notexample.com"):  # fmt: skip
        assert judge("WebFetch", tricky, allow=["WebFetch(domain:example.com)"]).verdict == "ask"


def test_this_machine_is_opened_only_by_a_rule_that_names_it(judge):
    for url in ("http://localhost:8000/", "http://127.0.0.1/", "http://[::1]/", "http://10.0.0.5/"):
        decision = judge("WebFetch", url, allow=["WebFetch"])
        assert decision.verdict == "ask"
        assert "inside this machine" in decision.reason
        assert decision.suggestion
        assert judge("WebFetch", url, allow=[decision.suggestion]).verdict == "allow"


def test_memory_todos_and_skills_touch_no_files(judge):
    for tool in ("memory_insert", "TodoWrite", "Skill"):
        for mode in ("default", "plan", "dontAsk"):
            assert judge(tool, "x", mode).verdict == "allow"
    assert judge("Skill", "deploy", deny=["Skill(deploy)"]).verdict == "deny"
    assert judge("Skill", "other", deny=["Skill(deploy)"]).verdict == "allow"
    assert judge("memory_insert", "persona", ask=["memory_insert(persona)"]).verdict == "ask"


def test_tools_of_servers_are_asked_about_until_named(judge):
    tool = "mcp__browser__click"
    decision = judge(tool)
    assert (decision.verdict, decision.suggestion) == ("ask", tool)
    assert judge(tool, allow=[tool]).verdict == "allow"
    assert judge(tool, allow=["mcp__browser__*"]).verdict == "allow"
    assert judge(tool, allow=["mcp__browser"]).verdict == "allow"
    assert judge(tool, allow=["mcp__brow"]).verdict == "ask"
    assert judge(tool, mode="plan").verdict == "deny"


@pytest.mark.parametrize("text", ["", "Bash(", "(x)", "Bash)x", "9tool", "Bash(ls) extra"])
def test_a_rule_that_is_no_rule_is_named_with_its_file(text: str):
    with pytest.raises(ConfigError, match=r"settings\.json is not understood"):
        parse_rule(text, "settings.json")


def test_rules_keep_what_is_in_their_parentheses():
    assert parse_rule("Bash(echo (a) )", "").specifier == "echo (a)"
    assert parse_rule(" Bash(*) ", "").specifier is None
    assert parse_rule("Edit(/src/**)", "project settings /w/p/.agent/settings.json").specifier == (
        "//w/p/src/**"
    )


def test_rules_about_no_tool_are_warned_of():
    given = Rules(allow=(parse_rule("Bassh(ls)", "user settings"), parse_rule("Read", "")))
    assert dead_rules(given, ["Bash"], cwd=Path("/work"), home=Path("/home/ada")) == [
        "The permission rule Bassh(ls) (user settings) never applies: there is no tool Bassh."
    ]


def test_a_path_that_cannot_be_is_refused(judge):
    assert judge("Read", "a\0b", allow=["*"]).verdict == "deny"
    assert judge("Edit", "", allow=["*"]).verdict == "deny"


def test_an_address_that_cannot_be_is_left_to_the_tool(judge):
    assert judge("WebFetch", "http://[").verdict == "allow"


@pytest.mark.parametrize("path", ["persona", "/memories/persona", " /memories/persona "])
def test_a_rule_about_a_block_sees_both_ways_of_naming_it(judge, path: str):
    assert judge("memory", path, deny=["memory(persona)"]).verdict == "deny"
    assert judge("memory", path, deny=["memory(human)"]).verdict == "allow"
