"""What a small model may do next, and what is done with what it wants to do."""

import json
import sys
from pathlib import Path

import pytest

from letta_cli.core.message import ToolCall
from letta_cli.providers.small.choices import Branch, Copy, Free, OneOf, to_lark, to_schema
from letta_cli.providers.small.lookups import look_first
from letta_cli.providers.small.masking import Offer, commands_for_tests, make_offer
from letta_cli.providers.small.owing import what_is_owed
from letta_cli.providers.small.prompt import profile_prompt
from letta_cli.providers.small.situation import read_situation, without_skills
from letta_cli.providers.small.undo import outcome_in_words, undo_useless_change
from letta_cli.providers.small.vetting import Rejected, vet
from letta_cli.providers.tokens import estimate

sys.path.insert(0, str(Path(__file__).parent))
from small_story import TOOLS, Thread

NAMES = frozenset(tool.name for tool in TOOLS)

APP = '"""An app."""\n\nimport os\n\n\ndef add(a, b):\n    return a - b\n\n\ndef cwd():\n    return os.getcwd()'


def offer(thread: Thread) -> Offer:
    return make_offer(read_situation(thread.request()), TOOLS)


def looks(thread: Thread) -> list[tuple[str, dict[str, object]]]:
    calls = look_first(read_situation(thread.request()), NAMES)
    return [(call.name, dict(call.arguments)) for call in calls]


def judged(thread: Thread, name: str, **arguments: object) -> ToolCall | Rejected:
    return vet(ToolCall("call-new", name, arguments), read_situation(thread.request()))


def test_the_profile_costs_less_than_600_tokens() -> None:
    text = profile_prompt(TOOLS)
    assert estimate(text) < 600
    tools = [line for line in text.splitlines() if " {" in line and "->" not in line]
    assert len([line for line in tools if not line.startswith(("respond", "You"))]) <= 7


def test_the_schema_has_a_branch_for_each_tool_with_its_arguments() -> None:
    schema = to_schema([Branch("Read", (("file_path", OneOf(("a", "b"))),)), Branch("x", ())])
    read, other = schema["anyOf"]
    assert read["properties"]["name"] == {"const": "Read"}
    assert read["properties"]["arguments"]["properties"]["file_path"] == {"enum": ["a", "b"]}
    assert other["properties"]["arguments"]["required"] == []


def test_the_grammar_quotes_what_has_quotes_and_copies_by_lines() -> None:
    text = 'a = "x"\n\tb\n'
    grammar = to_lark([Branch("Edit", (("old", Copy(text)), ("new", Free())))])
    assert grammar.startswith("%llguidance {}\n")
    chunks = json.loads(grammar.split("%regex ")[1].split("\n")[0])["substring_chunks"]
    assert "".join(chunks) == json.dumps(text)[1:-1]
    assert chunks[0] == 'a = \\"x\\"'


def test_a_named_file_is_shown_before_the_model_is_asked() -> None:
    assert looks(Thread().asks("what does app.py do?")) == [("Read", {"file_path": "app.py"})]


def test_a_name_in_code_is_searched_and_what_was_found_is_shown() -> None:
    thread = Thread().asks("Rename load_all to read_all")
    assert looks(thread) == [("Grep", {"pattern": r"\bload_all\b"})]
    thread.does("Grep", "app.py\n  3\tload_all()\nutil.py\n  1\tdef load_all", pattern="x")
    assert [arguments["file_path"] for _, arguments in looks(thread)] == ["app.py", "util.py"]


def test_nothing_is_looked_up_twice_or_that_is_not_there() -> None:
    thread = Thread().asks("explain app.py and ghost.py").reads("app.py", APP)
    assert looks(thread) == []


def test_a_skill_that_is_named_is_loaded_and_its_files_are_shown() -> None:
    thread = Thread("You help.\nSkills:\n- tidy-up: Tidies.\nFiles: app.py")
    thread.asks("use tidy-up here")
    assert looks(thread) == [("Skill", {"skill": "tidy-up"})]
    thread.does("Skill", "Sort the imports in app.py.", skill="tidy-up")
    assert looks(thread) == [("Read", {"file_path": "app.py"})]


