"""`agent skills`: which skills are found from here."""

from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.output import say_json, say_text, table, warn, warn_ignored
from letta_cli.config import load_config
from letta_cli.config.load import project_root
from letta_cli.core.errors import NotFound
from letta_cli.core.skill import Skill
from letta_cli.skills import discover_with_warnings, load_body

app = new_app("Show the skills found here.")


@app.command("list", cls=LightCommand)
def list_skills(as_json: options.Json = False, directory: options.Directory = None) -> None:
    """List skills: bundled, yours, this project's. The nearer one hides one of the same name."""
    skills, warnings = _found(directory)
    for line in warnings:
        warn(line)
    if as_json:
        say_json([_facts(skill) for skill in skills])
        return
    table(
        ("SKILL", "FROM", "DESCRIPTION"),
        [(skill.name, skill.source, skill.description) for skill in skills],
        flexible=2,
    )


@app.command("show", cls=LightCommand)
def show_skill(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    as_json: options.Json = False,
    directory: options.Directory = None,
) -> None:
    """Print a skill as the model reads it."""
    skills, _ = _found(directory)
    for skill in skills:
        if skill.name == name:
            body = load_body(skill)
            if as_json:
                say_json({**_facts(skill), "body": body})
            else:
                say_text(body.rstrip("\n"))
            return
    names = ", ".join(skill.name for skill in skills)
    raise NotFound(f"There is no skill {name!r}. Skills here: {names or 'none'}.")


def _found(directory: str | None) -> tuple[list[Skill], list[str]]:
    """The skills that can be used there, and what was wrong with others."""
    config = load_config(cwd=working_directory(directory), secrets=False, on_broken=warn_ignored)
    root = project_root(config.cwd)
    skills, warnings = discover_with_warnings(
        cwd=config.cwd,
        project_root=root if (root / ".git").exists() else None,
        home=config.home,
        user_home=config.user_home,
        accept=config.trust.of("skill"),
    )
    return skills, [*warnings, *config.trust.warnings()]


def _facts(skill: Skill) -> dict[str, Any]:
    return {
        "name": skill.name,
        "description": skill.description,
        "path": str(skill.path),
        "source": skill.source,
        "argument_hint": skill.argument_hint,
        "user_invocable": skill.user_invocable,
        "model_invocable": skill.model_invocable,
        "shadows": str(skill.shadows) if skill.shadows else None,
    }
