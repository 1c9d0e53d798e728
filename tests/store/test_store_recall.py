"""What people and models look for is found: beside its words, in code, in other scripts, by time."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from store_children import finish, kill, start, wait_for_line

from letta_cli.core.agent import Agent, Conversation
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.memory import Origin
from letta_cli.core.message import Role, Text, ToolCall, ToolReturn
from letta_cli.store import Filters, Piece, Store
from letta_cli.store.embedded_text import embedded_text
from letta_cli.store.filters import read_filters

ME = Origin("person")


def say(store: Store, conversation: Conversation, *texts: str, role: Role = "user") -> None:
    for text in texts:
        store.messages.append(conversation.id, role, [Text(text)])


def snippets(store: Store, agent: Agent, query: str, filters: Filters | None = None) -> list[str]:
    return [hit.snippet for hit in store.search.find(agent.id, query, filters or Filters())]


def test_an_answer_is_found_by_the_words_of_its_question(
    store: Store, agent: Agent, conversation: Conversation
):
    say(store, conversation, "which driver suits the nightly import best?")
    say(store, conversation, "psycopg, because of COPY", role="assistant")
    say(store, conversation, "noted")
    found = snippets(store, agent, "driver for the nightly import")
    assert "psycopg, because of COPY" in found
    # Who gives one word wants to see it.
    assert snippets(store, agent, "nightly") == ["which driver suits the nightly import best?"]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("def renderThumbnail(imageKey): pass", "thumbnail"),
        ("def renderThumbnail(imageKey): pass", "render thumbnail"),
        ("def renderThumbnail(imageKey): pass", "renderThumbnail"),
        ("class HTTPServerError", "server error"),
        ("see src/shop/pricing.py:41 there", "src/shop/pricing.py"),
        ("see src/shop/pricing.py:41 there", "pricing.py:41"),
        ("drop_legacy_sku ran", "legacy"),
        ("TS2322: Type 'string'", "ts2322"),
        ("libfoo.so.1: ENOENT (-2)", "ENOENT"),
        ("予約画面で日付が一日ずれる。東京都のお客様", "日付"),
        ("予約画面で日付が一日ずれる。東京都のお客様", "東京"),
        ("予約画面で日付が一日ずれる。東京都のお客様", "京"),
        ("予約画面で日付が一日ずれる。東京都のお客様", "日付がずれる"),
        ("我们决定使用数据库的连接池", "数据库"),
        ("데이터베이스를 옮겼다", "데이터베이스"),
        ("the API返回404错误 today", "错误"),
        ("the API返回404错误 today", "404"),
        ("Füße und Ärger", "fusse arger"),
    ],
)
def test_words_are_found_where_they_hide(store, agent, conversation, text: str, query: str):
    say(store, conversation, "something else entirely", text, "別の話です", "nothing of the kind")
    assert snippets(store, agent, query)[0] == text


def test_what_stands_in_quotes_must_be_there_word_by_word(store, agent, conversation):
    say(store, conversation, "the state of terraform", "a terraform state file", "state, terraform")
    assert snippets(store, agent, '"terraform state"') == ["a terraform state file"]
    assert snippets(store, agent, 'file "of terraform"') == ["the state of terraform"]
    assert snippets(store, agent, "“terraform state”") == ["a terraform state file"]
    assert snippets(store, agent, '"terraform pelican"') == []


def test_the_middle_of_a_long_output_is_found_once_with_its_place_shown(store, agent, conversation):
    lines = [f"compiling module number {number} of the tree" for number in range(400)]
    lines[200] = "warning: walrus.c:17 unused pelican"
    store.messages.append(
        conversation.id, "tool", [ToolReturn("c", "Bash", "ok", "\n".join(lines))]
    )
    (hit,) = store.search.find(agent.id, "unused pelican compiling")
    assert (hit.citation, hit.role) == (f"{conversation.id}:1", "tool")
    assert "walrus.c:17" in hit.snippet
    marked = {hit.snippet[start:end] for start, end in hit.marks}
    assert {"unused", "pelican"} <= marked


def test_filters_by_role_date_project_and_kind(store: Store, agent: Agent, monkeypatch):
    days = iter(datetime(2026, 5, day, 12, tzinfo=UTC) for day in (1, 10, 20))
    shop = store.conversations.create(agent.id, cwd="/srv/shop", project="/srv/shop")
    blog = store.conversations.create(agent.id, cwd="/srv/blog", project="/srv/blog")
    with monkeypatch.context() as patched:
        patched.setattr("letta_cli.store.messages.now", lambda: next(days))
        say(store, shop, "walrus one")
        say(store, shop, "walrus two", role="assistant")
        say(store, blog, "walrus three")
    human = store.blocks.find(agent.id, "human")
    store.blocks.insert(human.id, "likes the walrus", origin=ME)
    store.passages.insert(agent.id, "a walrus weighs a ton", tags=["sea"], origin=ME)

    def found(**given) -> set[str]:
        return set(snippets(store, agent, "walrus", read_filters(**given)))

    assert len(found()) == 5
    assert found(role="assistant") == {"walrus two"}
    assert found(project="shop") == found(project="/srv/shop") == {"walrus one", "walrus two"}
    assert found(project="hop") == set()
    assert found(conversation_id=blog.id) == {"walrus three"}
    assert found(kinds=["memory"]) == {"likes the walrus"}
    assert found(kinds=["passages"]) == {"a walrus weighs a ton"}
    messages = {"kinds": ["messages"]}
    assert found(since="2026-05-10", **messages) == {"walrus two", "walrus three"}
    assert found(until="2026-05-10", **messages) == {"walrus one", "walrus two"}
    assert found(since="2026-05-02", until="2026-05-11T00:00+00:00") == {"walrus two"}
    assert found(since="1h") == {"likes the walrus", "a walrus weighs a ton"}


@pytest.mark.parametrize(
    "given",
    [{"role": "system"}, {"kinds": ["zoo"]}, {"since": "soon"}, {"until": "2026-13-01"},
     {"since": "9999-99-99"}],
)  # fmt: skip
def test_a_filter_that_means_nothing_says_what_would(given):
    with pytest.raises(UsageError, match="expected"):
        read_filters(**given)


def test_an_edit_of_memory_is_found_by_what_it_brought(store: Store, agent: Agent):
    human = store.blocks.find(agent.id, "human")
    store.blocks.insert(human.id, "prefers tabs", origin=ME)
    store.blocks.insert(human.id, "lives in Lisbon", origin=ME)
    (hit,) = store.search.find(agent.id, "Lisbon")
    assert (hit.kind, hit.source, hit.title) == ("memory", human.id, "human")
    version = store.blocks.find(agent.id, "human").version
    assert (hit.citation, hit.snippet) == (f"{human.id}:{version}", "lives in Lisbon")


def test_documents_are_found_with_their_place_and_replaced_whole(store: Store, agent: Agent):
    put = store.documents.put
    pages = [
        Piece("1/1", "manual.pdf", "How to feed a walrus"),
        Piece("2/1", "manual.pdf", "x " * 4_000),
    ]
    put(agent.id, "file", "file-1", pages)
    (hit,) = store.search.find(agent.id, "walrus", Filters(kinds=("file",)))
    assert (hit.citation, hit.title, hit.role) == ("file-1:1/1", "manual.pdf", None)
    assert store.documents.read("file", "file-1") == pages
    put(agent.id, "file", "file-1", [Piece("1/1", "manual.pdf", "How to feed a pelican")])
    assert store.search.find(agent.id, "walrus") == []
    assert len(store.search.find(agent.id, "pelican")) == 1
    store.documents.drop("file", "file-1")
    store.documents.drop("file", "never")
    assert store.search.find(agent.id, "pelican") == []
    assert store.documents.read("file", "file-1") == []
    with pytest.raises(NotFound):
        put("agent-none", "file", "file-1", pages)


def test_nothing_of_a_deleted_agent_or_conversation_stays_in_the_index(store: Store, agent: Agent):
    other = store.agents.create("other")
    theirs = store.conversations.create(other.id, cwd="/", project="/")
    say(store, theirs, "their walrus", "and more")
    store.passages.insert(other.id, "their pelican", origin=ME)
    ours = store.conversations.create(agent.id, cwd="/", project="/")
    say(store, ours, "our walrus")
    store.conversations.delete(ours.id)
    store.agents.delete(other.id)
    count = "SELECT count(*) FROM search_entry WHERE kind <> 'memory'"
    assert store.database.query(count) == [(0,)]
    # Numbers that were used before are taken again by what comes next.
    fresh = store.conversations.create(agent.id, cwd="/", project="/")
    say(store, fresh, "a zebra")
    assert snippets(store, agent, "walrus") == []
    assert snippets(store, agent, "zebra") == ["a zebra"]


def test_a_query_of_any_size_is_answered(store: Store, agent: Agent, conversation: Conversation):
    say(store, conversation, "apple")
    for query in ("apple " * 20_000, "😀" * 25_000, '"' * 100_000, "a:" * 50_000, "日" * 30_000):
        started = time.monotonic()
        store.search.find(agent.id, query)
        assert time.monotonic() - started < 20


def lose_the_index(store: Store) -> None:
    """As if everything had been stored before there was this index."""
    with store.database.transaction():
        store.database.execute("DELETE FROM search_entry WHERE kind <> 'file'")
        store.indexing.queue_everything()


def test_what_was_there_before_the_index_is_found_by_the_first_search(
    store: Store, agent: Agent, conversation: Conversation
):
    say(store, conversation, "which sea animal is best?", "the walrus", "thanks")
    fork = store.conversations.fork(conversation.id)
    say(store, fork, "a pelican")
    store.passages.insert(agent.id, "the zebra", tags=["sky"], origin=ME)
    store.blocks.insert(store.blocks.find(agent.id, "human").id, "likes tea", origin=ME)
    queries = ("walrus", "pelican", "zebra", "tea", "best sea animal ever", "sky")
    before = [[hit.citation for hit in store.search.find(agent.id, query)] for query in queries]
    lose_the_index(store)
    assert store.search.waiting()
    after = [[hit.citation for hit in store.search.find(agent.id, query)] for query in queries]
    assert after == before
    assert all(before)
    assert not store.search.waiting()


CATCH_UP = """
from letta_cli.store import indexing
indexing._BATCH = 7
store = open_store(url)
print("ready", flush=True)
while store.indexing.catch_up():
    print("some", flush=True)
