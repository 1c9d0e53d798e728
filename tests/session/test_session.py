"""An open conversation as a frontend sees it: opened by `app`, real store, scripted model."""

import asyncio
import contextlib
import json
import os
from pathlib import Path

import pytest

from letta_cli.agent.choosing import SessionOptions
from letta_cli.app import open_session, open_store_of
from letta_cli.config import load_config
from letta_cli.core.errors import AgentError, Busy, NotFound, UsageError
from letta_cli.core.event import CaughtUp, Compacted, Notice, RunFinished, TextDelta, ToolProgress
from letta_cli.core.memory import Origin
from letta_cli.core.message import Text
from letta_cli.providers.tokens import estimate
from letta_cli.workspace.documents import read_document


@pytest.fixture
def config(tmp_path: Path):
    (tmp_path / "project").mkdir()
    (tmp_path / "home").mkdir()

    def build(script=None, **environ):
        path = tmp_path / "script.json"
        path.write_text(json.dumps(script or [{"text": "echo: {input}", "repeat": True}]))
        environ = {
            "HOME": str(tmp_path / "home"),
            "AGENT_TRUST": "1",
            "AGENT_HOME": str(tmp_path / "home" / ".agent"),
            "AGENT_MODEL": "scripted/test",
            "AGENT_SCRIPT": str(path),
            "AGENT_SCRIPT_RECORD": str(tmp_path / "requests"),
            "PATH": "/usr/bin:/bin",
            **environ,
        }
        return load_config(cwd=tmp_path / "project", environ=environ)

    return build


@contextlib.asynccontextmanager
async def opened(config, **options):
    session = await open_session(config, SessionOptions(interactive=True, **options))
    try:
        yield session
    finally:
        await session.aclose()


async def say(session, text):
    return [event async for event in session.send(text)]


async def test_a_new_conversation_answers_and_is_listed_under_its_first_words(config):
    async with opened(config()) as session:
        events = await say(session, "What is in this folder?")
        assert isinstance(events[-1], RunFinished) and events[-1].exit_code == 0
        assert session.conversation.title.startswith("What is in this folder")
        listed = session.store.conversations.list(session.agent.id)
        assert [item.id for item in listed] == [session.conversation.id]


async def test_continue_opens_this_directorys_latest_and_an_id_is_exact(config):
    settings = config()
    async with opened(settings) as first:
        await say(first, "one")
    async with opened(settings) as second:
        await say(second, "two")
    async with opened(settings, continue_latest=True) as again:
        assert again.conversation.id == second.conversation.id
    async with opened(settings, conversation=first.conversation.id) as exact:
        assert exact.conversation.id == first.conversation.id
    async with opened(settings, resume="one") as found:
        assert found.conversation.id == first.conversation.id


async def test_nothing_to_continue_says_what_to_do(config):
    with pytest.raises(NotFound, match="agent sessions list"):
        await open_session(config(), SessionOptions(interactive=False, continue_latest=True))
    with pytest.raises(UsageError, match="--fork needs"):
        await open_session(config(), SessionOptions(interactive=False, fork=True))


async def test_a_fork_goes_on_alone_with_the_same_beginning(config):
    settings = config()
    async with opened(settings) as original:
        await say(original, "one")
        async with opened(settings, conversation=original.conversation.id, fork=True) as copy:
            await say(copy, "two")
            read = copy.store.messages.read
            assert [m.text for m in read(copy.conversation.id)][:2] == [
                m.text for m in read(original.conversation.id)
            ]
            assert len(read(original.conversation.id)) == 2
            assert copy.conversation.system_prompt == original.conversation.system_prompt


async def test_a_second_run_on_a_busy_conversation_is_refused_and_names_the_holder(config):
    settings = config([{"text": "thinking", "hang": True}])
    async with opened(settings) as first:
        events = first.send("go")
        async for event in events:
            if isinstance(event, TextDelta):
                break
        async with opened(settings, conversation=first.conversation.id) as second:
            with pytest.raises(Busy) as busy:
                await say(second, "me too")
            assert busy.value.holder is not None
        await events.aclose()


