"""What a folder brings that would take effect, in words for a person."""

import json
from collections.abc import Iterator
from pathlib import Path

from letta_cli.cli.output import clip
from letta_cli.config import Config
from letta_cli.config.files import read_layer
from letta_cli.config.trust import TrustItem
from letta_cli.core.errors import AgentError
from letta_cli.skills import discover
from letta_cli.skills.frontmatter import read_skill_file
from letta_cli.workspace.git_config import programs_of
from letta_cli.workspace.instructions import find_instructions
from letta_cli.workspace.repository import find_repository

MOST_LINES = 12


def look_at(config: Config) -> list[TrustItem]:
    """All that the folder brings, in the order in which it would take effect. Those that are
    not trusted yet are in ``config.trust.left_out`` afterwards."""
    trust = config.trust
    cwd = config.cwd.resolve()
    repository = find_repository(cwd)
    root = repository.root if repository else None
    if repository and (runs := programs_of(repository)):
        trust.accepts("git", repository.common_dir, runs.digest, runs.size)
    find_instructions(
        cwd, root, config.user_home, agent_home=config.home, accept=trust.of("instructions")
    )
    discover(
        cwd=cwd,
        project_root=root,
        home=config.home,
        user_home=config.user_home,
        accept=trust.of("skill"),
    )
    found = [*trust.accepted.values(), *trust.left_out.values()]
    order = ("settings", "git", "instructions", "skill")
    return sorted(found, key=lambda item: (order.index(item.kind), item.name))


def described(item: TrustItem) -> list[str]:
    """What the item is and what it would do; every line is safe to print."""
    head = f"{item}, {item.size:,} bytes"
    if not item.digest:
        return [f"{head}: cannot be trusted (too large, unreadable, or with links that lead out)"]
    details = [clip(line, 160) for line in _details(item)]
    more = len(details) - MOST_LINES
    if more > 0:
        details = [*details[:MOST_LINES], f"… and {more} more"]
    return [head, *(f"  {line}" for line in details)]


def _details(item: TrustItem) -> Iterator[str]:
    try:
        match item.kind:
            case "settings":
                layer = read_layer(item.path, "settings", project=True)
                for name, value in layer.values.items():
                    yield f"{name}: {json.dumps(value)}"
                yield from (f"not: {warning}" for warning in layer.warnings)
            case "git":
                repository = find_repository(item.path.parent)
                runs = programs_of(repository) if repository else None
                if runs is not None:
                    yield from (f"{key} = {value}" for key, value in runs.settings)
                    if runs.hooks:
                        yield f"hooks: {', '.join(runs.hooks)}"
            case "instructions":
                with item.path.open(encoding="utf-8", errors="replace") as file:
                    lines = file.read(4_000).splitlines()
                yield from [line for line in lines if line.strip()][:3]
            case "skill":
                fields, _ = read_skill_file(item.path / "SKILL.md")
                yield f"{fields.get('name') or Path(item.name).name}: {fields.get('description')}"
    except (AgentError, OSError) as error:
        yield str(error)