"""


@pytest.mark.slow
def test_indexing_killed_again_and_again_still_indexes_everything_once(store: Store, folder: Path):
    agent = store.agents.current()
    with store.database.transaction():
        for number in range(25):
            each = store.conversations.create(agent.id, cwd="/", project="/")
            say(store, each, *(f"walrus {number} {line} word{line}" for line in range(12)))
    lose_the_index(store)
    for some in (1, 4, 9):
        child = start(folder, CATCH_UP)
        for _ in range(some):
            wait_for_line(child)
        kill(child)
    assert store.search.waiting()
    # Meanwhile sessions go on, and are found at once.
    live = store.conversations.create(agent.id, cwd="/", project="/")
    say(store, live, "a pelican")
    finish([start(folder, CATCH_UP) for _ in range(2)])
    assert not store.search.waiting()
    count = "SELECT count(*), count(DISTINCT document) FROM search_entry WHERE kind = 'message'"
    assert store.database.query(count) == [(301, 301)]
    assert len(store.search.find(agent.id, "walrus", limit=400)) == 300
    assert len(store.search.find(agent.id, "word7", limit=400)) == 25
    assert snippets(store, agent, "pelican") == ["a pelican"]


@pytest.mark.slow
def test_a_writer_killed_in_mid_write_leaves_every_stored_message_searchable(
    store: Store, folder: Path
):
    agent = store.agents.current()
    code = """