async def test_a_session_waits_for_the_conversation_when_told_to(config):
    settings = config([{"text": "one", "delay_ms": 300, "chunk": 1}, {"text": "two"}])
    async with opened(settings) as first:
        running = asyncio.create_task(say(first, "go"))
        await asyncio.sleep(0.3)
        async with opened(settings, conversation=first.conversation.id, wait_seconds=10) as second:
            events = await say(second, "me too")
        assert events[-1].text == "two"
        await running
    texts = [m.text for m in open_store_of(settings).messages.read(first.conversation.id)]
    assert texts == ["go", "one", "me too", "two"]


async def test_a_session_that_was_overtaken_continues_from_what_is_stored(config):
    settings = config()
    async with opened(settings) as first:
        await say(first, "one")
        async with opened(settings, conversation=first.conversation.id) as second:
            await say(second, "two")
        events = await say(first, "three")
        assert events[-1].text == "echo: three"
        texts = [m.text for m in first.store.messages.read(first.conversation.id)]
        assert texts == ["one", "echo: one", "two", "echo: two", "three", "echo: three"]


async def test_one_terminal_can_move_between_conversations(config):
    async with opened(config()) as session:
        await say(session, "one")
        first = session.conversation.id
        await session.new()
        assert session.conversation.id != first and session.conversation.head == 0
        await session.switch(first)
        assert session.conversation.head == 2
        await session.fork()
        assert session.conversation.forked_from == first


async def test_manual_compaction_keeps_the_thread_searchable_and_the_prompt_current(config):
    settings = config([{"text": "story " * 900}, {"text": "Goals: a story."}, {"text": "more"}])
    async with opened(settings) as session:
        await say(session, "tell me of the marmalade bear")
        human = session.store.blocks.find(session.agent.id, "human")
        session.store.blocks.insert(human.id, "Called Ada.", origin=Origin("person"))
        events = [event async for event in session.compact("the bear")]
        await say(session, "go on")
        if any(isinstance(event, Compacted) for event in events):
            assert "Called Ada." in (session.conversation.system_prompt or "")
        hits = session.store.search.messages(session.agent.id, "marmalade")
        assert hits and hits[0].conversation_id == session.conversation.id


async def test_a_model_that_cannot_be_loaded_leaves_the_old_one(config):
    async with opened(config()) as session:
        with pytest.raises(AgentError):
            await session.set_model("nobody/nothing")
        assert session.model == "scripted/test"
        await session.set_model("scripted/other")
        assert session.conversation.model == "scripted/other"
        assert (await say(session, "hi"))[-1].exit_code == 0


async def test_live_sessions_are_seen_by_others_and_gone_when_closed(config):
    settings = config()
    store = open_store_of(settings)
    async with opened(settings) as session:
        (live,) = store.sessions.live()
        assert live.conversation_id == session.conversation.id and live.state == "idle"
    assert store.sessions.live() == []


async def test_a_window_too_small_for_an_agent_is_said_once(config):
    settings = config({"turns": [{"text": "a", "repeat": True}], "context_window": 4_000})
    async with opened(settings) as session:
        events = await say(session, "one") + await say(session, "two")
        warnings = [e for e in events if isinstance(e, Notice) and e.kind == "warning"]
        assert len(warnings) == 1 and "4,000" in warnings[0].text


async def test_instructions_of_the_project_are_in_the_prompt_and_named_at_start(config):
    settings = config()
    (settings.cwd / "AGENTS.md").write_text("Always use tabs.\n")
    async with opened(settings) as session:
        await say(session, "hi")
        assert "Always use tabs." in (session.conversation.system_prompt or "")
        assert any("AGENTS.md" in note for note in session.notes)


async def test_an_interrupt_before_the_first_event_is_heard(config):
    async with opened(config()) as session:
        events = session.send("hi")
        session.cancel()
        last = [event async for event in events][-1]
        assert isinstance(last, RunFinished) and last.stop_reason == "cancelled"
        assert (await say(session, "again"))[-1].stop_reason == "end_turn"


