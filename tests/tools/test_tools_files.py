"""Read, Write, Edit, Grep and Glob on real files, as a model uses and misuses them."""

import os
from pathlib import Path

import pytest

from letta_cli.tools import ToolContext, all_tools


async def test_read_numbers_lines_and_says_how_to_go_on(call, cwd: Path):
    (cwd / "a.txt").write_text("".join(f"line {n}\n" for n in range(1, 11)))
    whole = await call("Read", file_path="a.txt")
    assert whole.content.startswith("1\tline 1\n2\tline 2\n")
    assert "offset" not in whole.content
    part = await call("Read", file_path=str(cwd / "a.txt"), offset=3, limit=2)
    assert part.content == "3\tline 3\n4\tline 4\n(lines 3-4 of 10; go on with offset=5)"
    assert (await call("Read", file_path="a.txt", offset=99)).content == "a.txt has only 10 lines."
    (cwd / "empty").write_text("")
    assert (await call("Read", file_path="empty")).content == "empty is empty."


async def test_read_suggests_what_was_meant(call, cwd: Path):
    (cwd / "src").mkdir()
    (cwd / "src" / "server.py").write_text("")
    (cwd / "readme.md").write_text("")
    assert "Did you mean src/server.py?" in (await call("Read", file_path="server.py")).content
    assert "Did you mean readme.md?" in (await call("Read", file_path="readmee.md")).content
    missing = await call("Read", file_path="nothing.like.it")
    assert (missing.status, "Use Glob" in missing.content) == ("error", True)


async def test_read_of_strange_things_is_an_error_that_says_what_they_are(call, cwd: Path):
    os.mkfifo(cwd / "pipe")
    (cwd / "data.bin").write_bytes(b"\0\1\2")
    for name, words in (
        ("pipe", "named pipe"),
        ("data.bin", "binary"),
        (".", "directory"),
        ("/dev/zero", "device"),
        ("a\0b", "NUL"),
    ):
        outcome = await call("Read", file_path=name)
        assert (outcome.status, words in outcome.content) == ("error", True), outcome.content


async def test_read_of_a_directory_tells_what_is_in_it(call, cwd: Path):
    (cwd / "src").mkdir()
    (cwd / "a.txt").write_text("")
    outcome = await call("Read", file_path=".")
    assert (outcome.status, "In it: a.txt, src/." in outcome.content) == ("error", True)


