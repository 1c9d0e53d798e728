"""A skill that fits is suggested, and one that is new is told of, at the end of the thread."""

import dataclasses
from pathlib import Path

import pytest

from letta_cli.agent.shelf import Shelf
from letta_cli.agent.skill_match import best_match
from letta_cli.agent.skill_news import SMALL_BODY
from letta_cli.core.provider import ModelInfo
from letta_cli.core.skill import Skill, suggested
from letta_cli.skills import bundled_root, discover
from letta_cli.skills.keeping import skill_file, write_skill

SMALL = ModelInfo("scripted/test", context_window=16_000, small=True)


def skill(name: str, description: str, source: str = "user") -> Skill:
    return Skill(name, description, Path("/nowhere/SKILL.md"), source)  # type: ignore[arg-type]


def write(root: Path, name: str, description: str, body: str = "Do it well.") -> None:
    head = f"---\nname: {name}\ndescription: {description}\n---\n\n"
    write_skill(skill_file(root, name), f"{head}{body}\n")


def shelf(root: Path) -> Shelf:
    def find() -> list[Skill]:
        return discover(cwd=root, project_root=None, home=root.parent, user_home=root.parent / "no")

    return Shelf(find(), find, [root])


def with_skills(s, root: Path, info: ModelInfo | None = None):
    s.turn = dataclasses.replace(s.turn, shelf=shelf(root), info=info or s.turn.info)
    return s


def notices(s) -> list[str]:
    return [text for role, text in s.stored() if role == "notice"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "agent-home" / "skills"
    folder.mkdir(parents=True)
    return folder


OURS = [
    skill("release-notes", "Write the release notes of a version. Use before a release."),
    skill("ship-database", "Move the database to another server, with a backup."),
    skill("invoice-rounding", "Use when asked: why are totals in invoices.py wrong by a cent?"),
]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Please write release notes for version 2.4", "release-notes"),
        ("notes for the coming release are needed", "release-notes"),
        ("move our databases to the new server tonight", "ship-database"),
        ("the total in invoices.py is a cent too low again", "invoice-rounding"),
        ("write a function that adds two numbers", ""),
        ("which version of Python is this?", ""),
        ("make a note that I like tea", ""),
        ("what does server.py do?", ""),
        ("", ""),
        ("fix it", ""),
    ],
)
def test_a_skill_fits_words_that_share_its_telling_ones(words: str, name: str):
    found = best_match(words, OURS)
    assert (found.name if found else "") == name


def test_a_long_text_fits_no_skill_by_chance():
    pasted = (
        "Traceback: the worker of queue four lost its connection to the database while it read "
        "rows seven to nine; the server answered with a timeout, the pool grew, the retries went "
        "on for an hour and the dashboard turned red before anybody looked. Why?"
    )
    assert best_match(pasted, OURS) is None


def test_two_skills_that_fit_alike_are_none():
    twins = [skill(name, "Write the release notes of a version") for name in ("a-b", "c-d")]
    assert best_match("write the release notes of this version", twins) is None


async def test_a_model_with_the_whole_catalogue_before_it_is_told_nothing_more(stage, root: Path):
    write(root, "release-notes", "Write the release notes of a version.")
    s = with_skills(stage([{"text": "ok", "repeat": True}]), root)
    listed = "- release-notes: Write the release notes of a version."
    for each in s.turn.shelf.skills:
        listed += f"\n- {each.name}: {each.description}"
    compiled = s.turn.compile_prompt
    s.turn = dataclasses.replace(
        s.turn, compile_prompt=lambda: (f"{compiled()[0]}\n\nSkills\n{listed}", compiled()[1])
    )
    await s.play("write the release notes of version 3")
    assert notices(s) == []


async def test_a_small_model_is_told_of_the_one_that_fits_once(stage, root: Path):
    write(root, "release-notes", "Write the release notes of a version.")
    s = with_skills(stage([{"text": "ok", "repeat": True}]), root, SMALL)
    await s.play("write the release notes of version 3")
    (told,) = notices(s)
    assert suggested(told) == "release-notes"
    await s.play("and now write the release notes of version 4")
    assert len(notices(s)) == 1
    assert [each["role"] for each in s.requests()[0]["messages"]] == ["user", "notice"]


async def test_a_small_model_gets_no_skill_that_it_could_not_be_shown_whole(stage, root: Path):
    write(root, "release-notes", "Write the release notes of a version.", "word " * SMALL_BODY)
    s = with_skills(stage([{"text": "ok", "repeat": True}]), root, SMALL)
    await s.play("write the release notes of version 3")
    assert notices(s) == []


async def test_a_small_model_gets_none_of_those_that_come_with_the_program(stage, root: Path):
    assert bundled_root() is not None
    s = with_skills(stage([{"text": "ok", "repeat": True}]), root, SMALL)
    assert best_match("write a commit message", s.turn.shelf.skills) is not None
    await s.play("write a commit message")
    assert notices(s) == []


async def test_a_skill_accepted_elsewhere_is_known_at_the_next_step_and_the_prompt_stays(
    stage, root: Path
):
    script = [
        {"text": "hello"},
        {"tool_calls": [{"name": "Skill", "arguments": {"skill": "release-notes"}}]},
        {"text": "done"},
        {"text": "bye"},
    ]
    s = with_skills(stage(script), root)
    await s.play("hello")
    before = notices(s)
    write(root, "release-notes", "Write the release notes of a version.", "Begin with a heron.")
    await s.play("what is new?")
    (told,) = [each for each in notices(s) if each not in before]
    assert "- release-notes: Write the release notes of a version." in told
    await s.play("bye")
    assert len(notices(s)) == len(before) + 1, "it is told once"
    requests = s.requests()
    assert len({request["system"] for request in requests}) == 1, "the cached prefix stays"
    assert "Begin with a heron." in str(requests[2]["messages"][-1])
    assert s.store.skill_uses.scores(s.turn.agent.id)["release-notes"].uses == 1


async def test_a_resumed_conversation_hears_of_what_was_accepted_meanwhile(stage, root: Path):
    s = with_skills(stage([{"text": "hello", "repeat": True}]), root)
    await s.play("hello")
    write(root, "release-notes", "Write the release notes of a version.")
    later = with_skills(
        stage([{"text": "hello", "repeat": True}], store=s.store,
              conversation_id=s.turn.thread.conversation.id), root)  # fmt: skip
    await later.play("hello again")
    assert any("- release-notes: " in each for each in notices(later))


async def test_a_large_model_is_told_of_a_fitting_skill_whose_description_was_cut(
    stage, root: Path
):
    write(root, "release-notes", "Write the release notes of a version.")
    s = with_skills(stage([{"text": "ok", "repeat": True}]), root)
    names = ", ".join(each.name for each in s.turn.shelf.skills)
    compiled = s.turn.compile_prompt
    s.turn = dataclasses.replace(
        s.turn, compile_prompt=lambda: (f"{compiled()[0]}\n\nSkills\nSkills: {names}", {})
    )
    await s.play("write the release notes of version 3")
    assert [suggested(told) for told in notices(s)] == ["release-notes"], "and of no new ones"