store = open_store(url)
made = store.conversations.create(args[0], cwd="/", project="/")
for number in range(100_000):
    store.messages.append(made.id, "user", [Text(f"walrus {number}")])
    print(made.id, flush=True)
"""
    children = [start(folder, code, agent.id) for _ in range(3)]
    ids = [wait_for_line(child) for child in children]
    for child in children:
        for _ in range(15):
            wait_for_line(child)
        kill(child)
    stored = sum(store.conversations.get(id_).head for id_ in ids)
    assert stored >= 45
    assert len(store.search.messages(agent.id, "walrus", limit=10_000)) == stored
    assert store.health().get("integrity", "ok") == "ok"


class Thesaurus:
    """A small embedder: words of one meaning lie in one direction."""

    MEANINGS = (("car", "automobile", "vehicle"), ("ship", "boat", "vessel"), ("tea", "coffee"))

    def __init__(self, model: str = "thesaurus:1") -> None:
        self.model = model
        self.asked: list[str] = []

    def embed(self, texts):
        self.asked += texts
        made = []
        for text in texts:
            words = set(text.lower().split())
            hits = [127 if words & set(each) else 1 for each in self.MEANINGS]
            made.append(bytes(hits))
        return made


def test_what_means_the_same_is_found_with_other_words(
    store: Store, agent: Agent, conversation: Conversation
):
    say(store, conversation, "the automobile is red", "a boat sails", "nothing at all")
    assert snippets(store, agent, "vehicle") == []
    store.vectors.embedder = Thesaurus()
    assert store.vectors.behind()
    while store.vectors.add_some(2):
        pass
    assert not store.vectors.behind()
    assert snippets(store, agent, "vehicle")[0] == "the automobile is red"
    assert snippets(store, agent, "vessel", Filters(role="user"))[0] == "a boat sails"
    assert snippets(store, agent, "vessel", Filters(role="tool")) == []
    # Exact words mean exact words; other agents' texts stay theirs; another model starts anew.
    assert snippets(store, agent, '"vehicle"') == []
    assert store.search.find(store.agents.create("other").id, "vehicle") == []
    store.vectors.embedder = Thesaurus("thesaurus:2")
    assert snippets(store, agent, "vehicle") == []
    assert store.vectors.behind()


DIFF = """\
 letta_cli/garage.py | 4 ++--
 1 file changed, 2 insertions(+), 2 deletions(-)

