"""`agent agents`: the agents of this database, and which one is in use."""

from shlex import quote
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.agent_files import export_agent, import_agent
from letta_cli.cli.light import LightCommand, new_app
from letta_cli.cli.opened import opened
from letta_cli.cli.output import age, agree_to_delete, say, say_json, table
from letta_cli.config.files import check
from letta_cli.config.schema import check_handle, find_key
from letta_cli.core.agent import Agent
from letta_cli.core.clock import to_text
from letta_cli.core.counting import plural
from letta_cli.core.errors import Busy, ConfigError, UsageError

app = new_app(
    "List, create, choose and move agents. People who must not share memory use different ones."
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name or id of the agent.")]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="PROVIDER/MODEL", help="The model this agent uses."),
]
SystemOption = Annotated[
    str | None,
    typer.Option("--system", metavar="TEXT", help="Your addition to its system prompt."),
]


@app.command("list", cls=LightCommand)
def list_agents(as_json: options.Json = False, database: options.Database = None) -> None:
    """List all agents; a star marks the one in use."""
    with opened(database=database) as here:
        agents = here.store.agents.list()
        if as_json:
            say_json([_facts(agent, in_use=agent.id == here.agent.id) for agent in agents])
            return
        rows = [
            (
                "*" if agent.id == here.agent.id else "",
                agent.name,
                agent.model or "(as configured)",
                age(agent.created_at),
                agent.id,
            )
            for agent in agents
        ]
        table(("", "NAME", "MODEL", "AGE", "ID"), rows)


@app.command("create", cls=LightCommand)
def create_agent(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    model: ModelOption = None,
    system: SystemOption = None,
    use: Annotated[bool, typer.Option("--use", help="Use it from now on.")] = False,
    as_json: options.Json = False,
    database: options.Database = None,
) -> None:
    """Create an agent with empty memory."""
    if not name.strip():
        raise UsageError("An agent needs a name.")
    with opened(database=database) as here:
        agent = here.store.agents.create(
            name.strip(), model=_checked(model or ""), system=system or ""
        )
        if use:
            here.store.agents.use(agent.id)
        if as_json:
            say_json(_facts(agent, in_use=use))
            return
        hint = "in use now" if use else f"use it with: agent agents use {quote(agent.name)}"
        say(f"Created {agent.name} ({agent.id}); {hint}")


@app.command("use", cls=LightCommand)
def use_agent(name: Name, database: options.Database = None) -> None:
    """Use this agent from now on."""
    with opened(agent=name, database=database) as here:
        here.store.agents.use(here.agent.id)
        say(f"{here.agent.name} ({here.agent.id}) is in use now")


@app.command("remove", cls=LightCommand)
def delete_agent(
    name: Name,
    yes: options.Yes = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --yes: also one that has conversations.")
    ] = False,
    database: options.Database = None,
) -> None:
    """Delete an agent with its memory and its conversations for good."""
    with opened(agent=name, database=database) as here:
        agent = here.agent
        theirs = here.store.conversations.list(agent.id, archived=None)
        known = {each.id for each in theirs}
        if any(each.conversation_id in known for each in here.store.sessions.live()):
            raise Busy(f"A conversation of {agent.name} is open in a terminal; close it first.")
        count = plural(len(theirs), "conversation")
        if yes and theirs and not force:
            raise UsageError(
                f"{agent.name} has {count}, which would be deleted too: add --force to --yes."
            )
        agree_to_delete(f"Delete {agent.name} with its memory and {count} for good?", yes=yes)
        here.store.agents.delete(agent.id)
        say(f"Deleted {agent.name} with {count}")


@app.command("show", cls=LightCommand)
def show_agent(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name or id; else the one in use.")
    ] = None,
    model: ModelOption = None,
    system: SystemOption = None,
    rename: Annotated[
        str | None, typer.Option("--rename", metavar="NAME", help="Give it another name.")
    ] = None,
    as_json: options.Json = False,
    database: options.Database = None,
) -> None:
    """Show an agent; with options, change it first."""
    with opened(agent=name, database=database) as here:
        agent = here.agent
        if model is not None or system is not None or rename is not None:
            checked = None if model is None else _checked(model)
            agent = here.store.agents.update(agent.id, name=rename, model=checked, system=system)
        current = here.store.agents.current().id == agent.id
        if as_json:
            say_json(_facts(agent, in_use=current))
            return
        say(f"name     {agent.name}{'  (in use)' if current else ''}")
        say(f"id       {agent.id}")
        say(f"model    {agent.model or '(as configured)'}")
        say(f"created  {to_text(agent.created_at)}")
        blocks = here.store.blocks.list(agent.id)
        say(f"memory   {', '.join(block.label for block in blocks)}")
        if agent.system:
            say(f"system   {agent.system}")


app.command("export", cls=LightCommand)(export_agent)
app.command("import", cls=LightCommand)(import_agent)


def _checked(handle: str) -> str:
    key = find_key("model")
    assert key is not None
    check_handle(handle)
    try:
        return check(key, "model", handle, where="flag --model")
    except ConfigError as error:
        raise UsageError(str(error)) from error


def _facts(agent: Agent, *, in_use: bool) -> dict[str, Any]:
    return {
        "id": agent.id,
        "name": agent.name,
        "model": agent.model,
        "system": agent.system,
        "created_at": to_text(agent.created_at),
        "in_use": in_use,
    }
