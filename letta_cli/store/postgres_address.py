"""Where a PostgreSQL database is: read from its URL, and shown to people without the password."""

from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict

from letta_cli.core.errors import ConfigError

_UNREADABLE = (
    "The database URL cannot be read. Write it as postgresql://USER:PASSWORD@HOST:5432/NAME, with "
    "special characters of the password percent-encoded (@ is %40, / is %2F), or leave the "
    "password out and put it into ~/.pgpass or PGPASSWORD."
)


@dataclass(frozen=True, slots=True)
class Address:
    """Attributes:
    parameters: what libpq is given; may hold the password.
    name: ``postgresql://user@host:port/database``, fit to show.
    """

    parameters: dict[str, str]
    name: str


def parse(url: str) -> Address:
    """Read a database URL.

    Raises:
        ConfigError: it cannot be read. The text quotes nothing of it: it may hold a password.
    """
    try:
        found = conninfo_to_dict(url)
    except psycopg.Error:
        # Not chained: libpq quotes the piece it stumbled over.
        raise ConfigError(_UNREADABLE) from None
    parameters = {name: str(value) for name, value in found.items() if value is not None}
    user, host = parameters.get("user", ""), parameters.get("host", "")
    port, database = parameters.get("port", ""), parameters.get("dbname", "")
    # A password with a bare "@" or "/" spills into its neighbours.
    if not all(each.isdigit() for each in port.split(",") if each) or "@" in host + database:
        raise ConfigError(_UNREADABLE)
    where = host or parameters.get("hostaddr", "")
    name = f"postgresql://{user + '@' if user else ''}{where}{':' + port if port else ''}"
    return Address(parameters, f"{name}/{database}")
