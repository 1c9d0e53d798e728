"""The options that several commands share, each described once."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
Database = Annotated[
    str | None,
    typer.Option(
        "--db", metavar="URL", help="Use this database: sqlite:////file.db, postgresql://…"
    ),
]
Directory = Annotated[
    str | None, typer.Option("--cd", "-C", metavar="DIR", help="Work in this directory.")
]
TrustFile = Annotated[
    bool,
    typer.Option("--trust", help="It is your own: its text is not marked as from outside."),
]
AgentName = Annotated[
    str | None, typer.Option("--agent", metavar="NAME", help="Name or id of the agent.")
]
