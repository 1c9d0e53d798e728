"""`agent search`: hits with their neighbours, filters, and citations that lead back."""

import time

import pytest
from cli_machine import Machine


@pytest.fixture
def talk(machine: Machine) -> str:
    """A conversation of two questions and two answers; its id."""
    machine.script({"text": "psycopg, because of COPY"}, {"text": "The *walrus* it is."})
    machine.ok("run", "-n", "the driver", "which driver suits the import?")
    machine.ok("run", "-c", "and which animal?")
    [session] = [each for each in machine.json("sessions", "--json") if not each["is_default"]]
    return session["id"]


def test_a_hit_stands_between_its_neighbours_and_leads_back(machine: Machine, talk: str) -> None:
    lines = machine.ok("search", "COPY").splitlines()
    assert lines[0].startswith(f"{talk[:13]}:2  assistant, ")
    assert lines[1:] == [
        "    user: which driver suits the import?",
        "  > psycopg, because of COPY",
        "    user: and which animal?",
    ]
    hit = lines[0].split()[0]
    shown = machine.ok("sessions", "show", hit)
    assert "## 2. Agent" in shown
    assert machine.ok("sessions", "show", f"{talk}:1").count("## ") == 4
    gone = machine.run("sessions", "show", f"{talk}:99")
    assert (gone.returncode, "there is no 99" in gone.stderr) == (1, True)


def test_a_citation_forks_and_resumes_from_its_turn(machine: Machine, talk: str) -> None:
    machine.ok("sessions", "fork", f"{talk[:13]}:2")
    heads = {each["id"]: each["messages"] for each in machine.json("sessions", "--json")}
    assert sorted(heads.values(), reverse=True)[:2] == [4, 2]
    machine.script({"text": "from here on", "repeat": True})
    machine.ok("run", "-r", f"{talk[:13]}:2", "--fork", "go on")
    newest = machine.json("sessions", "--json")[0]
    assert (newest["messages"], newest["forked_from"]) == (4, talk)
    machine.ok("run", "-r", f"{talk}:2", "go on")
    assert machine.json("sessions", "--json")[0]["messages"] == 6


def test_filters_and_json(machine: Machine, talk: str) -> None:
    [hit] = machine.json("search", "walrus", "--role", "assistant", "--project", ".", "--json")
    assert (hit["citation"], hit["kind"], hit["title"]) == (f"{talk}:4", "message", "the driver")
    assert [each["seq"] for each in hit["around"]] == [3]
    marked = [hit["snippet"][start:end] for start, end in hit["marks"]]
    assert marked == ["walrus"]
    for nothing in (
        ("--role", "user"), ("--until", "yesterday"), ("--since", "2999-01-01"),
        ("--kind", "memory"), ("--conversation", "default"),
    ):  # fmt: skip
        assert machine.ok("search", "walrus", *nothing) == "Nothing found.\n", nothing
    assert machine.json("search", "walrus", "--conversation", talk[:13], "--since", "1d", "--json")
    for wrong in (("--kind", "zoo"), ("--since", "soon"), ("--limit", "0")):
        assert machine.run("search", "walrus", *wrong).returncode == 2, wrong


def test_the_old_name_is_the_same_search(machine: Machine, talk: str) -> None:
    assert machine.ok("sessions", "search", "walrus") == machine.ok("search", "walrus")


def test_what_text_brings_along_is_harmless_on_a_terminal(machine: Machine) -> None:
    machine.script({"text": "evil \x1b]0;owned\x07 walrus \x1b[2J end"})
    machine.ok("run", "look")
    assert "\x1b" not in machine.ok("search", "walrus")


def test_a_broken_embedding_setting_is_said_and_words_are_found(
    machine: Machine, talk: str
) -> None:
    machine.ok("config", "set", "embedding", "local/all-minilm-l6-v2")
    done = machine.run("search", "walrus")
    assert done.returncode == 0
    assert "walrus" in done.stdout
    assert done.stderr.count("Found by words alone") == 1
    machine.ok("config", "set", "embedding", "off")
    assert machine.run("search", "walrus").stderr == ""


@pytest.mark.slow
def test_what_was_there_before_the_index_is_indexed_behind_the_scenes(
    machine: Machine, talk: str
) -> None:
    store = machine.store()
    with store.database.transaction():
        store.database.execute("DELETE FROM search_entry")
        store.indexing.queue_everything()
        # More than a search would catch up with itself.
        for number in range(30):
            store.database.execute(
                "INSERT INTO search_backlog (kind, source, done) VALUES ('message', ?, 0)",
                f"conv-{number}",
            )
    done = machine.run("search", "walrus")
    assert "not indexed yet" in done.stderr
    deadline = time.monotonic() + 60
    while store.search.waiting() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "walrus" in machine.ok("search", "walrus")
    assert machine.ok("db", "index") == "Everything is indexed.\n"
    store.close()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([" "], "There is nothing to look for"),
        (["x", "--project", "nowhere"], "No conversation is of the project 'nowhere'. Projects: /"),
        (["x", "--project", "./nowhere/else/../../.."], "No conversation is of the project"),
        (["x", "--kind", "passages", "--role", "user"], "role: only messages have one"),
        (["x", "--kind", "memory", "--project", "."], "project: only messages have one"),
        (["x", "--since", "2026-05-02", "--until", "2026-05-01"], "nothing lies between"),
    ],
)
def test_a_search_that_can_find_nothing_says_why(
    machine: Machine, arguments: list[str], told: str
) -> None:
    machine.script({"text": "hello"})
    machine.ok("run", "hi")
    done = machine.run("search", *arguments)
    assert done.returncode in (1, 2)
    assert told in done.stderr
