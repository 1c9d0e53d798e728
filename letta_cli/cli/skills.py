"""`agent skills`: which skills are found from here."""

from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.opened import opened
from letta_cli.cli.output import say_json, say_text, table, warn
from letta_cli.config import Config
from letta_cli.config.load import project_root
from letta_cli.core.clock import to_text
from letta_cli.core.errors import NotFound
from letta_cli.core.skill import Skill, SkillScore
from letta_cli.skills import discover_with_warnings, load_body

app = new_app("Show the skills found here.")


@app.command("list", cls=LightCommand)
def list_skills(
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """List skills: bundled, yours, this project's. The nearer one hides one of the same name.

    USED counts runs in which a skill was loaded, GOOD those of them that came to a good end.
    """
    with opened(agent=agent, database=database, directory=directory) as here:
        skills, warnings = _found(here.config)
        scores = here.store.skill_uses.scores(here.agent.id)
    for line in warnings:
        warn(line)
    if as_json:
        say_json([_facts(skill, scores.get(skill.name)) for skill in skills])
        return
    rows = [(skill, scores.get(skill.name, SkillScore())) for skill in skills]
    table(
        ("SKILL", "FROM", "USED", "GOOD", "DESCRIPTION"),
        [
            (skill.name, skill.source, str(score.uses), _good(score), skill.description)
            for skill, score in rows
        ],
        flexible=4,
    )


@app.command("show", cls=LightCommand)
def show_skill(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    as_json: options.Json = False,
    agent: options.AgentName = None,
    database: options.Database = None,
    directory: options.Directory = None,
) -> None:
    """Print a skill as the model reads it. With --json also how often it was used."""
    with opened(agent=agent, database=database, directory=directory) as here:
        skills, _ = _found(here.config)
        scores = here.store.skill_uses.scores(here.agent.id)
    for skill in skills:
        if skill.name == name:
            body = load_body(skill)
            if as_json:
                say_json({**_facts(skill, scores.get(name)), "body": body})
            else:
                say_text(body.rstrip("\n"))
            return
    names = ", ".join(skill.name for skill in skills)
    raise NotFound(f"There is no skill {name!r}. Skills here: {names or 'none'}.")


def _found(config: Config) -> tuple[list[Skill], list[str]]:
    """The skills that can be used there, and what was wrong with others."""
    root = project_root(config.cwd)
    skills, warnings = discover_with_warnings(
        cwd=config.cwd,
        project_root=root if (root / ".git").exists() else None,
        home=config.home,
        user_home=config.user_home,
        accept=config.trust.of("skill"),
    )
    return skills, [*warnings, *config.trust.warnings()]


def _good(score: SkillScore) -> str:
    """``3 of 4``: of the runs whose end is known."""
    known = score.worked + score.failed
    return f"{score.worked} of {known}" if known else ""


def _facts(skill: Skill, score: SkillScore | None) -> dict[str, Any]:
    score = score or SkillScore()
    return {
        "name": skill.name,
        "description": skill.description,
        "path": str(skill.path),
        "source": skill.source,
        "argument_hint": skill.argument_hint,
        "user_invocable": skill.user_invocable,
        "model_invocable": skill.model_invocable,
        "shadows": str(skill.shadows) if skill.shadows else None,
        "uses": score.uses,
        "worked": score.worked,
        "failed": score.failed,
        "last_used": to_text(score.last_used) if score.last_used else None,
    }