async def test_a_compacted_conversation_that_is_opened_again_is_not_compacted_again(config):
    settings = config({
        "turns": [
            {"when": "tell me", "text": "words " * 6_000, "usage": {"input": 16_900, "output": 90}},
            {"when": "Write the notes", "text": "Goals: go on.", "repeat": True},
            {"text": "fresh", "repeat": True},
        ],
        "context_window": 20_000,
    })  # fmt: skip
    async with opened(settings) as session:
        await say(session, "tell me")
        events = [event async for event in session.compact()]
        assert any(isinstance(event, Compacted) for event in events)
        assert session.usage.output > 90, "the summary's cost counts"
    async with opened(settings, conversation=session.conversation.id) as again:
        assert not any(isinstance(event, Compacted) for event in await say(again, "more"))


async def test_a_projects_rule_holds_in_its_subfolders_too(config):
    read = {"name": "Read", "arguments": {"file_path": "../secrets/key"}}
    settings = config([{"tool_calls": [read]}, {"text": "done"}], AGENT_EFFORT="low")
    project = settings.cwd
    for folder in (".git", ".agent", "secrets", "src"):
        (project / folder).mkdir()
    (project / "secrets" / "key").write_text("sesame")
    rules = {"permissions": {"deny": ["Read(/secrets/**)"]}}
    (project / ".agent" / "settings.json").write_text(json.dumps(rules))
    environ = {**settings.environment, "HOME": str(settings.user_home)}
    environ |= {"AGENT_HOME": str(settings.home), "AGENT_MODEL": "scripted/test"}
    environ["AGENT_TRUST"] = "1"
    environ |= {"AGENT_SCRIPT": str(project.parent / "script.json")}
    async with opened(load_config(cwd=project / "src", environ=environ)) as session:
        await say(session, "look")
        (tool,) = [m for m in session._thread.messages if m.role == "tool"]
    assert tool.parts[0].status == "denied"


async def test_a_budget_that_cannot_be_counted_is_said(config):
    priced = {"turns": [{"text": "a", "repeat": True}], "prices": {"input": 1, "output": 2}}
    for script, told in (([{"text": "a", "repeat": True}], 1), (priced, 0)):
        async with opened(config(script), max_budget_usd=1.0) as session:
            events = await say(session, "one") + await say(session, "two")
            warnings = [e.text for e in events if isinstance(e, Notice) and "prices" in e.text]
            assert len(warnings) == told


async def test_moving_to_a_conversation_takes_its_model_along(config):
    async with opened(config()) as session:
        await say(session, "one")
        await session.set_model("scripted/other")
        first = session.conversation.id
        await session.new()
        await session.set_model("scripted/third")
        await session.switch(first)
        assert session.model == "scripted/other"
        assert (await say(session, "two"))[0].model == "scripted/other"


async def test_what_another_session_added_is_told_before_the_next_answer(config):
    settings = config()
    async with opened(settings) as first:
        assert not [e for e in await say(first, "one") if isinstance(e, CaughtUp)]
        async with opened(settings, conversation=first.conversation.id) as second:
            await say(second, "two")
        events = await say(first, "three")
        (told,) = [event for event in events if isinstance(event, CaughtUp)]
        assert [message.text for message in told.messages] == ["two", "echo: two"]
        assert events.index(told) < next(
            number for number, event in enumerate(events) if isinstance(event, TextDelta)
        )
        assert not [e for e in await say(first, "four") if isinstance(e, CaughtUp)]


async def test_an_own_run_that_broke_off_is_not_told_as_somebody_elses(config):
    async with opened(config([{"text": "thinking", "hang": True}, {"text": "yes"}])) as session:
        events = session.send("go")
        async for event in events:
            if isinstance(event, TextDelta):
                break
        await events.aclose()
        assert not [e for e in await say(session, "again") if isinstance(e, CaughtUp)]


