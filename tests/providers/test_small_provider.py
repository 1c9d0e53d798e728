"""The wrapper as a whole, around a door that says what it is told to."""

import sys
from pathlib import Path

from letta_cli.core.clock import now
from letta_cli.core.message import Message, Text, ToolCall
from letta_cli.core.provider import Completed, Delta, TextChunk
from letta_cli.core.skill import suggestion
from letta_cli.providers.small import SmallModelProvider, small_profile

sys.path.insert(0, str(Path(__file__).parent))
from small_story import TOOLS, Door, Thread, call, spec


async def run(door: Door, thread: Thread, **options: object) -> tuple[list[Delta], Completed]:
    provider = SmallModelProvider(door, **options)  # pyright: ignore[reportArgumentType]
    deltas = [delta async for delta in provider.stream(thread.request())]
    end = deltas[-1]
    assert isinstance(end, Completed)
    return deltas, end


def spoken(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextChunk))


async def test_words_stream_while_they_are_written() -> None:
    deltas, end = await run(Door(call("respond", text="Good morning")), Thread().asks("hello"))
    assert spoken(deltas) == "Good morning"
    assert sum(isinstance(delta, TextChunk) for delta in deltas) > 1
    assert end.parts == (Text("Good morning"),)


async def test_a_call_becomes_a_tool_call() -> None:
    _, end = await run(Door(call("Bash", command="ls")), Thread().asks("list the files"))
    (part,) = end.parts
    assert isinstance(part, ToolCall)
    assert (part.name, dict(part.arguments)) == ("Bash", {"command": "ls"})


async def test_the_server_is_told_the_form_by_schema_or_by_grammar() -> None:
    schema, lark = Door(call("respond", text="x")), Door(call("respond", text="x"))
    await run(schema, Thread().asks("hello"))
    await run(lark, Thread().asks("hello"), form="lark")
    assert schema.asked[0]["schema"]["anyOf"]
    assert lark.asked[0]["extra"]["grammar"].startswith("%llguidance")


async def test_a_server_that_refuses_the_form_is_asked_without_and_understood() -> None:
    door = Door(f"Sure.\n```json\n{call('Bash', command='ls')}\n```", refuses_form=True)
    _, end = await run(door, Thread().asks("list the files"))
    assert [asked["schema"] is None for asked in door.asked] == [False, True]
    (part,) = end.parts
    assert isinstance(part, ToolCall)
    assert part.name == "Bash"


async def test_plain_talk_without_a_form_is_an_answer() -> None:
    deltas, end = await run(Door("Just talk.", refuses_form=True), Thread().asks("hello"))
    assert spoken(deltas) == "Just talk."
    assert end.parts == (Text("Just talk."),)


async def test_a_claim_without_the_change_is_asked_again_and_paid_for() -> None:
    thread = Thread().asks("change data.json").reads("data.json", '{\n"a": 1\n}')
    edit = call("Edit", file_path="data.json", old_string='"a": 1', new_string='"a": 2')
    door = Door("I changed it!", edit, refuses_form=True)
    deltas, end = await run(door, thread)
    assert spoken(deltas) == ""
    assert isinstance(end.parts[0], ToolCall)
    assert end.usage.input == 20
    assert "not made yet" in door.asked[-1]["messages"][-1]["content"]


async def test_one_that_only_repeats_itself_stops_and_asks_the_person() -> None:
    thread = Thread().asks("look around").does("Bash", "a b", command="ls")
    again = call("Bash", command="ls")
    _, end = await run(Door(again, again, again), thread)
    (part,) = end.parts
    assert isinstance(part, Text)
    assert "What should I do?" in part.text


async def test_what_was_sent_before_is_sent_again_unchanged() -> None:
    thread = Thread().asks("look around")
    door = Door(*[call("respond", text="x")] * 2)
    await run(door, thread)
    thread.does("Bash", "a b", command="ls")
    await run(door, thread)
    first, second = (asked["messages"] for asked in door.asked)
    assert second[: len(first)] == first


async def test_a_file_is_shown_without_asking_the_model() -> None:
    door = Door()
    _, end = await run(door, Thread().asks("what is in app.py?"))
    assert door.asked == []
    (part,) = end.parts
    assert isinstance(part, ToolCall)
    assert part.arguments == {"file_path": "app.py"}


