"""`agent agents export` and `import`: agents as Letta's agent files (.af)."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from letta_cli.cli import options
from letta_cli.cli.opened import Opened, opened
from letta_cli.cli.output import say, say_json, say_text, write_out
from letta_cli.cli.sessions import find
from letta_cli.core.counting import plural
from letta_cli.core.errors import NotFound
from letta_cli.core.skill import Skill
from letta_cli.portable.agent_file import MovedIn, take_agents
from letta_cli.portable.agent_file_out import agent_document
from letta_cli.portable.checked import read_document
from letta_cli.portable.skill_files import install_skills


def export_agent(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name or id of the agent.")],
    file: Annotated[
        str | None, typer.Argument(metavar="FILE.af", help="Else standard output.")
    ] = None,
    conversation: Annotated[
        str | None,
        typer.Option(
            "--conversation", metavar="WHICH", help="Whose history Letta sees; else the default's."
        ),
    ] = None,
    no_messages: Annotated[
        bool, typer.Option("--no-messages", help="Memory only, no conversations.")
    ] = False,
    skills: Annotated[
        list[str] | None,
        typer.Option("--skill", metavar="NAME", help="Take this skill along; can be repeated."),
    ] = None,
    database: options.Database = None,
) -> None:
    """Write an agent as an agent file (.af), which Letta reads too.

    It holds memory, passages and conversations. Letta reads one history from it, this program all.
    """
    with opened(agent=name, database=database) as here:
        which = find(here, conversation) if conversation else None
        document = agent_document(
            here.store, here.agent, conversation=which, with_messages=not no_messages,
            skills=_skills(here, skills or []),
        )  # fmt: skip
    write_out(json.dumps(document, indent=2) + "\n", file)
    if file is not None:
        own = document["letta_cli"]
        say(
            f"{file}: {plural(len(document['blocks']), 'block')}, "
            f"{plural(len(own['conversations']), 'conversation')}, "
            f"{plural(len(own['passages']), 'passage')}, {plural(len(document['skills']), 'skill')}"
        )


def import_agent(
    file: Annotated[str, typer.Argument(metavar="FILE.af", help="An agent file.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Call the agent this.")
    ] = None,
    use: Annotated[bool, typer.Option("--use", help="Use it from now on.")] = False,
    skills: Annotated[
        bool, typer.Option("--skills", help="Also install its skills, for all agents.")
    ] = False,
    trusted: options.TrustFile = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it, and say what would come of it.")
    ] = False,
    as_json: options.Json = False,
    database: options.Database = None,
) -> None:
    """Let an agent move in from an agent file (.af).

    Nothing in the file runs; what is not supported is listed.
    """
    document = read_document(Path(file).expanduser())
    with opened(database=database) as here:
        done = take_agents(here.store, document, name=name, trusted=trusted, dry_run=dry_run)
        installed: list[str] = []
        if not dry_run:
            while here.store.indexing.catch_up():
                pass
            if use:
                here.store.agents.use(done[0].agent.id)
            if skills:
                installed = list(install_skills(document, here.config.home / "skills"))
    if as_json:
        say_json([{**_facts(each), "skills": installed, "dry_run": dry_run} for each in done])
        return
    for each in done:
        _tell(each, dry_run, use)
    for line in installed:
        say_text(f"  {line}")


def _skills(here: Opened, names: list[str]) -> list[Skill]:
    if not names:
        return []
    # Reading skills needs YAML, which nothing else here does.
    from letta_cli.skills import discover

    found = discover(
        cwd=here.config.cwd, project_root=None, home=here.config.home,
        user_home=here.config.user_home,
    )  # fmt: skip
    known = {skill.name: skill for skill in found}
    for name in names:
        if name not in known:
            raise NotFound(f"There is no skill {name!r}. See: agent skills list")
    return [known[name] for name in names]


def _tell(moved: MovedIn, dry_run: bool, in_use: bool) -> None:
    did = "Would import" if dry_run else "Imported"
    id_ = "" if dry_run else f" ({moved.agent.id})"
    say_text(
        f"{did} {moved.agent.name}{id_}: {plural(moved.blocks, 'block')}, "
        f"{plural(moved.messages, 'message')}, {moved.in_context:,} of them in context, "
        f"{plural(moved.conversations, 'other conversation')}, {plural(moved.passages, 'passage')}"
    )
    for note in moved.notes:
        say_text(f"  {note}")
    if not dry_run and not in_use:
        say_text(f"Talk to it with: agent chat --agent {shlex.quote(moved.agent.name)}")


def _facts(moved: MovedIn) -> dict[str, Any]:
    return {
        "id": moved.agent.id,
        "name": moved.agent.name,
        "model": moved.agent.model,
        "blocks": moved.blocks,
        "messages": moved.messages,
        "messages_in_context": moved.in_context,
        "conversations": moved.conversations,
        "passages": moved.passages,
        "notes": list(moved.notes),
    }