async def test_a_run_that_was_cut_short_is_settled_only_when_the_conversation_is_free(config):
    settings = config()
    async with opened(settings) as session:
        store, conversation = session.store, session.conversation.id
        assert session.recover() == []
        store.runs.start(conversation, "m", (Text("hello"),), expected_head=0)
        with store.leases.acquire(conversation):
            assert session.recover() == []
        (line,) = session.recover()
        assert "cut short" in line
        assert session.recover() == []
        assert (await say(session, "again"))[-1].exit_code == 0


@pytest.mark.parametrize(("interactive", "way"), [(True, "/fork"), (False, "--fork")])
async def test_a_conversation_in_use_names_ways_out_that_exist_here(config, interactive, way):
    session = await open_session(config(), SessionOptions(interactive=interactive))
    with session.store.leases.acquire(session.conversation.id), pytest.raises(Busy) as busy:
        await say(session, "hello")
    await session.aclose()
    other = "--fork" if interactive else "/fork"
    assert "is in use" in str(busy.value) and f" {way}" in str(busy.value)
    assert f" {other}" not in str(busy.value)


async def test_a_model_without_its_key_is_refused_and_says_so(config):
    async with opened(config()) as session:
        for handle in ("anthropic/claude-sonnet-5-5", "openai/gpt-5"):
            with pytest.raises(AgentError, match="needs a key"):
                await session.set_model(handle)
        assert session.model == "scripted/test"