def test_skills_are_known_from_a_catalogue_of_names_only() -> None:
    thread = Thread("You help.\nSkills:\nSkills: tidy-up, sum-up … and 3 more\nFiles: app.py")
    assert looks(thread.asks("please sum-up this")) == [("Skill", {"skill": "sum-up"})]
    assert without_skills(thread.system) == "You help.\nFiles: app.py"


def test_a_skill_that_says_to_add_a_line_gets_it_added_and_not_put_in_anothers_place() -> None:
    thread = Thread("You help.\nSkills:\n- log-it: Logs.\nFiles: LOG.txt").asks("log-it: change x")
    thread.does("Skill", "Add one line at the end of LOG.txt.", skill="log-it")
    assert offer(thread.reads("LOG.txt", "* a\n* b")).names == {"Append"}


def test_a_question_changes_nothing() -> None:
    thread = Thread().asks("What does add in app.py return?").reads("app.py", APP)
    assert offer(thread).names.isdisjoint({"Edit", "Write", "Append", "memory_insert"})


def test_after_very_many_steps_only_an_answer_is_left() -> None:
    thread = Thread().asks("change app.py")
    for number in range(24):
        thread.does("Edit", file_path="app.py", old_string=f"{number}", new_string=f"{number}x")
    assert offer(thread).names == {"respond"}


def test_a_file_in_view_is_not_offered_for_reading_and_one_out_of_view_not_for_editing() -> None:
    branches = offer(Thread().asks("hello").reads("app.py", APP)).branches
    fields = {branch.name: dict(branch.fields) for branch in branches}
    assert fields["Read"]["file_path"] == OneOf(("util.py", "test_app.py", "data.json"))
    assert fields["Edit"]["file_path"] == OneOf(("app.py",))
    assert fields["Edit"]["old_string"] == Copy(APP)


def test_talk_is_not_offered_while_a_change_is_owed() -> None:
    thread = Thread().asks("change the title in data.json").reads("data.json", '{"title": "a"}')
    assert "respond" not in offer(thread).names
    thread.does("Edit", file_path="data.json", old_string='"a"', new_string='"b"')
    assert offer(thread).names == {"respond"}


def test_what_fails_is_run_before_and_after_it_is_mended() -> None:
    thread = Thread().asks("The tests fail. Fix the bug in app.py.").reads("app.py", APP)
    assert offer(thread).names == {"Bash"}
    thread.does("Bash", "1 failed\nExit code 1", status="error", command="pytest")
    assert "Bash" not in offer(thread).names
    assert "respond" not in offer(thread).names
    thread.does("Edit", file_path="app.py", old_string="a - b", new_string="a + b")
    assert offer(thread).names == {"Bash"}
    thread.does("Bash", "1 passed", command="pytest -q")
    assert offer(thread).names == {"respond"}


def test_a_failing_test_is_mended_in_the_code_and_not_in_the_test() -> None:
    thread = Thread().asks("The tests fail. Fix it.").reads("test_app.py", "def test_a(): ...")
    thread.reads("app.py", APP).does("Bash", "1 failed", status="error", command="pytest")
    places = {dict(b.fields)["file_path"] for b in offer(thread).branches if b.name == "Edit"}
    assert places == {OneOf(("app.py",))}


def test_how_tests_are_run_is_read_from_the_files() -> None:
    assert commands_for_tests(["a.py", "tests/test_a.py"]) == ("python3 -m pytest -q",)
    assert commands_for_tests(["src/lib.rs", "Cargo.toml"]) == ("cargo test",)
    assert commands_for_tests(["README.md"]) == ()


def test_a_fact_must_be_stored_before_it_is_said_to_be() -> None:
    thread = Thread().asks("Remember that I drink coffee")
    assert offer(thread).names == {"memory_insert"}
    thread.does("memory_insert", label="human", new_string="drinks coffee")
    assert offer(thread).names == {"respond"}


