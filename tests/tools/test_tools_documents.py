"""search_files and open_file, as a model calls them."""

from pathlib import Path

from paper import pdf

from letta_cli.tools import ToolContext, all_tools
from letta_cli.workspace.documents import read_document


def give(context: ToolContext, path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    context.store.files.put(context.agent_id, str(path), read_document(path))
    return path


def test_only_an_agent_with_files_is_offered_the_tools():
    assert not {"search_files", "open_file"} & all_tools().keys()
    with_files = list(all_tools(documents=True))
    assert with_files[-3:] == ["search_files", "open_file", "ExitPlanMode"]


async def test_a_page_of_a_pdf_is_found_cited_and_opened(call, context, tmp_path):
    give(context, tmp_path / "manual.pdf", pdf("The pump", "Valve 7 opens at 3 bar", "The end"))
    found = await call("search_files", query="at which pressure does valve 7 open")
    assert found.content.splitlines()[0] == "manual.pdf:p2"
    opened = await call("open_file", citation="manual.pdf:p2")
    assert opened.content.startswith("manual.pdf:p2\nValve 7 opens at 3 bar\n\nmanual.pdf:p3")


async def test_lines_are_numbered_as_in_the_file_and_any_line_can_be_cited(call, context, tmp_path):
    text = "# Tea\n\nGreen tea.\n\n## Coffee\n\nBlack coffee.\n"
    give(context, tmp_path / "notes.md", text)
    opened = await call("open_file", citation="notes.md:7")
    assert "7\tBlack coffee." in opened.content
    assert "Green" not in opened.content
    found = await call("open_file", citation="notes.md", pattern="GREEN|black")
    assert found.content.splitlines() == ["notes.md:3: Green tea.", "notes.md:7: Black coffee."]
    everywhere = await call("open_file", pattern="coffee")
    assert everywhere.content.splitlines() == ["notes.md:5: ## Coffee", "notes.md:7: Black coffee."]


async def test_without_a_citation_the_documents_are_listed(call, context, tmp_path):
    assert (await call("open_file")).content == "There are no documents."
    give(context, tmp_path / "notes.md", "Tea")
    assert (await call("open_file")).content == "notes.md  text, 1 section"


async def test_a_file_that_changed_is_read_again_before_it_is_shown(call, context, tmp_path):
    path = give(context, tmp_path / "notes.md", "The price is 5")
    path.write_text("The price is 700")
    assert "700" in (await call("search_files", query="price")).content
    path.write_text("The price is 8000")
    assert "8000" in (await call("open_file", citation="notes.md")).content
    path.unlink()
    gone = await call("open_file", citation="notes.md")
    assert "8000" in gone.content
    assert "this is its last text" in gone.content


async def test_a_long_document_goes_on_where_it_was_cut(call, context, tmp_path):
    give(context, tmp_path / "long.txt", "\n".join(f"line {n} {'x' * 60}" for n in range(900)))
    first = await call("open_file", citation="long.txt")
    assert len(first.content) < 14_000
    place = first.content.rpartition("goes on at ")[2].rstrip(")")
    assert place.startswith("long.txt:")
    assert (await call("open_file", citation=place)).content.startswith(place)


async def test_a_wrong_citation_says_what_there_is(call, context, tmp_path):
    give(context, tmp_path / "notes.md", "Tea")
    wrong = await call("open_file", citation="tea.md:3")
    assert (wrong.status, wrong.content) == ("error", "There is no file 'tea.md'. Files: notes.md.")
    beyond = await call("open_file", citation="notes.md:99")
    assert beyond.content == "notes.md has no '99'. It goes from 1 to 1."
