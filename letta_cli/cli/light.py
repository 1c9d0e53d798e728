"""Typer, kept light: lazily imported commands, and values converted without pydantic.

Typer builds a pydantic type adapter for every parameter that it parses, which costs more than
all of `agent sessions list`. Our parameters are texts, numbers, flags and lists of texts, so the
conversion is done here. A parameter of any other type keeps Typer's own.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast, get_type_hints

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup
from typer.exceptions import TyperException

from letta_cli.cli.table import COMMANDS, FREQUENT, same_command, target

Record = TypeVar("Record")


def _as_it_is(value: Any) -> Any:
    return value


_CONVERTERS: dict[Any, tuple[Callable[[Any], Any], str]] = {
    str: (_as_it_is, "text"),
    bool: (_as_it_is, "flag"),
    list[str]: (_as_it_is, "list"),
    int: (int, "whole number"),
    float: (float, "number"),
}


@dataclass(frozen=True, slots=True)
class _Conversion:
    """Stands in for Typer's conversion of one parameter."""

    convert: Callable[[Any], Any]
    expected: str

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        try:
            return self.convert(value)
        except ValueError as error:
            raise typer.BadParameter(
                f"{value!r} is not a {self.expected}.", ctx=ctx, param=param
            ) from error


def _lighten(param: Any) -> Any:
    """Replace the parameter's conversion if it is one of ours; returns the parameter."""
    descriptor = getattr(param, "type_descriptor", None)
    found = _CONVERTERS.get(getattr(descriptor, "annotation", None))
    if found is not None:
        param.get_runtime_param = partial(_Conversion, *found)
    if isinstance(param, TyperArgument):
        _name_plainly(param)
    return param


def _name_plainly(argument: Any) -> None:
    """``WHICH`` in usage and help, where Typer writes ``{WHICH}`` and ``WHICH <str>``."""
    name = argument.display_name_raw if argument.required else f"[{argument.display_name_raw}]"
    pieces = [name if argument.nargs == 1 else f"{name}..."]

    def usage(ctx: Any) -> list[str]:
        return pieces

    def kind(ctx: Any) -> str:
        return ""

    argument.get_usage_pieces = usage
    argument.display_type_rich = kind


class LightCommand(TyperCommand):
    """A command whose parameters are converted without pydantic."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for param in cast("list[Any]", self.params):
            _lighten(param)

    def get_help_option(self, ctx: Any) -> Any:
        return _lighten(super().get_help_option(ctx))


class LightGroup(TyperGroup):
    """A group of commands; its own ``--help`` needs no pydantic either."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, same_command(cmd_name, self.commands))

    def get_help_option(self, ctx: Any) -> Any:
        return _lighten(super().get_help_option(ctx))


class PipeClosed(Exception):
    """The reader of our output went away. Not an OSError, which Typer would answer itself."""


class LazyGroup(LightGroup):
    """The top level: knows its commands from the table, imports the one that is called."""

    def __init__(self) -> None:
        super().__init__(
            name="agent",
            help=(
                "A terminal coding agent. Every terminal is one conversation of the same agent. "
                "Without a command: agent chat."
            ),
            subcommand_metavar="COMMAND [ARGS]... | [PROMPT]",
            epilog="agent COMMAND --help explains a command; agent --version prints the version.",
            rich_markup_mode=None,
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        # Typer reads the names for its suggestions here; the commands come from get_command.
        self.commands = cast("Any", dict.fromkeys(COMMANDS))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = typer.main.get_command(target(entry.target))
        command.name = cmd_name
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except TyperException as error:
            error.message += f' To say it to the agent: agent chat "{args[0]}"'
            raise

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise PipeClosed from error

    def format_options(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Options"):
            own = [param.get_help_record(ctx) for param in self.get_params(ctx)]
            formatter.write_dl([record for record in own if record])
        with formatter.section("Without a command, among the options of agent chat"):
            formatter.write_dl(FREQUENT)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


def new_app(help_text: str | None = None) -> typer.Typer:
    """A `typer.Typer` as all our commands use it: plain help, no traceback decoration."""
    return typer.Typer(
        cls=LightGroup,
        help=help_text,
        rich_markup_mode=None,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )


def takes(record: type[Record]) -> Callable[[Callable[[Record], int]], Callable[..., int]]:
    """A command whose options are the fields of a dataclass, which it gets as its one argument.

    Two commands that share twenty options declare them once.
    """

    def decorate(function: Callable[[Record], int]) -> Callable[..., int]:
        def command(**values: Any) -> int:
            return function(record(**values))

        command.__name__ = function.__name__
        command.__doc__ = function.__doc__
        command.__annotations__ = get_type_hints(record, include_extras=True)
        setattr(command, "__signature__", inspect.signature(record, eval_str=True))  # noqa: B010
        return command

    return decorate
