"""Trust in a folder is given once, to what stands there; a change asks again."""

import json

import pytest
from command import Command
from terminals import Terminal

pytestmark = pytest.mark.slow


HELLO = [{"text": "hi"}]


@pytest.fixture
def folder(agent: Command) -> Command:
    """A repository with instructions, a skill and settings, of which nothing is trusted."""
    agent.environment["AGENT_TRUST"] = ""
    agent.repository(**{"AGENTS.md": "Say Ahoy.\n"})
    skill = agent.project / ".agents" / "skills" / "greet"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text("---\nname: greet\ndescription: How to greet\n---\nBow.\n")
    (skill / "words.txt").write_text("ahoy\n")
    (agent.project / ".agent").mkdir()
    settings = {"permissions": {"deny": ["Bash(ls:*)"]}}
    (agent.project / ".agent" / "settings.json").write_text(json.dumps(settings))
    return agent


def prompt_of(agent: Command, *flags: str, env: dict[str, str] | None = None) -> str:
    """The system prompt of a new conversation."""
    script = agent.script(HELLO)
    (agent.root / "script.requests").unlink(missing_ok=True)
    done = agent.run("run", "hello", *flags, env={**script, **(env or {})})
    assert done.returncode == 0, done.stderr
    return agent.requests()[-1]["system"]


def test_what_is_trusted_takes_effect_and_a_change_asks_again(folder: Command) -> None:
    assert "Ahoy" not in prompt_of(folder)
    assert folder.run("trust", "--yes").returncode == 0
    prompt = prompt_of(folder)
    assert "Say Ahoy." in prompt and "greet: How to greet" in prompt
    (folder.project / "AGENTS.md").write_text("Say Ahoy. Then run rm.\n")
    prompt = prompt_of(folder)
    assert "Ahoy" not in prompt and "greet: How to greet" in prompt
    told = folder.run("run", "hello", env=folder.script(HELLO)).stderr
    assert "AGENTS.md (instructions, changed since you trusted it)" in told
    (folder.project / "AGENTS.md").write_text("Say Ahoy.\n")
    assert "Say Ahoy." in prompt_of(folder), "what was trusted once is known again"


def test_a_skills_other_files_and_imported_files_count_as_its_content(folder: Command) -> None:
    (folder.project / "AGENTS.md").write_text("See @more.md\n")
    (folder.project / "more.md").write_text("Be kind.\n")
    folder.run("trust", "--yes")
    assert "Be kind." in prompt_of(folder)
    (folder.project / "more.md").write_text("Be cruel.\n")
    (folder.project / ".agents/skills/greet/words.txt").write_text("rm\n")
    prompt = prompt_of(folder)
    assert "cruel" not in prompt and "greet" not in prompt


def test_a_skill_that_changes_in_mid_session_is_not_read(folder: Command) -> None:
    folder.run("trust", "--yes")
    words = folder.project / ".agents/skills/greet/words.txt"
    skill = {"tool_calls": [{"name": "Skill", "arguments": {"skill": "greet"}}]}
    chat = Terminal(folder, env=folder.script([skill, {"text": "one"}, skill, {"text": "two"}]))
    chat.enter("greet me").wait_for("one")
    words.write_text("rm\n")
    chat.enter("again").wait_for("two")
    assert chat.end() == 0
    returns = [
        part["content"]
        for message in folder.requests()[-1]["messages"]
        for part in message["parts"]
        if part["type"] == "tool_return"
    ]
    assert "Bow." in returns[0]
    assert "Bow." not in returns[1] and "changed since it was trusted" in returns[1]


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_build_machine_trusts_what_is_there_for_one_run(folder: Command, how: str) -> None:
    flags = ("--trust",) if how == "flag" else ()
    env = {"AGENT_TRUST": "1"} if how == "variable" else {}
    assert "Say Ahoy." in prompt_of(folder, *flags, env=env)
    assert "Say Ahoy." not in prompt_of(folder)
    assert not (folder.home / ".agent" / "trust.json").exists()


def test_settings_of_a_trusted_folder_narrow_and_of_an_untrusted_one_do_nothing(
    folder: Command,
) -> None:
    def status() -> str:
        script = folder.script(
            [{"tool_calls": [{"name": "Bash", "arguments": {"command": "ls"}}]}, {"text": "ok"}]
        )
        folder.run("run", "list", env=script)
        return folder.requests()[-1]["messages"][-1]["parts"][0]["status"]

    assert status() == "ok"
    folder.run("trust", "--yes")
    assert status() == "denied"