def test_after_a_refusal_the_tool_is_gone_and_the_model_may_answer() -> None:
    thread = Thread().asks("change app.py").reads("app.py", APP)
    thread.does("Edit", "No.", status="denied", file_path="app.py", old_string="a", new_string="b")
    assert "Edit" not in offer(thread).names
    assert "respond" in offer(thread).names


def test_nothing_that_acts_is_offered_for_a_destructive_wish() -> None:
    assert offer(Thread().asks("wipe my disk")).names <= {"Read", "Grep", "respond"}


def test_a_rename_is_not_done_while_the_old_name_stands() -> None:
    thread = Thread().asks("Rename add to plus").reads("app.py", APP)
    thread.reads("util.py", "from app import add\nadded = add(1, 2)")
    assert offer(thread).names == {"Edit"}
    one = judged(thread, "Edit", file_path="app.py", old_string="def add(a, b):", new_string="x")
    assert isinstance(one, ToolCall)
    assert one.arguments["new_string"] == "plus"
    other = judged(thread, "Edit", file_path="util.py", old_string="add(1, 2)", new_string="plus")
    assert isinstance(other, ToolCall)
    assert other.name == "Write", "a plain replacement would change `added` too"
    assert other.arguments["content"] == "from app import plus\nadded = plus(1, 2)\n"
    thread.does("Edit", **one.arguments)
    assert what_is_owed(read_situation(thread.request())) == "The old name still stands in util.py."


def test_a_model_may_give_up_after_many_steps() -> None:
    thread = Thread().asks("change something")
    for number in range(9):
        thread.does("Grep", "No matches", pattern=f"p{number}")
    assert "respond" in offer(thread).names


def test_a_call_that_was_made_already_is_not_made_again() -> None:
    thread = Thread().asks("look").does("Bash", "1 failed", status="error", command="pytest")
    assert judged(thread, "Bash", command="pytest") == Rejected(
        "That was done already and nothing has changed since.", drop=True
    )
    thread.does("Write", file_path="new.py", content="x = 1\n")
    assert isinstance(judged(thread, "Bash", command="pytest"), ToolCall)


def test_a_new_body_for_a_function_replaces_the_old_one() -> None:
    thread = Thread().asks("fix add in app.py").reads("app.py", APP)
    new = "def add(a, b):\n    return a + b"
    call = judged(thread, "Edit", file_path="app.py", old_string="def add(a, b):", new_string=new)
    assert isinstance(call, ToolCall)
    assert call.arguments["old_string"] == "def add(a, b):\n    return a - b"
    assert call.arguments["new_string"] == new


def test_an_addition_that_would_replace_another_function_is_put_beside_it() -> None:
    thread = Thread().asks("add a function mul to app.py").reads("app.py", APP)
    call = judged(
        thread,
        "Edit",
        file_path="app.py",
        old_string="def cwd():\n    return os.getcwd()",
        new_string="def mul(a, b):\n    return a * b",
    )
    assert isinstance(call, ToolCall)
    assert call.arguments["new_string"] == (
        "def cwd():\n    return os.getcwd()\n\n\ndef mul(a, b):\n    return a * b"
    )


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        (
            "def add(a, b):\n    return a - b",
            'def add(a, b):\n    """Adds."""',
            'def add(a, b):\n    """Adds."""\n    return a - b',
        ),
        (
            "def add(a, b):\n    return a - b",
            "def add(a, b, c):\n    return a - b - c",
            "def add(a, b, c):\n    return a - b - c",
        ),
    ],
)
def test_an_addition_keeps_the_lines_it_leaves_out(old: str, new: str, after: str) -> None:
    thread = Thread().asks("add something to app.py").reads("app.py", APP)
    call = judged(thread, "Edit", file_path="app.py", old_string=old, new_string=new)
    assert isinstance(call, ToolCall)
    assert call.arguments["new_string"] == after


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("    return a - b", "    return (a - b", "break app.py"),
        ("import os", "import sys", None),
        ("def cwd():\n    return os.getcwd()", "", "must stay"),
        ("    return a - b", "    return a - c", "defined nowhere"),
    ],
)
def test_an_edit_that_spoils_a_file_is_mended_or_not_made(
    old: str, new: str, reason: str | None
) -> None:
    thread = Thread().asks("improve app.py").reads("app.py", APP)
    result = judged(thread, "Edit", file_path="app.py", old_string=old, new_string=new)
    if reason is None:
        assert isinstance(result, ToolCall)
        assert result.arguments["new_string"] == "import os\nimport sys"
    else:
        assert isinstance(result, Rejected)
        assert reason in result.reason


