"""Skills are found where people keep them, read leniently, listed evenly, and filled in safely."""

import os
from pathlib import Path

import pytest

from letta_cli.core.skill import Skill
from letta_cli.skills import (
    SkillRefused,
    bundled_root,
    catalogue,
    discover,
    discover_with_warnings,
    load_body,
)
from letta_cli.skills.frontmatter import read_skill_file


class Places:
    """A person's home, the program's folder in it, and a project with a folder below."""

    def __init__(self, base: Path) -> None:
        self.user_home = base / "person"
        self.home = self.user_home / ".agent"
        self.project = base / "project"
        self.cwd = self.project / "src"
        self.cwd.mkdir(parents=True)
        self.home.mkdir(parents=True)

    def discover(self) -> dict[str, Skill]:
        return {skill.name: skill for skill in self._run()[0] if skill.source != "bundled"}

    def warnings(self) -> str:
        return "\n".join(self._run()[1])

    def _run(self) -> tuple[list[Skill], list[str]]:
        return discover_with_warnings(
            cwd=self.cwd, project_root=self.project, home=self.home, user_home=self.user_home
        )


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def put(folder: Path, name: str, head: str = "", body: str = "Do it.") -> Path:
    path = folder / name / "SKILL.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = head or f"name: {name}\ndescription: About {name}."
    path.write_text(f"---\n{head}\n---\n\n{body}\n")
    return path


def test_all_places_are_looked_at(places: Places):
    put(places.home / "skills", "one")
    put(places.user_home / ".agents/skills", "two")
    put(places.project / ".agents/skills", "three")
    put(places.project / ".claude/skills", "four")
    put(places.cwd / ".agents/skills", "five")
    put(places.project.parent / ".agents/skills", "outside")
    put(places.project / ".agents/skills/group/sub", "nested")
    found = places.discover()
    assert sorted(found) == ["five", "four", "nested", "one", "three", "two"]
    assert {found["one"].source, found["two"].source} == {"user"}
    assert {found["three"].source, found["five"].source} == {"project"}


def test_the_nearer_skill_wins_and_says_what_it_hides(places: Places):
    far = put(places.home / "skills", "deploy")
    middle = put(places.project / ".agents/skills", "deploy")
    near = put(places.cwd / ".agents/skills", "deploy")
    skill = places.discover()["deploy"]
    assert (skill.path, skill.shadows) == (near, middle)
    assert f"{middle} hides {far}" in places.warnings()


def test_a_skill_of_the_person_hides_a_bundled_one(places: Places):
    mine = put(places.home / "skills", "review-change")
    found = discover(
        cwd=places.cwd, project_root=None, home=places.home, user_home=places.user_home
    )
    skill = next(skill for skill in found if skill.name == "review-change")
    assert skill.path == mine
    assert skill.shadows is not None


def test_fields_of_other_programs_are_honoured(places: Places):
    put(
        places.project / ".claude/skills",
        "x",
        "name: x\ndescription: Does x\nwhen_to_use: when y\nargument-hint: [file]\n"
        "disable-model-invocation: true\nuser-invocable: 'false'\nallowed-tools: Bash(git:*) Read",
    )
    skill = places.discover()["x"]
    assert skill.description == "Does x when y"
    assert skill.argument_hint == "[file]"
    assert not skill.model_invocable
    assert not skill.user_invocable


def test_small_mistakes_in_the_head_are_forgiven(places: Places):
    folder = places.project / ".agents/skills"
    put(folder, "colon", 'name: colon\ndescription: Use when: a test fails, e.g. "x": y')
    put(folder, "other-folder", "name: another\ndescription: d")
    put(folder, "shouting", "name: Shouting Skill!\ndescription: d")
    put(folder, "unnamed", "description: has no name")
    (folder / "windows").mkdir()
    (folder / "windows/SKILL.md").write_bytes(
        b"\xef\xbb\xbf---\r\nname: windows\r\ndescription: d\r\n---\r\nBody\r\n"
    )
    found = places.discover()
    assert sorted(found) == ["another", "colon", "shouting", "unnamed", "windows"]
    assert found["colon"].description == 'Use when: a test fails, e.g. "x": y'
    assert "differs from its folder" in places.warnings()


