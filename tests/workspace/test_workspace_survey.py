"""A first look at a project finds what its own files say, and stays quick."""

import json
import subprocess
from pathlib import Path

from letta_cli.workspace.survey import MOST_FILES, take_survey


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_an_empty_directory_has_nothing_to_say(tmp_path: Path) -> None:
    survey = take_survey(tmp_path)
    assert survey.files == 0 and survey.block() == ""


def test_what_manifests_scripts_and_ci_say_is_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        pyproject_DOT_toml='[project]\nname = "shop"\ndescription = "Sells tea."\n'
        "[project.scripts]\nshop = 'shop:main'\n[tool.pytest.ini_options]\n",
        package_DOT_json=json.dumps({"name": "front", "scripts": {"dev": "vite"}}),
        Makefile="VERSION := 3\ncheck: lint\n\tpytest\nlint:\n\truff check\n",
        README_DOT_md="# Shop\n\n![badge](x)\n\nShop is a small shop that sells tea to people.\n",
        src__app_DOT_py="x = 1\n",
        src__util_DOT_py="y = 1\n",
    )
    flow = tmp_path / ".github" / "workflows" / "ci.yml"
    flow.parent.mkdir(parents=True)
    flow.write_text("steps:\n  - run: make check\n  - run: |\n      no\n")
    text = take_survey(tmp_path).text()
    for said in ("shop: Sells tea.", "Shop is a small shop", "Written in Python", "npm run dev: vite",
                 "make check, lint (Makefile)", "shop: installed command", "CI runs: make check",
                 "src/ (2)", "pytest (configured"):  # fmt: skip
        assert said in text, (said, text)
    assert "VERSION" not in text


def test_broken_and_foreign_files_are_left_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "project", tmp_path / "secret.md"
    root.mkdir()
    outside.write_text("The secret word is marmalade, and nobody may know.")
    (root / "README.md").symlink_to(outside)
    (root / "package.json").write_text("[" * 10_000)
    (root / "pyproject.toml").write_bytes(b"\xff\x00 = [")
    (root / "Cargo.toml").write_text("[package]\nname = 'tea'\n")
    text = take_survey(root).text()
    assert "marmalade" not in text and "cargo test" in text and "tea" in text


def test_a_large_repository_is_counted_up_to_a_bound(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    names = "".join(f"100644 {'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'}\tsrc/f{n}.go\n"
                    for n in range(MOST_FILES + 5_000))  # fmt: skip
    command = ["git", "-C", str(tmp_path), "update-index", "--index-info"]
    subprocess.run(command, input=names, text=True, check=True)
    survey = take_survey(tmp_path)
    assert survey.files == MOST_FILES and survey.languages == ["Go"]
    assert survey.text().startswith("more than 20,000 files") and len(survey.text()) < 1_000
