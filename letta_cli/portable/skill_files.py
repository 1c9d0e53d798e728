"""Skills inside an agent file: folders of texts, taken out of and put into one object."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from letta_cli.core.errors import UsageError
from letta_cli.core.skill import Skill
from letta_cli.portable.checked import Checked

_FILE_MAX = 1024 * 1024
_FILES_MAX = 200
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def skill_document(skill: Skill) -> dict[str, Any]:
    """A skill's folder as path to text.

    Raises:
        UsageError: it has a file that is no text, is too large, or there are too many.
    """
    root = skill.path.parent
    files: dict[str, str] = {}
    for path in _files(root):
        if len(files) == _FILES_MAX:
            raise UsageError(f"Skill {skill.name}: it has more than {_FILES_MAX} files.")
        try:
            if path.stat().st_size > _FILE_MAX:
                raise UsageError(f"{path}: it is larger than {_FILE_MAX // 2**20} MiB.")
            files[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: an agent file holds texts only: {error}") from error
    return {"name": skill.name, "files": files, "source_url": None}


def install_skills(document: Checked, folder: Path) -> Iterator[str]:
    """Write the skills of a file into `folder`, each into its own; says what became of each.

    A skill that is there already is left as it is. No file is made executable.

    Raises:
        UsageError: a skill has no good name, or a path that leads out of its folder. Nothing is
            written.
    """
    skills = [
        (_checked_name(each), _checked_files(each), each) for each in document.objects("skills")
    ]
    for name, files, each in skills:
        target = folder / name
        if not files:
            yield f"skill {name}: only a reference to {each.text('source_url', '?')}; not installed"
        elif target.exists():
            yield f"skill {name}: there is one already in {target}; not touched"
        else:
            for path, text in files.items():
                file = target / path
                file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                file.write_text(text, encoding="utf-8")
            yield f"skill {name}: installed in {target}"


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root).parts
        if path.is_file() and not path.is_symlink() and "__pycache__" not in inside:
            yield path


def _checked_name(skill: Checked) -> str:
    name = skill.text("name")
    if not name or not _NAME_CHARACTERS.issuperset(name) or name.startswith("-") or len(name) > 64:
        raise skill.wrong("name", f"expected lower-case words joined by dashes, found {name!r}")
    return name


def _checked_files(skill: Checked) -> dict[str, str]:
    files = skill.object("files")
    if files is None:
        return {}
    found: dict[str, str] = {}
    for path in files.value:
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
            raise files.wrong(path, "this path leads out of the skill's folder")
        found[path] = files.text(path)
    if found and "SKILL.md" not in found:
        raise skill.wrong("files", "SKILL.md is missing")
    return found
