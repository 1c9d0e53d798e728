"""Files that a person gave an agent: kept once, cited by name, read again when they changed."""

from pathlib import Path

import pytest

from letta_cli.core.agent import Agent
from letta_cli.core.document import DocumentRefused, Reading, Section
from letta_cli.core.errors import NotFound
from letta_cli.store import Store


def reading(*sections: tuple[str, str], sha256: str = "a", modified_ns: int = 1) -> Reading:
    made = [Section(place, "", text) for place, text in sections]
    return Reading("text", sha256, 10, modified_ns, made)


def test_a_file_is_found_by_its_words_and_cited_by_name_and_place(
    store: Store, agent: Agent
) -> None:
    store.files.put(agent.id, "/srv/notes.md", reading(("1-4", "the heron"), ("5-9", "the ocelot")))
    ((citation, hit),) = store.files.search(agent.id, "ocelot")
    assert citation == "notes.md:5-9"
    assert "ocelot" in hit.snippet
    document = store.files.find(agent.id, "notes.md")
    assert [each.place for each in store.files.sections(document)] == ["1-4", "5-9"]


def test_the_same_bytes_are_kept_and_other_bytes_take_their_place(
    store: Store, agent: Agent
) -> None:
    first, state = store.files.put(agent.id, "/a.md", reading(("1", "heron")))
    assert state == "new"
    same, state = store.files.put(agent.id, "/a.md", reading(("1", "ignored"), modified_ns=9))
    assert (state, same.id, same.modified_ns) == ("unchanged", first.id, 9)
    other, state = store.files.put(agent.id, "/a.md", reading(("2", "ocelot"), sha256="b"))
    assert (state, other.id) == ("changed", first.id)
    assert store.files.search(agent.id, "heron") == []
    assert [citation for citation, _ in store.files.search(agent.id, "ocelot")] == ["a.md:2"]


def test_files_of_one_name_are_told_apart_by_their_folders(store: Store, agent: Agent) -> None:
    names = [
        store.files.put(agent.id, path, reading(("1", "x")))[0].name
        for path in ("/a/notes.md", "/b/notes.md", "/c/b/notes.md", "/notes.md")
    ]
    assert names == ["notes.md", "b/notes.md", "c/b/notes.md", "/notes.md"]
    assert store.files.find(agent.id, "/b/notes.md").path == "/b/notes.md"


def test_two_agents_have_their_own_files(store: Store, agent: Agent) -> None:
    other = store.agents.create("other")
    store.files.put(agent.id, "/a.md", reading(("1", "heron")))
    store.files.put(other.id, "/a.md", reading(("1", "ocelot")))
    assert store.files.search(agent.id, "ocelot") == []
    store.files.remove(store.files.find(other.id, "a.md"))
    assert not store.files.any(other.id)
    assert store.files.search(agent.id, "heron")
    store.agents.delete(other.id)


def test_a_file_that_cannot_be_read_again_keeps_its_text_and_says_why(
    store: Store, agent: Agent
) -> None:
    document, _ = store.files.put(agent.id, "/a.md", reading(("1", "heron")))

    def gone(path: Path) -> Reading:
        raise DocumentRefused(f"cannot be read: {path.name} is gone")

    assert store.files.refresh(document, gone) == "unreadable"
    assert store.files.get(document.id).trouble == "cannot be read: a.md is gone"
    assert store.files.search(agent.id, "heron")
    assert store.files.refresh(document, lambda _: reading(("1", "heron"))) == "unchanged"
    assert store.files.get(document.id).trouble == ""


def test_a_name_that_fits_nothing_says_which_there_are(store: Store, agent: Agent) -> None:
    store.files.put(agent.id, "/a.md", reading(("1", "heron")))
    with pytest.raises(NotFound, match=r"There is no file 'b\.md'\. Files: a\.md\."):
        store.files.find(agent.id, "b.md")


def test_folders_are_remembered_once(store: Store, agent: Agent) -> None:
    for _ in range(2):
        store.files.add_folder(agent.id, "/srv")
    assert store.files.folders(agent.id) == ["/srv"]
    assert store.files.remove_folder(agent.id, "/srv")
    assert not store.files.remove_folder(agent.id, "/srv")
