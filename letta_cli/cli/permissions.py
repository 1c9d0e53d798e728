"""`agent permissions`: which rules there are, which decides over a call, and changes of them."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.invocation import split_rules, working_directory
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.output import say, say_json, say_text, table, warn, warn_ignored
from letta_cli.config import Config, load_config
from letta_cli.config.edit import change_rules
from letta_cli.config.load import project_root
from letta_cli.core.errors import NotFound, UsageError
from letta_cli.core.need import need_from_text
from letta_cli.core.permission import Decision, Rules

app = new_app("Show, try and change the rules on what the agent may do.")

List = Annotated[str, typer.Argument(metavar="LIST", help="allow, ask or deny.")]
RuleText = Annotated[str, typer.Argument(metavar="RULE", help='E.g. "Bash(npm test:*)".')]
Project = Annotated[
    bool, typer.Option("--project", help="In .agent/settings.json, shared with the project.")
]
Local = Annotated[
    bool, typer.Option("--local", help="In .agent/settings.local.json, for you in this project.")
]
Allowed = Annotated[
    list[str] | None,
    typer.Option("--allowedTools", "--allowed-tools", metavar="RULES", help="Try with these too."),
]
Disallowed = Annotated[
    list[str] | None,
    typer.Option("--disallowedTools", "--disallowed-tools", metavar="RULES", help="And these."),
]


@app.command("list", cls=LightCommand)
def list_rules(as_json: options.Json = False, directory: options.Directory = None) -> None:
    """List all rules in the order they are judged. Warns of those that never apply."""
    config = _config(directory)
    rows = [
        (kind, rule.text, rule.source)
        for kind, rules in _lists(config.rules)
        for rule in rules
    ]  # fmt: skip
    dead = _dead(config)
    if as_json:
        named = [{"list": kind, "rule": text, "source": source} for kind, text, source in rows]
        say_json({"mode": config.mode, "rules": named, "warnings": dead})
        return
    say(f"mode: {config.mode} (from {config.origins.get('permissions.defaultMode', 'default')})")
    if rows:
        table(("LIST", "RULE", "FROM"), rows, flexible=1)
    else:
        say("There are no rules. Add one with: agent permissions add allow RULE")
    for line in dead:
        warn(line)


@app.command("test", cls=LightCommand)
def test_call(
    call: Annotated[str, typer.Argument(metavar="CALL", help='E.g. "git push" or "Read(./.env)".')],
    mode: Annotated[
        str | None, typer.Option("--permission-mode", metavar="MODE", help="As if in this mode.")
    ] = None,
    allowed: Allowed = None,
    disallowed: Disallowed = None,
    needs: Annotated[
        list[str] | None,
        typer.Option(
            "--needs", metavar="NEED", help="As if it asked the sandbox for this, e.g. git."
        ),
    ] = None,
    as_json: options.Json = False,
    directory: options.Directory = None,
) -> None:
    """Say what would happen with a call, by which rule and why. Nothing is run.

    CALL is a command, or Tool(argument) as in a rule: Edit(src/a.py), WebFetch(example.com).
    """
    config = _config(directory, mode)
    decision = _decide(config, call, split_rules(allowed), split_rules(disallowed), needs)
    if as_json:
        say_json(
            {
                "verdict": decision.verdict,
                "reason": decision.reason,
                "rule": decision.rule.text if decision.rule else None,
                "source": decision.rule.source if decision.rule else None,
                "rules_that_would_allow": list(decision.remedy),
            }
        )
        return
    say_text(f"{decision.verdict}: {decision.reason}")
    for rule in decision.remedy:
        say_text(f"would be allowed by: {rule}")


@app.command("add", cls=LightCommand)
def add_rule(kind: List, rule: RuleText, project: Project = False, local: Local = False) -> None:
    """Add a rule to your settings. To this project's: only ask and deny."""
    home, path = _settings_file(project=project, local=local)
    change_rules(home, path, _checked(kind), rule, add=True)
    say(f"{kind}: {rule} added to {path}")


@app.command("remove", cls=LightCommand)
def remove_rule(kind: List, rule: RuleText, project: Project = False, local: Local = False) -> None:
    """Take a rule out again."""
    home, path = _settings_file(project=project, local=local)
    if not change_rules(home, path, _checked(kind), rule, add=False):
        raise NotFound(f"{kind}: {rule} does not stand in {path}. See: agent permissions list")
    say(f"{kind}: {rule} taken out of {path}")


def _config(directory: str | None, mode: str | None = None) -> Config:
    flags = {"permissions.defaultMode": mode}
    cwd = working_directory(directory)
    return load_config(cwd=cwd, flags=flags, secrets=False, on_broken=warn_ignored)


def _lists(rules: Rules) -> list[tuple[str, Any]]:
    return [("deny", rules.deny), ("ask", rules.ask), ("allow", rules.allow)]


def _dead(config: Config) -> list[str]:
    from letta_cli.app import session_rules
    from letta_cli.permissions import check_examples, dead_rules

    rules = session_rules(config)
    check_examples(rules, cwd=config.cwd, home=config.user_home)
    return dead_rules(rules, (), cwd=config.cwd, home=config.user_home)


def _decide(
    config: Config,
    call: str,
    allowed: tuple[str, ...],
    disallowed: tuple[str, ...],
    needs: list[str] | None = None,
) -> Decision:
    from letta_cli.app import boundary_of, call_spec, session_rules
    from letta_cli.permissions import call_of, decide

    tool, argument = _taken_apart(call)
    made = call_of(tool, argument)
    rules = session_rules(config, allowed, disallowed)
    if needs and not config.sandbox.enabled:
        raise UsageError(
            "--needs: commands are not confined here, so they have to ask for nothing. "
            "Switch the sandbox on: agent config set sandbox.enabled true"
        )
    if needs:
        made = replace(made, arguments={**made.arguments, "needs": _needs(needs)})
    return decide(
        made,
        call_spec(made.name),
        rules=rules,
        boundary=boundary_of(config, rules) if made.name == "Bash" else None,
        mode=config.mode,
        cwd=config.cwd,
        roots=(project_root(config.cwd), *config.directories),
        home=config.user_home,
    )


def _needs(texts: list[str]) -> list[str]:
    """The needs as they are written.

    Raises:
        UsageError: one is none.
    """
    try:
        return [need_from_text(text).text for text in texts]
    except ValueError as error:
        raise UsageError(f"--needs: {error}") from error


def _taken_apart(call: str) -> tuple[str, str]:
    """Tool and argument of ``Tool(argument)`` or of a tool's name; else it is a command."""
    from letta_cli.app import is_tool

    tool, parenthesis, rest = call.strip().partition("(")
    if is_tool(tool) and (not parenthesis or rest.endswith(")")):
        return tool, rest[:-1] if parenthesis else ""
    return "Bash", call


def _checked(kind: str) -> str:
    if kind not in ("allow", "ask", "deny"):
        raise UsageError(f"{kind!r} is no list of rules: allow, ask or deny.")
    return kind


def _settings_file(*, project: bool, local: bool) -> tuple[Path, Path]:
    """The agent's folder, and the settings file to change."""
    config = _config(None)
    if not project and not local:
        return config.home, config.home / "settings.json"
    name = "settings.local.json" if local else "settings.json"
    return config.home, project_root(config.cwd) / ".agent" / name