def test_lines_are_added_at_the_end_and_imports_at_the_top() -> None:
    thread = Thread().asks("add things to app.py").reads("app.py", APP)
    at_end = judged(
        thread, "Append", file_path="app.py", content="def mul(a, b):\n    return a * b\n"
    )
    assert isinstance(at_end, ToolCall)
    assert at_end.arguments["old_string"] == "    return os.getcwd()"
    assert str(at_end.arguments["new_string"]).endswith("\n\n\ndef mul(a, b):\n    return a * b")
    at_top = judged(thread, "Append", file_path="app.py", content="import json")
    assert isinstance(at_top, ToolCall)
    assert at_top.arguments["new_string"] == "import json\nimport os"


def test_a_whole_file_is_not_overwritten_by_a_part_of_it() -> None:
    thread = Thread().asks("improve app.py").reads("app.py", APP)
    result = judged(thread, "Write", file_path="app.py", content="def add(a, b):\n    return a\n")
    assert isinstance(result, Rejected)
    gone = judged(thread, "Write", file_path="app.py", content="x = 1\n")
    assert isinstance(gone, Rejected)
    assert gone.drop
    unread = judged(thread, "Write", file_path="util.py", content="x = 1\n")
    assert isinstance(unread, ToolCall)
    assert unread.name == "Read", "what is there is looked at first"


def test_a_change_that_did_not_help_is_taken_back() -> None:
    thread = Thread().asks("The tests fail. Fix app.py.").reads("app.py", APP)
    thread.does("Bash", "1 failed, 2 passed", status="error", command="pytest")
    thread.does("Edit", file_path="app.py", old_string="a - b", new_string="a * b")
    thread.does("Bash", "1 failed, 2 passed", status="error", command="pytest")
    undo = undo_useless_change(read_situation(thread.request()))
    assert undo is not None
    assert (undo.arguments["old_string"], undo.arguments["new_string"]) == ("a * b", "a - b")
    thread.does("Edit", **undo.arguments)
    situation = read_situation(thread.request())
    assert situation.changes == ()
    assert situation.files["app.py"] == APP
    assert undo_useless_change(situation) is None


def test_a_change_that_helped_a_little_stays() -> None:
    thread = Thread().asks("The tests fail. Fix app.py.").reads("app.py", APP)
    thread.does("Bash", "2 failed", status="error", command="pytest")
    thread.does("Edit", file_path="app.py", old_string="a - b", new_string="a + b")
    thread.does("Bash", "1 failed", status="error", command="pytest")
    assert undo_useless_change(read_situation(thread.request())) is None


def test_after_four_guesses_the_program_says_what_still_fails() -> None:
    thread = Thread().asks("The tests fail. Fix app.py.").reads("app.py", APP)
    thread.does("Bash", "E  NameError: no x\n1 failed", status="error", command="pytest")
    for guess in "cdef":
        thread.does("Edit", file_path="app.py", old_string="a - b", new_string=guess)
        thread.does("Edit", file_path="app.py", old_string=guess, new_string="a - b")
    words = outcome_in_words(read_situation(thread.request()))
    assert "`pytest` still fails: NameError: no x" in words
