"""Reads JSON that anybody may have written: what is not as expected is an error that says where."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from letta_cli.core.errors import UsageError
from letta_cli.portable.history import moment_of
from letta_cli.portable.lines import open_regular

FILE_MAX = 512 * 1024 * 1024
"""Bytes of the largest document that is read whole."""

_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
}


class Checked:
    """An object of a document, and where it stands in it. All methods raise UsageError."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise UsageError(f"{where}: expected an object, found {_kind(value)}.")
        self.value: Mapping[str, Any] = cast("dict[str, Any]", value)
        self.where = where

    def wrong(self, key: str, problem: str) -> UsageError:
        return UsageError(f"{self.where}.{key}: {problem}.")

    def text(self, key: str, default: str | None = None) -> str:
        """A text; `default` where it is missing or null, which without one is an error."""
        value = self.value.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self.wrong(key, f"expected a text, found {_kind(value)}")
        return value

    def whole(self, key: str, default: int | None = None) -> int:
        value = self.value.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**62:
            raise self.wrong(key, f"expected a whole number, found {_kind(value)}")
        return value

    def truth(self, key: str) -> bool:
        value = self.value.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(key, f"expected true or false, found {_kind(value)}")
        return value is True

    def moment(self, key: str) -> datetime | None:
        value = self.value.get(key)
        moment = moment_of(value) if isinstance(value, str) else None
        if value is not None and moment is None:
            raise self.wrong(key, f"expected a date such as 2026-03-04T10:00:00Z, found {value!r}")
        return moment

    def list(self, key: str) -> list[Any]:
        """A list; an empty one where it is missing or null."""
        value = self.value.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(key, f"expected a list, found {_kind(value)}")
        return cast("list[Any]", value)

    def texts(self, key: str) -> tuple[str, ...]:
        found = self.list(key)
        for position, value in enumerate(found):
            if not isinstance(value, str):
                raise self.wrong(f"{key}[{position}]", f"expected a text, found {_kind(value)}")
        return tuple(found)

    def objects(self, key: str) -> Iterator["Checked"]:
        for position, value in enumerate(self.list(key)):
            yield Checked(value, f"{self.where}.{key}[{position}]")

    def object(self, key: str) -> "Checked | None":
        value = self.value.get(key)
        return None if value is None else Checked(value, f"{self.where}.{key}")


def read_document(path: Path) -> Checked:
    """The object that a JSON file holds.

    Raises:
        UsageError: it cannot be read, is larger than `FILE_MAX`, or is no JSON object.
    """
    with open_regular(path) as file:
        data = file.read(FILE_MAX + 1)
    if len(data) > FILE_MAX:
        raise UsageError(f"{path}: it is larger than {FILE_MAX // 2**20} MiB.")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: it is not JSON: {error}.") from error
    return Checked(value, path.name)


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return next((words for kind, words in _KINDS.items() if isinstance(value, kind)), "a number")
