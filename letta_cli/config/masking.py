"""Shows configuration without its secrets."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from letta_cli.config.environment import is_secret_name

# libpq also takes the password as a parameter.
_PASSWORD = re.compile(r"([?&](?:ssl)?password=)[^&#]*")


def mask(secret: str) -> str:
    """Enough of a key to recognise it, too little to use it: ``sk-a…9f2c``."""
    if len(secret) < 16:
        return "…" if secret else ""
    return f"{secret[:4]}…{secret[-4:]}"


def mask_url(url: str) -> str:
    """An address without the password that may stand in it."""
    url = _PASSWORD.sub(r"\1…", url)
    parts = urlsplit(url)
    if parts.password is None:
        return url
    name, _, host = parts.netloc.rpartition("@")
    user = name.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}:…@{host}"))


def mask_entries(entries: Mapping[str, str]) -> dict[str, str]:
    """Headers or variables: the values of those that usually carry a credential are masked."""
    return {name: mask(value) if is_secret_name(name) else value for name, value in entries.items()}
