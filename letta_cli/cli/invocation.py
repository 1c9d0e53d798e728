"""The options of `agent chat` and `agent run`: declared once, as the fields of one value."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from letta_cli.cli import options
from letta_cli.config import Config, load_config
from letta_cli.core.errors import UsageError

FORMATS = ("text", "json", "stream-json")


@dataclass(frozen=True, slots=True)
class Invocation:
    """What one `agent chat` or `agent run` asks for.

    The annotations are the command line: see `light.takes`.
    """

    prompt: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROMPT", help="What to do. Standard input is added to it."),
    ] = None
    continue_latest: Annotated[
        bool,
        typer.Option("--continue", "-c", help="Go on with this directory's latest conversation."),
    ] = False
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            "-r",
            metavar="[WORDS]",
            help="Go on with the conversation of this id, title or words; without words: choose.",
        ),
    ] = None
    conversation: Annotated[
        str | None,
        typer.Option("--conversation", metavar="ID", help="Go on with exactly this conversation."),
    ] = None
    fork: Annotated[
        bool,
        typer.Option("--fork", "--fork-session", help="Go on in a copy of the conversation."),
    ] = False
    agent: options.AgentName = None
    title: Annotated[
        str, typer.Option("--name", "-n", metavar="TITLE", help="Name the conversation.")
    ] = ""
    isolate: Annotated[
        list[str] | None,
        typer.Option(
            "--isolate",
            metavar="LABEL",
            help="Give the conversation its own copy of this memory block. Repeatable.",
        ),
    ] = None
    wait: Annotated[
        float,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            help="Wait this long for a conversation that another session is using.",
        ),
    ] = 0.0
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="PROVIDER/MODEL", help="The model to use."),
    ] = None
    effort: Annotated[
        str | None,
        typer.Option("--effort", metavar="LEVEL", help="Reasoning: off, low, medium or high."),
    ] = None
    permission_mode: Annotated[
        str | None,
        typer.Option(
            "--permission-mode",
            metavar="MODE",
            help="default, acceptEdits, plan, dontAsk or bypassPermissions.",
        ),
    ] = None
    allowed_tools: Annotated[
        list[str] | None,
        typer.Option(
            "--allowedTools",
            "--allowed-tools",
            metavar="RULES",
            help='Allow without asking, e.g. "Bash(git *) Edit". Repeatable.',
        ),
    ] = None
    disallowed_tools: Annotated[
        list[str] | None,
        typer.Option(
            "--disallowedTools", "--disallowed-tools", metavar="RULES", help="Refuse. Repeatable."
        ),
    ] = None
    directory: options.Directory = None
    worktree: Annotated[
        str | None,
        typer.Option(
            "--worktree",
            "-w",
            metavar="[NAME]",
            help="Work in a git worktree of its own; without a name: one for this time.",
        ),
    ] = None
    database: options.Database = None
    max_turns: Annotated[
        int | None,
        typer.Option("--max-turns", metavar="N", help="Most model calls in one run."),
    ] = None
    max_budget_usd: Annotated[
        float | None,
        typer.Option(
            "--max-budget-usd", metavar="AMOUNT", help="Most that one run may cost, in US dollars."
        ),
    ] = None
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Agree to fetch the embedded model if need be.")
    ] = False
    output_format: Annotated[
        str, typer.Option("--output-format", metavar="FORMAT", help="text, json or stream-json.")
    ] = "text"
    include_partial_messages: Annotated[
        bool,
        typer.Option("--include-partial-messages", help="With stream-json: also pieces of text."),
    ] = False
    output_last_message: Annotated[
        str | None,
        typer.Option(
            "--output-last-message", "-o", metavar="FILE", help="Write the answer to FILE too."
        ),
    ] = None

    @property
    def has_output_options(self) -> bool:
        """Whether an option was given that only makes sense without a person."""
        return (
            self.output_format != "text"
            or self.include_partial_messages
            or self.output_last_message is not None
        )

    def check(self) -> None:
        """Raises UsageError when the options are wrong or contradict one another."""
        if self.output_format not in FORMATS:
            raise UsageError(
                f"--output-format: expected {', '.join(FORMATS)}, found {self.output_format!r}."
            )
        if self.include_partial_messages and self.output_format != "stream-json":
            raise UsageError("--include-partial-messages needs --output-format stream-json.")
        chosen = [
            flag
            for flag, given in (
                ("--continue", self.continue_latest),
                ("--resume", self.resume is not None),
                ("--conversation", self.conversation is not None),
            )
            if given
        ]
        if len(chosen) > 1:
            raise UsageError(f"{' and '.join(chosen)} name two conversations; give one of them.")
        if not self.wait >= 0:
            raise UsageError("--wait: expected seconds, 0 or more.")

    def config(self) -> Config:
        """Raises ConfigError, or UsageError for a directory that is not there."""
        return load_config(
            cwd=working_directory(self.directory),
            flags={
                "model": self.model,
                "effort": self.effort,
                "permissions.defaultMode": self.permission_mode,
                "maxTurns": self.max_turns,
                "maxBudgetUsd": self.max_budget_usd,
                "database": self.database,
                "localModel": "auto" if self.yes else None,
            },
        )


def working_directory(named: str | None) -> Path:
    """The directory to work in: that of ``-C``, else the current one. Changes into it.

    Raises:
        UsageError: it is not there, or no directory.
    """
    try:
        if named is not None:
            os.chdir(Path(named).expanduser())
        return Path.cwd()
    except OSError as error:
        raise UsageError(
            f"{named or 'The current directory'}: cannot work there: {error.strerror}."
        ) from error


def split_rules(values: list[str] | None) -> tuple[str, ...]:
    """``"Bash(git *) Edit,Read"`` as its rules: split at blanks and commas outside parentheses.

    Raises:
        UsageError: parentheses do not match. Half a rule could allow more than was meant.
    """
    return tuple(rule for value in values or () for rule in _split(value))


def _split(value: str) -> list[str]:
    rules, depth = [""], 0
    for char in value:
        if not depth and (char.isspace() or char == ","):
            rules.append("")
            continue
        rules[-1] += char
        depth += (char == "(") - (char == ")")
        if depth < 0:
            break
    if depth:
        raise UsageError(f"{value!r} is no list of rules: its parentheses do not match.")
    return [rule for rule in rules if rule]