def test_broken_skills_are_skipped_with_a_reason_and_hurt_no_others(places: Places):
    folder = places.project / ".agents/skills"
    put(folder, "good")
    put(folder, "mute", "name: mute")
    put(folder, "list", "- a\n- b")
    put(folder, "broken", "name: [")
    (folder / "plain").mkdir()
    (folder / "plain/SKILL.md").write_text("no head")
    (folder / "huge").mkdir()
    (folder / "huge/SKILL.md").write_text("---\nname: huge\n---\n" + "x" * 600_000)
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe/SKILL.md")
    (folder / "loop").symlink_to(folder)
    assert sorted(places.discover()) == ["good"]
    warnings = places.warnings()
    for word in ("no description", "no fields", "no valid YAML", "does not begin", "larger than"):
        assert word in warnings


def test_the_search_is_bounded(places: Places):
    folder = places.project / ".agents/skills"
    put(folder / "a/b/c/d/e/f", "deep")
    put(folder / "node_modules", "dependency")
    put(folder / "outer/inner", "inside")
    put(folder, "outer")
    assert sorted(places.discover()) == ["outer"]


def test_yaml_in_a_head_runs_nothing(places: Places, tmp_path: Path):
    put(
        places.project / ".agents/skills",
        "evil",
        "name: evil\ndescription: !!python/object/apply:os.system ['touch RAN']".replace(
            "RAN", str(tmp_path / "ran")
        ),
    )
    places.discover()
    assert not (tmp_path / "ran").exists()


def skills(*lengths: int) -> list[Skill]:
    return [
        Skill(f"skill-{number}", "d" * length, Path("x"), "user")
        for number, length in enumerate(lengths)
    ]


def test_the_catalogue_fits_and_is_cut_evenly():
    whole = catalogue(skills(30, 40), 1_000)
    assert whole == f"- skill-0: {'d' * 30}\n- skill-1: {'d' * 40}"
    cut = catalogue(skills(30, 400, 400), 300)
    assert len(cut) <= 300
    short, *long = cut.split("\n")
    assert short.endswith("d" * 30)
    assert len(long[0]) == len(long[1]) > 80
    assert long[0].endswith("…")


def test_a_catalogue_without_room_lists_names():
    text = catalogue(skills(*[500] * 50), 200)
    assert len(text) <= 200
    assert text.startswith("Skills: skill-0, ")
    assert "more" in text
    assert catalogue([], 100) == ""
    assert catalogue([Skill("x", "d", Path("x"), "user", model_invocable=False)], 100) == ""


def test_a_body_comes_wrapped_with_its_folder_and_files(places: Places):
    path = put(places.home / "skills", "x", body="Run ${SKILL_DIR}/scripts/go.sh")
    (path.parent / "scripts").mkdir()
    (path.parent / "scripts/go.sh").write_text("")
    body = load_body(places.discover()["x"])
    assert body.startswith(f'<skill_content name="x" dir="{path.parent}">\n')
    assert f"Run {path.parent}/scripts/go.sh" in body
    assert "Files of this skill: scripts/go.sh" in body
    assert body.endswith("</skill_content>")


def test_arguments_are_filled_in_once(places: Places):
    text = "all: $ARGUMENTS; first: $0; second: $ARGUMENTS[1]; none: <$5>; price: $100"
    put(places.home / "skills", "x", body=text)
    body = load_body(places.discover()["x"], "'a $ARGUMENTS' b")
    assert "all: 'a $ARGUMENTS' b; first: a $ARGUMENTS; second: b; none: <>; price: $100" in body


def test_arguments_without_a_place_are_added(places: Places):
    put(places.home / "skills", "x")
    skill = places.discover()["x"]
    assert "Arguments: for me" in load_body(skill, "for me")
    assert "Arguments" not in load_body(skill)


def test_a_skill_that_is_gone_is_told(places: Places):
    path = put(places.home / "skills", "x")
    skill = places.discover()["x"]
    path.unlink()
    with pytest.raises(SkillRefused, match=r"SKILL\.md"):
        load_body(skill)


def bundled() -> list[Path]:
    root = bundled_root()
    return sorted(root.glob("*/SKILL.md")) if root else []


def test_at_least_five_skills_are_bundled():
    assert len(bundled()) >= 5


@pytest.mark.parametrize("path", bundled(), ids=lambda path: path.parent.name)
def test_a_bundled_skill_follows_the_rules_for_skills(path: Path):
    fields, body = read_skill_file(path)
    assert fields["name"] == path.parent.name
    assert 40 <= len(fields["description"]) <= 250
    assert "Use" in fields["description"]
    assert "$ARGUMENTS" in body
    assert len(body.splitlines()) < 60
    assert len(body) < 3_000
    # Which memory tools there are is for the prompt to say: single ones, or the one for all.
    assert "memory_" not in body
