"""Turns PostgreSQL's errors into ours: what happened, at which server, and what to do."""

import psycopg
from psycopg import errors

from letta_cli.core.errors import (
    AgentError,
    Busy,
    ConfigError,
    DatabaseDamaged,
    DatabaseTooNew,
    DiskFull,
    Holder,
    StoreError,
)
from letta_cli.store.postgres_address import Address


def translate(error: psycopg.Error, address: Address) -> Exception:
    """The error to raise instead of `error`; `error` itself when it is a bug of ours."""
    name, text = address.name, _said(error, address)
    match error:
        case errors.DiskFull():
            return DiskFull(
                f"The server of {name} has no space left. Nothing of the last change was kept, "
                "everything before is intact. Free some space there, then try again."
            )
        case errors.DataCorrupted() | errors.IndexCorrupted():
            return DatabaseDamaged(
                f"The database {name} is damaged: {text}. Put a backup in its place."
            )
        case errors.TooManyConnections():
            return Busy(f"The server of {name} has no free connection. Try again later.")
        case errors.DeadlockDetected() | errors.LockNotAvailable():
            return Busy(
                f"The database {name} is locked by a program that does not take turns with us. "
                "Close other programs that have it open, then try again."
            )
        case errors.ReadOnlySqlTransaction():
            return StoreError(
                f"The database {name} can only be read: it is a replica, or set to read-only. "
                "Use the address of the server that takes writes."
            )
        case errors.InsufficientPrivilege():
            return StoreError(
                f"The user of {name} lacks a right there: {text}. Let its owner grant it, e.g. "
                "GRANT ALL ON SCHEMA public; GRANT ALL ON ALL TABLES IN SCHEMA public; "
                "GRANT ALL ON ALL SEQUENCES IN SCHEMA public."
            )
        case errors.DuplicateTable() | errors.DuplicateObject():
            return StoreError(
                f"The database {name} holds tables of another program: {text}. Nothing was "
                "changed. Make a database of its own for agent: createdb agent"
            )
        case psycopg.OperationalError():
            return _lost(text, name)
        case _:
            return error


def refused(error: psycopg.Error, address: Address) -> AgentError:
    """The error to raise where no connection could be made."""
    name, text = address.name, _said(error, address)
    lower = text.lower()
    if "password authentication failed" in lower or "no password supplied" in lower:
        return ConfigError(
            f"The server refuses the user or the password of {name}. Check both in the database "
            "URL, in ~/.pgpass and in PGPASSWORD."
        )
    if "too many" in lower or "remaining connection slots" in lower:
        return Busy(f"The server of {name} has no free connection. Try again later.")
    if "database" in lower and "does not exist" in lower:
        wanted = address.parameters.get("dbname", "NAME")
        return ConfigError(
            f"The server has no database {name}. Make it there with: "
            f"createdb --encoding=UTF8 --template=template0 {wanted}"
        )
    if "role" in lower and "does not exist" in lower:
        return ConfigError(f"The server does not know the user of {name}. Create it there.")
    if "permission denied for database" in lower:
        return ConfigError(
            f"The server does not let the user into {name}. Let the database's owner grant it: "
            "GRANT CONNECT ON DATABASE."
        )
    if "no pg_hba.conf entry" in lower:
        return ConfigError(
            f"The server of {name} takes no connection like this one: {text}. Let its pg_hba.conf "
            "allow this user, database, machine and encryption."
        )
    if "starting up" in lower or "shutting down" in lower:
        return Busy(f"The server of {name} is just starting or stopping. Try again in a moment.")
    return StoreError(
        f"Cannot reach the database {name}: {text}. "
        "Check that the server runs and that host and port are right."
    )


def busy(address: Address, seconds: float, holder: Holder | None) -> Busy:
    """The refusal of a write whose turn did not come in time."""
    who = "another process"
    if holder is not None:
        since = f", since {holder.since}" if holder.since else ""
        who = f"{holder.reason} (pid {holder.pid}{holder.where}{since})"
    return Busy(
        f"The database {address.name} was busy for {seconds:g} seconds: {who} is writing. "
        "Try again; if that process hangs, end it.",
        holder=holder,
    )


def unknown_outcome(address: Address) -> StoreError:
    """The connection broke while the change was being confirmed."""
    return StoreError(
        f"The connection to {address.name} broke while a change was being stored. It may or may "
        "not have been kept: open the conversation again to see."
    )


def too_old(address: Address, found: str, needed: int) -> ConfigError:
    """The refusal of a server that lacks what our statements need."""
    return ConfigError(
        f"The server of {address.name} is PostgreSQL {found}; agent needs {needed} or newer. "
        "Nothing was changed. Update the server, or use another one with --db."
    )


def too_new(address: Address, found: int, known: int) -> DatabaseTooNew:
    """The refusal of a database that a later version of this program wrote."""
    return DatabaseTooNew(
        f"The database {address.name} was written by a newer version of agent (schema {found}, "
        f"this version knows {known}). It was left untouched. Update agent, or use another "
        "database with --db."
    )


def _lost(text: str, name: str) -> StoreError:
    return StoreError(
        f"The database {name} failed: {text}. Nothing of the last change was kept. Check the "
        "server, then try again."
    )


def _said(error: psycopg.Error, address: Address) -> str:
    """What the server or libpq said, on one line, without the password."""
    lines = (error.diag.message_primary or str(error)).splitlines()
    # What libpq adds below is a question of what we tell the person to check.
    told = (line.strip() for line in lines if not line.strip().startswith("Is the server running"))
    text = " ".join(filter(None, told)).rstrip(".")
    password = address.parameters.get("password")
    return text.replace(password, "…") if password else text