diff --git a/letta_cli/garage.py b/letta_cli/garage.py
index 83db48f..bf2a4c1 100644
--- a/letta_cli/garage.py
+++ b/letta_cli/garage.py
@@ -10,4 +10,4 @@ def untouched(boat):
     keep = boat
-    parkCar(1)
+    park_vehicle(2)
"""


@pytest.mark.parametrize(
    ("text", "embedded"),
    [
        (DIFF, "letta cli/garage.py\npark Car(1)\npark vehicle(2)"),
        ("+ one\n+two\n+  three\n context", "one\ntwo\nthree"),
        ("what to do:\n- call fooBar\n- tell Ada\n- rest", "what to do:\n- call foo Bar\n- tell Ada\n- rest"),
        ("1 + 1\n+ 2", "1 + 1\n+ 2"),
        ("x" * 2_000, "x" * 500),
        ("", ""),
    ],
    ids=["diff", "middle of a diff", "list", "sum", "long", "empty"],
)  # fmt: skip
def test_of_a_diff_only_what_it_changes_is_embedded_and_names_in_words(text: str, embedded: str):
    assert embedded_text(text) == embedded


def test_what_fits_in_words_and_meaning_comes_before_what_fits_in_words_alone(
    store: Store, agent: Agent, conversation: Conversation
):
    said = ["a red thing", "a red car", "a red thing", *["nothing at all"] * 30]
    say(store, conversation, *said)
    store.vectors.embedder = Thesaurus()
    while store.vectors.add_some():
        pass
    assert snippets(store, agent, "red vehicle")[0] == "a red car"
    assert "a red thing" in snippets(store, agent, "red vehicle")


def test_a_short_function_counts_as_much_as_a_long_talk(
    store: Store, agent: Agent, conversation: Conversation
):
    say(store, conversation, "well, the walrus, as far as I remember, was somewhere else that day")
    say(store, conversation, *["filler of no interest"] * 3)
    code = ToolReturn("c", "Read", "ok", "def walrus(): ...")
    store.messages.append(conversation.id, "tool", [code])
    assert snippets(store, agent, "walrus")[0] == "def walrus(): ..."


def test_what_a_search_returned_is_not_found_again(
    store: Store, agent: Agent, conversation: Conversation
):
    say(store, conversation, "the walrus sleeps")
    found = ToolReturn("c", "conversation_search", "ok", "the walrus sleeps")
    store.messages.append(conversation.id, "tool", [found])
    assert snippets(store, agent, "walrus") == ["the walrus sleeps"]


def test_a_deleted_text_takes_its_meaning_along(store: Store, agent: Agent):
    store.vectors.embedder = Thesaurus()
    made = store.passages.insert(agent.id, "a boat", origin=ME)
    assert store.vectors.add_some() >= 1
    store.passages.delete(made.id)
    assert snippets(store, agent, "vessel", Filters(kinds=("passage",))) == []
    sql = "SELECT count(*) FROM search_vector v LEFT JOIN search_entry e ON e.number = v.entry WHERE e.number IS NULL"
    assert store.database.query(sql) == [(0,)]


def test_a_model_that_fails_costs_nothing_but_the_meaning(store, agent, conversation):
    from letta_cli.core.errors import ProviderError

    class Broken(Thesaurus):
        def embed(self, texts):
            self.asked += texts
            raise ProviderError("the model is broken")

    say(store, conversation, "a boat sails")
    store.vectors.embedder = broken = Broken()
    for _ in range(3):
        assert snippets(store, agent, "boat") == ["a boat sails"]
    assert store.vectors.problem == "the model is broken"
    assert len(broken.asked) == 1


def test_tools_and_their_arguments_are_found(
    store: Store, agent: Agent, conversation: Conversation
):
    call = ToolCall("c", "Edit", {"file_path": "shop/pricing.py", "new_string": "exchangeRate(x)"})
    store.messages.append(conversation.id, "assistant", [call])
    for query in ("Edit", "pricing.py", "exchange rate"):
        assert [hit.seq for hit in store.search.find(agent.id, query)] == [1], query


def test_dates_are_words_as_well(store: Store, agent: Agent, conversation: Conversation):
    say(store, conversation, "the deploy failed")
    (message,) = store.messages.read(conversation.id)
    month = f"{message.created_at:%B}"
    assert snippets(store, agent, f"deploy in {month}") == ["the deploy failed"]
    assert message.created_at - datetime.now(UTC) < timedelta(minutes=1)