async def test_a_picture_is_a_note(call, cwd: Path):
    (cwd / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    assert "is an image (9 bytes)" in (await call("Read", file_path="x.png")).content


async def test_a_huge_file_is_read_in_slices_only(call, cwd: Path):
    with (cwd / "big.log").open("w") as file:
        for start in range(200_000):
            file.write(f"{start:0>60}\n")
    assert "too large" in (await call("Read", file_path="big.log")).content
    part = await call("Read", file_path="big.log", offset=100_000, limit=2)
    assert part.content.startswith(f"100000\t{99_999:0>60}\n")
    assert "too large for Edit" in part.content
    edit = await call("Edit", file_path="big.log", old_string="0", new_string="1")
    assert (edit.status, "too large" in edit.content) == ("error", True)


async def test_much_text_ends_at_a_line_and_can_be_continued(call, cwd: Path):
    (cwd / "wide.txt").write_text("".join(f"{'w' * 900}{n}\n" for n in range(500)))
    outcome = await call("Read", file_path="wide.txt")
    assert len(outcome.content) < 62_000
    assert "of 500; go on with offset=" in outcome.content
    (cwd / "line.txt").write_text("z" * 100_000)
    assert len((await call("Read", file_path="line.txt")).content) < 3_000


async def test_write_creates_and_shows(call, cwd: Path):
    outcome = await call("Write", file_path="pkg/new.py", content="a = 1\nb = 2\n")
    assert outcome.content == "Created pkg/new.py (2 lines)."
    assert (cwd / "pkg/new.py").read_text() == "a = 1\nb = 2\n"
    assert outcome.display["added"] == 2
    assert "+a = 1" in outcome.display["diff"]


async def test_write_over_a_file_needs_a_read_and_keeps_its_style(call, cwd: Path):
    (cwd / "a.txt").write_bytes(b"one\r\n")
    refused = await call("Write", file_path="a.txt", content="two\n")
    assert (refused.status, "Read it first" in refused.content) == ("error", True)
    assert (cwd / "a.txt").read_bytes() == b"one\r\n"
    await call("Read", file_path="a.txt")
    assert "Nothing changed" in (await call("Write", file_path="a.txt", content="one\n")).content
    assert (await call("Write", file_path="a.txt", content="two\nx\n")).status == "ok"
    assert (cwd / "a.txt").read_bytes() == b"two\r\nx\r\n"
    assert (await call("Write", file_path="a.txt", content="three\n")).status == "ok"


async def test_edit_changes_one_place_and_shows_it(call, cwd: Path):
    (cwd / "a.py").write_text("def f():\n    return 1\n\n\ndef g():\n    return 2\n")
    await call("Read", file_path="a.py")
    outcome = await call("Edit", file_path="a.py", old_string="return 1", new_string="return 10")
    assert outcome.status == "ok"
    assert "2\t    return 10" in outcome.content
    assert "return 2" not in outcome.content
    assert (outcome.display["added"], outcome.display["removed"]) == (1, 1)
    assert (cwd / "a.py").read_text() == "def f():\n    return 10\n\n\ndef g():\n    return 2\n"


async def test_edit_without_a_read_or_after_a_foreign_change_is_refused(call, cwd: Path):
    (cwd / "a.txt").write_text("one two")
    edit = {"file_path": "a.txt", "old_string": "one", "new_string": "1"}
    assert "not read yet" in (await call("Edit", **edit)).content
    await call("Read", file_path="a.txt")
    (cwd / "a.txt").write_text("one two three")
    outcome = await call("Edit", **edit)
    assert (outcome.status, "changed on disk" in outcome.content) == ("error", True)
    assert (cwd / "a.txt").read_text() == "one two three"
    await call("Read", file_path="a.txt")
    assert (await call("Edit", **edit)).status == "ok"


async def test_edit_that_is_not_unique_says_where_and_how(call, cwd: Path):
    (cwd / "a.py").write_text("port = 1\nreport = port\n")
    await call("Read", file_path="a.py")
    outcome = await call("Edit", file_path="a.py", old_string="port", new_string="gate")
    assert "occurs 3 times in a.py (lines 1, 2, 2)" in outcome.content
    assert "Only 2 of them are the whole word port" in outcome.content
    outcome = await call(
        "Edit", file_path="a.py", old_string="port", new_string="gate", replace_all=True
    )
    assert (cwd / "a.py").read_text() == "gate = 1\nregate = gate\n"
    assert "Note: port was also replaced inside longer names (1x)." in outcome.content


async def test_edit_of_text_that_is_not_there_shows_what_is(call, cwd: Path):
    (cwd / "a.py").write_text("def f():\n\treturn 'x'\n")
    await call("Read", file_path="a.py")

    async def content(old: str) -> str:
        outcome = await call("Edit", file_path="a.py", old_string=old, new_string="y")
        assert outcome.status == "error"
        assert "Nothing changed" in outcome.content
        return outcome.content

    assert "Its white space differs. The file has:\n\treturn 'x'" in await content("    return 'x'")
    assert "Leave out the line numbers" in await content("2\t\treturn 'x'")
    assert "It reads:\ndef f():\n\treturn" in await content("def g(a, b):")
    (cwd / "long.py").write_text(
        "".join(f"x{n}()\n" for n in range(400)) + "maximum_of(a, b)\nend\n"
    )
    await call("Read", file_path="long.py")
    outcome = await call("Edit", file_path="long.py", old_string="maximum_of(a, c)", new_string="y")
    assert "The nearest place, at line 401, reads:\nmaximum_of(a, b)" in outcome.content
    assert "x100()" not in outcome.content


async def test_edits_that_change_nothing_say_so(call, cwd: Path):
    (cwd / "a.txt").write_text("one")
    await call("Read", file_path="a.txt")
    same = await call("Edit", file_path="a.txt", old_string="one", new_string="one")
    assert (same.status, "Nothing changed" in same.content) == ("error", True)
    empty = await call("Edit", file_path="a.txt", old_string="", new_string="one")
    assert "old_string is empty" in empty.content
    missing = await call("Edit", file_path="unrelated", old_string="x", new_string="y")
    assert "Write creates a new file" in missing.content


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
async def test_edit_keeps_the_line_ends_of_the_file(call, cwd: Path, newline: str):
    (cwd / "a.txt").write_bytes(newline.join(["a", "b", "c", ""]).encode())
    await call("Read", file_path="a.txt")
    outcome = await call("Edit", file_path="a.txt", old_string="a\nb\n", new_string="x\ny\nz\n")
    assert outcome.status == "ok", outcome.content
    assert (cwd / "a.txt").read_bytes() == newline.join(["x", "y", "z", "c", ""]).encode()


async def test_edit_touches_no_other_line_of_a_file_with_mixed_ends(call, cwd: Path):
    (cwd / "a.txt").write_bytes(b"a\r\nb\nc\r\nd\r\n")
    await call("Read", file_path="a.txt")
    assert (await call("Edit", file_path="a.txt", old_string="c", new_string="x")).status == "ok"
    assert (cwd / "a.txt").read_bytes() == b"a\r\nb\nx\r\nd\r\n"


async def test_the_preview_of_an_edit_changes_nothing(context: ToolContext, cwd: Path):
    (cwd / "a.txt").write_text("one\n")
    edit = all_tools()["Edit"]
    arguments = {"file_path": "a.txt", "old_string": "one", "new_string": "two"}
    display = edit.preview(arguments, context)
    assert display is not None
    assert "-one" in display["diff"]
    assert "+two" in display["diff"]
    assert (cwd / "a.txt").read_text() == "one\n"
    assert "not read yet" in (await edit.run(arguments, context)).content
    assert edit.preview({**arguments, "old_string": "none"}, context) is None


async def test_grep_groups_by_file_and_limits(call, cwd: Path):
    (cwd / "lib").mkdir()
    (cwd / "lib" / "a.py").write_text("x = 1\ndef find_me():\n    pass\n")
    (cwd / "b.py").write_text("find_me()\nfind_me()\n")
    outcome = await call("Grep", pattern="find_me", path="lib")
    assert outcome.content == "lib/a.py\n  2\tdef find_me():"
    assert set((await call("Grep", pattern="find_me", files_only=True)).content.split()) == {
        "lib/a.py",
        "b.py",
    }
    assert "there are more" in (await call("Grep", pattern="find_me", limit=1)).content
    assert "No matches for 'absent'" in (await call("Grep", pattern="absent")).content
    assert (await call("Grep", pattern="(")).status == "error"
    assert (await call("Grep", pattern="x", path="nowhere")).status == "error"
    assert (await call("Grep", pattern="")).status == "error"


async def test_glob_lists_paths_that_read_takes(call, cwd: Path):
    (cwd / "lib").mkdir()
    (cwd / "lib" / "a.py").write_text("text\n")
    assert (await call("Glob", pattern="*.py")).content == "lib/a.py"
    listed = (await call("Glob", pattern="*.py", path="lib")).content
    assert "text" in (await call("Read", file_path=listed)).content
    assert "No files fit" in (await call("Glob", pattern="*.rs")).content
    assert (await call("Glob", pattern="*", path="nowhere")).status == "error"
    absolute = (await call("Glob", pattern=f"{cwd}/lib/*.py")).content
    assert "text" in (await call("Read", file_path=absolute)).content