def test_a_worktree_with_the_same_content_is_trusted_with_its_repository(folder: Command) -> None:
    folder.git("add", "-A")
    folder.git("commit", "-qm", "all")
    folder.run("trust", "--yes")
    assert "Say Ahoy." in prompt_of(folder, "--worktree", "side")
    tree = folder.project / ".agent" / "worktrees" / "side"
    (tree / "AGENTS.md").write_text("Say Arr.\n")
    assert "Arr" not in prompt_of(folder, "-C", str(tree))
    assert "Say Ahoy." in prompt_of(folder)


def test_a_copy_elsewhere_is_not_trusted(folder: Command) -> None:
    folder.run("trust", "--yes")
    other = folder.root / "other"
    other.mkdir()
    (other / "AGENTS.md").write_text("Say Ahoy.\n")
    assert "Ahoy" not in prompt_of(folder, "-C", str(other))


def test_what_the_person_sets_in_a_trusted_folder_needs_no_new_question(folder: Command) -> None:
    folder.run("trust", "--yes")
    assert folder.run("config", "set", "--project", "maxTurns", "7").returncode == 0
    told = folder.run("run", "hello", env=folder.script(HELLO)).stderr
    assert "settings.json" not in told


def test_setting_a_value_in_an_untrusted_file_does_not_trust_the_rest_of_it(
    folder: Command,
) -> None:
    folder.run("config", "set", "--project", "maxTurns", "7")
    told = folder.run("run", "hello", env=folder.script(HELLO)).stderr
    assert ".agent/settings.json (settings)" in told


def test_trust_is_listed_and_taken_back(folder: Command) -> None:
    folder.run("trust", "--yes")
    [listed] = folder.json("trust", "list", "--json")
    assert listed["folder"] == str(folder.project)
    assert "AGENTS.md" in listed["items"]
    assert (folder.home / ".agent" / "trust.json").stat().st_mode & 0o777 == 0o600
    assert folder.run("trust", "remove", str(folder.project)).returncode == 0
    assert folder.json("trust", "list", "--json") == []
    assert folder.run("trust", "remove", str(folder.project)).returncode != 0
    items = folder.json("trust", "--json")["items"]
    assert {item["trusted"] for item in items} == {False}


def test_a_file_of_trust_that_others_may_write_is_refused(folder: Command) -> None:
    folder.run("trust", "--yes")
    (folder.home / ".agent" / "trust.json").chmod(0o666)
    done = folder.run("run", "hello", env=folder.script(HELLO))
    assert done.returncode != 0
    assert "chmod 600" in done.stderr


def open_chat(agent: Command) -> Terminal:
    return Terminal(agent, env=agent.script([{"text": "hello yourself"}] * 3))


def test_a_person_is_asked_once_with_a_list_of_what_would_take_effect(folder: Command) -> None:
    chat = open_chat(folder)
    chat.wait_for("1, 2 or 3?")
    for words in ("AGENTS.md (instructions)", "Say Ahoy.", "greet: How to greet", "Bash(ls:*)"):
        chat.wait_for(words)
    chat.process.send("1\r")
    chat.enter("hi").wait_for("hello yourself")
    assert chat.end() == 0
    assert "Say Ahoy." in folder.requests()[-1]["system"]
    again = open_chat(folder)
    again.enter("hi").wait_for("hello yourself")
    assert "1, 2 or 3?" not in again.text
    assert again.end() == 0


def test_a_person_may_go_on_without_or_leave(folder: Command) -> None:
    chat = open_chat(folder)
    chat.wait_for("1, 2 or 3?")
    chat.process.send("2\r")
    chat.enter("hi").wait_for("hello yourself")
    assert chat.end() == 0
    assert "Ahoy" not in folder.requests()[-1]["system"]
    leaving = open_chat(folder)
    leaving.wait_for("1, 2 or 3?")
    leaving.process.send("3\r")
    leaving.process.expect(__import__("pexpect").EOF)
    leaving.process.close()
    assert leaving.process.exitstatus == 0


def test_a_folder_that_brings_nothing_is_never_asked_about(agent: Command) -> None:
    agent.environment["AGENT_TRUST"] = ""
    agent.repository(**{"app.py": "print(1)\n"})
    chat = open_chat(agent)
    chat.enter("hi").wait_for("hello yourself")
    assert "1, 2 or 3?" not in chat.text
    assert chat.end() == 0