async def test_all_providers_with_a_key_or_address_are_asked_for_models(config):
    settings = config(OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    async with opened(settings) as session:
        offers = {offer.provider: offer for offer in await session.offers()}
    assert [info.handle for info in offers["scripted"].models] == ["scripted/demo"]
    failed = [offer for name, offer in offers.items() if name.startswith("openai")]
    assert failed and all(offer.error for offer in failed)
    assert "anthropic" not in offers


async def test_files_named_in_a_message_reach_the_model_and_may_be_edited(config):
    edit = {"file_path": "app.py", "old_string": "one", "new_string": "two"}
    script = [{"tool_calls": [{"name": "Edit", "arguments": edit}]}, {"text": "done"}]
    settings = config(script)
    (settings.cwd / "app.py").write_text("one = 1\n")
    async with opened(settings) as session:
        session.set_mode("acceptEdits")
        events = await say(session, "rename it in @app.py and @gone.py")
        notices = [event.text for event in events if isinstance(event, Notice)]
        assert notices[0] == "attached: app.py (1 line)"
        assert "gone.py" in notices[1] and "does not exist" in notices[1]
        asked, *_ = session.store.messages.read(session.conversation.id)
        assert asked.words == "rename it in @app.py and @gone.py"
        assert asked.text.endswith("Attached file app.py:\n1\tone = 1")
        assert session.conversation.title == asked.words
    assert (settings.cwd / "app.py").read_text() == "two = 1\n"


async def test_without_a_person_a_named_secret_is_not_read(config):
    settings = config()
    keys = settings.user_home / ".ssh"
    keys.mkdir()
    (keys / "id_rsa").write_text("private")
    for interactive in (False, True):
        session = await open_session(settings, SessionOptions(interactive=interactive))
        await say(session, f"look at @{keys}/id_rsa")
        asked, *_ = session.store.messages.read(session.conversation.id)
        assert ("private" in asked.text) is interactive
        await session.aclose()


def project_of(session):
    return session.store.blocks.find(
        session.agent.id, "project", project=session.conversation.project
    )


async def initialise(session):
    events = [event async for event in session.initialise("the tests")]
    told = [e.text for e in events if isinstance(e, Notice) and e.kind == "outcome"]
    return events, told


async def test_init_gives_the_model_a_survey_and_tells_what_it_wrote(config):
    rethink = {"name": "memory_rethink", "arguments": {"label": "project", "new_memory": "Tea."}}
    settings = config([{"tool_calls": [rethink]}, {"text": "Written."}, {"text": "All there."}])
    (settings.cwd / "Makefile").write_text("brew:\n\techo\n")
    async with opened(settings) as session:
        events, told = await initialise(session)
        assert isinstance(events[-1], RunFinished) and events[-1].text == "Written."
        assert project_of(session).value == "Tea."
        assert "version 2" in told[-1] and "  + Tea." in told[-1]
        assert "undo: agent memory undo project" in told[-1]
        asked = (settings.cwd.parent / "requests").read_text().splitlines()[0]
        assert "make brew (Makefile)" in asked and "Look first at: the tests" in asked
        _, again = await initialise(session)
        assert again == ["Memory block project is as it was (version 2, 4 of 5,000 characters)."]


async def test_init_stores_what_the_program_found_when_the_model_wrote_nothing(config):
    for script in ([{"text": "Hm.", "repeat": True}],
                   {"turns": [{"error": {"code": "bad_request"}, "when": ".", "repeat": True}]},
                   {"turns": [{"text": "x", "repeat": True}], "small": True}):  # fmt: skip
        settings = config(script)
        (settings.cwd / "Makefile").write_text("brew:\n\techo\n")
        async with opened(settings) as session:
            events, told = await initialise(session)
            block = project_of(session)
            assert "make brew (Makefile)" in block.value and isinstance(events[-1], RunFinished)
            assert "what the program found itself" in told[0]
            session.store.blocks.rethink(block.id, "", origin=Origin("person"))


async def test_init_in_an_empty_directory_says_so_and_asks_no_model(config):
    settings = config()
    async with opened(settings) as session:
        with pytest.raises(NotFound, match="nothing to learn"):
            await initialise(session)
        assert session.conversation.head == 0


async def test_the_context_of_a_session_is_what_its_next_step_would_be_sent(config):
    settings = config()
    async with opened(settings) as session:
        await say(session, "one")
        view = await session.context()
        assert view.tokens == session.context_tokens
        assert "Your messages" in view.groups() and view.window == 200_000


async def test_a_small_model_with_a_tiny_window_goes_on_for_sixty_turns(config):
    read = {"name": "Read", "arguments": {"file_path": "tea.txt"}}
    settings = config({"turns": [
        {"when": "Write the notes", "text": "## State\nTalk.\n## Next\nMore.", "repeat": True},
        {"when": "look", "tool_calls": [read], "repeat": True},
        {"text": "words " * 40, "repeat": True},
    ], "context_window": 4_096, "small": True})  # fmt: skip
    (settings.cwd / "tea.txt").write_text("tea leaves\n" * 150)
    async with opened(settings) as session:
        await say(session, "We decided on the port 7421.")
        for number in range(60):
            events = await say(session, f"look {number}" if number % 10 == 9 else "go on " * 30)
            assert events[-1].stop_reason == "end_turn"
            assert session.context_tokens < 4_096 * 0.9
        window = session.store.messages.window(session.conversation)
        assert window[0].role == "summary" and "port 7421" in window[0].text
        assert {message.role for message in window[1:]} >= {"user"}, "it is guided by the request"


async def test_documents_given_meanwhile_are_reached_at_the_next_step_and_the_prompt_stays(
    config, tmp_path: Path
):
    script = [
        {"text": "hello"},
        {"tool_calls": [{"name": "search_files", "arguments": {"query": "valve 7"}}]},
        {"text": "at 3 bar"},
        {"text": "bye"},
    ]
    (tmp_path / "pump.md").write_text("Valve 7 opens at 3 bar.\n")
    async with opened(config(script)) as session:
        await say(session, "hello")
        assert "search_files" not in await session.tool_names()
        elsewhere = open_store_of(config(script))
        document = read_document(tmp_path / "pump.md")
        elsewhere.files.put(session.agent.id, str(tmp_path / "pump.md"), document)
        await say(session, "when does valve 7 open?")
        await say(session, "bye")
        notices = [
            each.text
            for each in session.store.messages.read(session.conversation.id)
            if each.role == "notice"
        ]
        assert sum("documents" in each for each in notices) == 1
        elsewhere.close()
    requests = [json.loads(line) for line in (tmp_path / "requests").read_text().splitlines()]
    assert len({request["system"] for request in requests}) == 1
    offered = [[tool["name"] for tool in request["tools"]] for request in requests]
    assert "search_files" not in offered[0]
    assert offered[1] == offered[2] == offered[3], "the list changes once"
    assert offered[1][-3:] == ["search_files", "open_file", "ExitPlanMode"]
    assert "Valve 7 opens at 3 bar" in json.dumps(requests[2]["messages"])


async def test_a_skill_that_was_written_meanwhile_can_be_invoked_and_is_told_of(
    config, tmp_path: Path
):
    async with opened(config()) as session:
        await say(session, "hello")
        assert "brew-tea" not in [skill.name for skill in session.skills]
        folder = tmp_path / "home" / ".agent" / "skills" / "brew-tea"
        folder.mkdir(parents=True)
        head = "---\nname: brew-tea\ndescription: Brews tea.\n---\n"
        (folder / "SKILL.md").write_text(f"{head}Boil water first.\n")
        assert "brew-tea" in [skill.name for skill in session.skills]
        events = [event async for event in session.invoke_skill("brew-tea", "green")]
        assert isinstance(events[-1], RunFinished)
        await say(session, "bye")
        said = session.store.messages.read(session.conversation.id)
        assert any("Boil water first." in each.text for each in said if each.role == "user")
        told = [each.text for each in said if each.role == "notice"]
        assert sum("- brew-tea: Brews tea." in text for text in told) == 1


async def run_own(session, command):
    return [event async for event in session.shell(command)]


async def test_a_command_of_the_person_is_not_asked_about_and_the_model_reads_of_it(config):
    settings = config()
    async with opened(settings) as session:
        events = await run_own(session, "echo from the shell > made.txt; cat made.txt; exit 3")
        result = events[-1].result
        assert (result.status, result.display["exit_code"]) == ("error", 3)
        assert (settings.cwd / "made.txt").read_text() == "from the shell\n"
        await say(session, "what was that?")
        [request] = (settings.home.parent.parent / "requests").read_text().splitlines()
        told = [part["text"] for part in json.loads(request)["messages"][0]["parts"]]
        assert told[0] == "!echo from the shell > made.txt; cat made.txt; exit 3"
        assert told[2].startswith("from the shell\n") and "3" in told[2]
        assert [message.role for message in thread_of(session)] == ["user", "user", "assistant"]


async def test_an_interrupted_command_of_the_person_ends_with_its_processes(config):
    async with opened(config()) as session:
        events = []
        async for event in session.shell("echo $$; echo begun; sleep 600"):
            events.append(event)
            if isinstance(event, ToolProgress) and "begun" in event.text:
                session.cancel()
        said = thread_of(session)[-1].parts[-1].text
        assert "begun" in said and "interrupted" in said
        with pytest.raises(ProcessLookupError):
            os.kill(int(said.split()[0]), 0)
        assert (await say(session, "go on"))[-1].exit_code == 0


async def test_what_a_command_of_the_person_prints_is_kept_without_secrets(config):
    settings = config(DEPLOY_TOKEN="tok-0123456789abcdefghij")
    async with opened(settings) as session:
        events = await run_own(session, "printf 'tok-0123456789%s' abcdefghij")
        kept = [part.text for part in thread_of(session)[-1].parts]
        assert "tok-0123456789abcdefghij" not in f"{kept} {events[-1]}"


async def test_a_command_of_the_person_is_refused_where_another_session_works_and_when_it_is_empty(
    config,
):
    settings = config()
    async with opened(settings) as session:
        await say(session, "hi")
        with pytest.raises(UsageError, match="exclamation mark"):
            await run_own(session, "")
        with session.store.leases.acquire(session.conversation.id):
            async with opened(settings, conversation=session.conversation.id) as other:
                with pytest.raises(Busy):
                    await run_own(other, "touch never")
        assert not (settings.cwd / "never").exists()


async def test_before_the_first_answer_the_context_holds_prompt_and_tools(config):
    async with opened(config()) as session:
        assert await session.tool_names()
        foreseen = session.context_tokens
        view = await session.context()
        assert foreseen >= 0.95 * view.tokens
        await say(session, "hi")
        prompt = estimate(session.conversation.system_prompt)
        assert prompt < foreseen < session.context_tokens


def thread_of(session):
    return session.store.messages.read(session.conversation.id)
