"""Looks for skills where people keep them; a nearer one hides a farther one of the same name."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from letta_cli.core.skill import Skill, SkillSource
from letta_cli.skills.digest import digest_of
from letta_cli.skills.frontmatter import SkillRefused, read_skill_file

MAX_DEPTH = 4
MAX_FOLDERS = 2_000
MAX_NAME = 64
_SKIPPED = frozenset({".git", "node_modules", "__pycache__", ".venv"})
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


def bundled_root() -> Path | None:
    """The folder of the skills that come with the program: in the installed package, or at the
    top of a source checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "bundled_skills", package.parent / "skills"):
        if folder.is_dir():
            return folder
    return None


Accept = Callable[[Path, str, int], bool]


def discover(
    *,
    cwd: Path,
    project_root: Path | None,
    home: Path,
    user_home: Path,
    accept: Accept | None = None,
) -> list[Skill]:
    """All skills that can be used in `cwd`, by name. See `discover_with_warnings`."""
    return discover_with_warnings(
        cwd=cwd, project_root=project_root, home=home, user_home=user_home, accept=accept
    )[0]


def discover_with_warnings(
    *,
    cwd: Path,
    project_root: Path | None,
    home: Path,
    user_home: Path,
    accept: Accept | None = None,
) -> tuple[list[Skill], list[str]]:
    """All skills that can be used in `cwd`, by name, and what was wrong with others.

    Args:
        accept: asked for each of the project's skills, with folder, digest and size, before any
            of it is read; one that is not accepted is as if it were not there.

    Later places win: bundled, ``home/skills``, ``user_home/.agents/skills``, then
    ``.claude/skills`` and ``.agents/skills`` from `project_root` down to `cwd`.
    """
    places = skill_places(cwd=cwd, project_root=project_root, home=home, user_home=user_home)
    found: dict[str, Skill] = {}
    warnings: list[str] = []
    seen: set[str] = set()
    for place, source in places:
        for path in _skill_files(place):
            real = os.path.realpath(path)
            if real in seen:
                continue
            seen.add(real)
            digest = ""
            if accept and source == "project":
                digest, size = digest_of(path.parent)
                if not accept(path.parent, digest, size):
                    continue
            skill = _load(path, source, found, warnings)
            if skill is not None:
                found[skill.name] = replace(skill, digest=digest)
    return sorted(found.values(), key=lambda skill: skill.name), warnings


def skill_places(
    *, cwd: Path, project_root: Path | None, home: Path, user_home: Path
) -> list[tuple[Path, SkillSource]]:
    """The folders that are looked in, whether they are there or not; later ones win."""
    places: list[tuple[Path, SkillSource]] = []
    if bundled := bundled_root():
        places.append((bundled, "bundled"))
    places.append((home / "skills", "user"))
    places.append((user_home / ".agents" / "skills", "user"))
    for folder in _down_to(cwd, project_root):
        if folder not in (user_home, home):
            places.append((folder / ".claude" / "skills", "project"))
            places.append((folder / ".agents" / "skills", "project"))
    return places


def _down_to(cwd: Path, project_root: Path | None) -> list[Path]:
    """Folders from the project's root to `cwd`; only `cwd` when it is in no project."""
    here, root = Path(os.path.realpath(cwd)), project_root and Path(os.path.realpath(project_root))
    if root is None or (here != root and root not in here.parents):
        return [here]
    chain = [folder for folder in (here, *here.parents) if folder == root or root in folder.parents]
    return chain[::-1]


def _skill_files(place: Path) -> Iterator[Path]:
    """SKILL.md files under `place`; does not look inside a skill for others."""
    level = [place]
    folders = 0
    for _ in range(MAX_DEPTH):
        below: list[Path] = []
        for folder in level:
            folders += 1
            if folders > MAX_FOLDERS:
                return
            skill_file = folder / "SKILL.md"
            if folder != place and skill_file.is_file():
                yield skill_file
                continue
            try:
                with os.scandir(folder) as entries:
                    below += sorted(
                        Path(entry.path)
                        for entry in entries
                        if entry.name not in _SKIPPED and entry.is_dir()
                    )
            except OSError:
                continue
        level = below


def _load(
    path: Path, source: SkillSource, found: dict[str, Skill], warnings: list[str]
) -> Skill | None:
    try:
        fields, _ = read_skill_file(path)
    except SkillRefused as error:
        warnings.append(f"Skill skipped: {error}")
        return None
    description = " ".join(str(fields.get("description") or "").split())
    if not description:
        warnings.append(f"Skill skipped: {path} has no description in its head.")
        return None
    name = str(fields.get("name") or path.parent.name).strip()
    if not is_name(name):
        warnings.append(f"{path}: the name {name!r} should be lower-case words joined by dashes.")
        name = path.parent.name if _NAME.match(path.parent.name) else name_from(name)
        if not name:
            return None
    elif name != path.parent.name:
        warnings.append(f"{path}: the name {name!r} differs from its folder.")
    hidden = found.get(name)
    if hidden is not None:
        warnings.append(f"Skill {name}: {path} hides {hidden.path}.")
    return Skill(
        name=name,
        description=_with_use(description, fields),
        path=path,
        source=source,
        argument_hint=_hint(fields),
        user_invocable=_truth(fields.get("user-invocable"), default=True),
        model_invocable=not _truth(fields.get("disable-model-invocation"), default=False),
        shadows=hidden.path if hidden else None,
    )


def is_name(name: str) -> bool:
    """Whether a skill may be called so: lower-case words joined by dashes, not too long."""
    return bool(_NAME.match(name)) and len(name) <= MAX_NAME


def name_from(text: str) -> str:
    """`text` as the name of a skill; empty when no letter or digit is in it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_NAME].strip("-")


def _with_use(description: str, fields: Any) -> str:
    use = " ".join(str(fields.get("when_to_use") or "").split())
    return f"{description} {use}".strip()[:1_024]


def _hint(fields: Any) -> str:
    hint = fields.get("argument-hint") or ""
    # YAML reads [file] as a list.
    return f"[{', '.join(map(str, hint))}]" if isinstance(hint, list) else str(hint)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _truth(value: object, *, default: bool) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("true", "yes", "1", "on")
    return default if value is None else bool(value)
