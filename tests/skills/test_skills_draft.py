"""Drafts of skills are given their form, and what is wrong with them is said in words."""

from pathlib import Path

import pytest

from letta_cli.core.errors import UsageError
from letta_cli.skills import SkillRefused, assemble, citations, read_draft
from letta_cli.skills.frontmatter import parse_skill
from letta_cli.skills.keeping import skill_file, take_away, text_of, write_skill

BODY = """
## When to use
Before a commit.

## Steps
1. Run `make check`. (conv-1234abcd-1:4)

## Pitfalls
- It needs a database. (conv-1234abcd-1:7)
"""
GOOD = f"---\nname: run-checks\ndescription: Run the checks.\n---\n{BODY}"


def test_an_answer_without_head_or_with_a_fence_becomes_a_whole_file():
    bare = "name: run-checks\ndescription: How: run them\n" + BODY
    for answer in (bare, f"```markdown\n{bare}\n```", f"---\n{bare.replace(BODY, '---' + BODY)}"):
        text = assemble(answer)
        fields, body = parse_skill(text, "it")
        assert fields["name"] == "run-checks"
        assert fields["description"] == "How: run them"
        assert body == BODY.strip()


def test_a_name_that_a_person_chose_wins():
    assert read_draft(assemble(GOOD, name="check-all")).name == "check-all"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no head at all", "does not begin with a head"),
        (GOOD.replace("run-checks", "Run Checks"), "lower-case words"),
        (GOOD.replace("Run the checks.", ""), "description"),
        (GOOD.replace("Run the checks.", "x" * 501), "description"),
        (GOOD.replace("## Steps", "## Stages"), "Steps"),
        (GOOD.replace("- It needs a database. (conv-1234abcd-1:7)", ""), "Pitfalls"),
        (GOOD + "x" * 20_000, "20,000"),
        (GOOD + "token = ghp_abcdefghijklmnop1234", "secret"),
        (GOOD + "export API_KEY=abc123def456ghi7", "secret"),
        (GOOD + "postgres://me:hunter22@db/x", "secret"),
        (GOOD + "-----BEGIN RSA PRIVATE KEY-----", "secret"),
        (GOOD + "sk-proj-abcdefghijklmnop12345678", "secret"),
    ],
)
def test_what_is_wrong_is_said_without_repeating_a_secret(text: str, said: str):
    with pytest.raises(SkillRefused, match=said) as refused:
        read_draft(text)
    assert "hunter22" not in str(refused.value) and "1234567" not in str(refused.value)


def test_words_about_secrets_are_no_secrets():
    fine = GOOD + "Set the API_KEY variable; the token is in the keyring. token: see the wiki\n"
    assert read_draft(fine).name == "run-checks"


def test_citations_are_found_once_each():
    text = "a (conv-1234abcd-1:4) b (conv-1234abcd-1:4) conv-1234abcd-1:7"
    assert citations(text) == [("conv-1234abcd-1", 4), ("conv-1234abcd-1", 7)]


def test_an_accepted_skill_can_be_taken_away_and_the_one_before_comes_back(tmp_path: Path):
    path = skill_file(tmp_path / "skills", "run-checks")
    assert text_of(path) == ""
    write_skill(path, "old")
    write_skill(path, "new")
    take_away(path, "new", "old")
    assert path.read_text() == "old"
    with pytest.raises(UsageError, match="changed since"):
        take_away(path, "new", "")
    take_away(path, "old", "")
    assert not path.parent.exists()
