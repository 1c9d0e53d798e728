"""`agent doctor`: checks what the program stands on and says what to do where it is weak."""

from typing import Annotated

import typer

from letta_cli.cli import options
from letta_cli.cli.checks import Check, examine
from letta_cli.cli.event_loop import run_async
from letta_cli.cli.invocation import working_directory
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.output import clip, say, say_json, width
from letta_cli.cli.table import REPAIR, target
from letta_cli.config import load_config
from letta_cli.frontends.sanitize import sanitize_line

app = new_app()

SIGNS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@app.command(cls=LightCommand)
def doctor(
    as_json: options.Json = False,
    database: options.Database = None,
    directory: options.Directory = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="First mend what can be mended: a damaged database, modes, old outputs.",
        ),
    ] = False,
    yes: options.Yes = False,
) -> int:
    """Check this installation: Python, database, folders, models, skills, tools.

    The exit code is 1 when something is broken; warnings do not count. A damaged database is
    replaced by what can be read of it, over its newest good backup; the damaged file is kept.
    """
    repairs = _repair(database, directory, yes=yes) if repair else []
    checks = run_async_checks(database, directory)
    broken = [check for check in checks if check.state == "fail"]
    if as_json:
        say_json(
            {
                "ok": not broken,
                "repairs": repairs,
                "checks": [
                    {
                        "name": check.name,
                        "state": check.state,
                        "detail": check.detail,
                        "facts": check.facts,
                    }
                    for check in checks
                ],
            }
        )
        return 1 if broken else 0
    for line in repairs:
        say(f"mended  {sanitize_line(line)}")
    if repair and not repairs:
        say("Nothing to mend.")
    widest = max(width(check.name) for check in checks)
    for check in checks:
        say(f"{SIGNS[check.state]}  {check.name:<{widest}}  {sanitize_line(check.detail)}")
    if broken:
        say(f"{len(broken)} of {len(checks)} checks failed: {clip(broken[0].detail, 70)}")
    return 1 if broken else 0


def _repair(database: str | None, directory: str | None, *, yes: bool) -> list[str]:
    config = load_config(
        cwd=working_directory(directory), flags={"database": database}, secrets=False
    )
    return target(REPAIR)(config, yes=yes)


def run_async_checks(database: str | None, directory: str | None) -> list[Check]:
    """All checks, in the order in which they are shown."""
    checks: list[Check] = []

    async def collect() -> int:
        checks.extend(await examine(working_directory(directory), database))
        return 0

    run_async(collect())
    return checks