async def test_long_results_and_line_numbers_are_kept_from_the_model() -> None:
    thread = Thread().asks("what is in app.py?").reads("app.py", "x = 1\n" * 5000)
    door = Door(call("respond", text="x"))
    await run(door, thread)
    shown = door.asked[0]["messages"][-1]["content"]
    assert len(shown) < 4000
    assert "\tx = 1" not in shown


async def test_a_request_without_tools_is_passed_on_as_it_is() -> None:
    door = Door("A summary.")
    provider = SmallModelProvider(door)
    request = Thread().asks("sum it up").request(tools=())
    end = [delta async for delta in provider.stream(request)][-1]
    assert isinstance(end, Completed)
    assert door.asked[0]["schema"] is None
    assert len(door.asked[0]["messages"]) == 2


async def test_only_chat_providers_are_wrapped() -> None:
    door = Door()
    assert isinstance(small_profile(door), SmallModelProvider)  # pyright: ignore[reportArgumentType]
    wrapped = SmallModelProvider(door)
    assert small_profile(wrapped) is wrapped
    assert (await wrapped.model_info("m")).small


SUGGESTED = suggestion("house-tests")
TEXT = (
    '<skill_content name="house-tests" dir="/s">\n## When to use\nTests.\n\n## Steps\n'
    "1. Tests are in the folder checks. (conv-1:3)\n\n## Pitfalls\n- None.\n</skill_content>"
)


async def test_a_skill_that_the_program_suggests_is_loaded_before_the_model_is_asked() -> None:
    door = Door()
    thread = Thread().asks("write a test for shout in app.py")
    thread.messages.append(Message("n", "conv-1", 2, "notice", (Text(SUGGESTED),), now()))
    _, end = await run(door, thread)
    (part,) = end.parts
    assert isinstance(part, ToolCall)
    assert (part.name, dict(part.arguments)) == ("Skill", {"skill": "house-tests"})
    thread.does("Skill", TEXT, skill="house-tests")
    _, end = await run(door, thread)
    (part,) = end.parts
    assert isinstance(part, ToolCall)
    assert dict(part.arguments) == {"file_path": "app.py"}, "then what the person named"
    assert door.asked == []


async def test_what_a_loaded_skill_says_stands_last_and_its_files_may_be_new() -> None:
    written = call("Write", file_path="checks/check_app.py", content="assert shout('a') == 'A!'")
    door = Door(written)
    thread = Thread().asks("write a test for shout in app.py")
    thread.does("Skill", TEXT, skill="house-tests")
    thread.reads("app.py", "def shout(text):\n    return text.upper() + '!'")
    _, end = await run(door, thread)
    (part,) = end.parts
    assert isinstance(part, ToolCall)
    assert part.name == "Write"
    assert part.arguments["content"].startswith("from app import shout\n"), "its import is added"
    last = door.asked[0]["messages"][-1]["content"]
    assert "Keep to this: 1. Tests are in the folder checks." in last
    assert last.endswith("The task: write a test for shout in app.py")


async def test_a_question_is_first_looked_up_in_the_documents_that_there_are() -> None:
    tools = (*TOOLS, spec("search_files", "read", "query"))
    provider = SmallModelProvider(Door())
    request = Thread().asks("When does valve 7 open?").request(tools)
    end = [delta async for delta in provider.stream(request)][-1]
    assert isinstance(end, Completed)
    (part,) = end.parts
    assert isinstance(part, ToolCall)
    assert part.name == "search_files"
    assert part.arguments["query"] == "When does valve 7 open?"


async def test_a_test_that_is_added_to_a_file_gets_the_import_of_what_it_tests() -> None:
    added = call("Append", file_path="test_app.py", content="def test_b():\n    assert dear() == 1")
    thread = Thread().asks("write a test for dear in test_app.py")
    thread.reads("app.py", "def cheap():\n    return 0\n\n\ndef dear():\n    return 1\n")
    thread.reads(
        "test_app.py", "from app import cheap\n\n\ndef test_a():\n    assert not cheap()\n"
    )
    _, end = await run(Door(added), thread)
    (part,) = end.parts
    assert isinstance(part, ToolCall)
    assert part.name == "Write"
    assert part.arguments["content"].startswith("from app import dear\nfrom app import cheap\n")
    assert part.arguments["content"].endswith("def test_b():\n    assert dear() == 1\n")
