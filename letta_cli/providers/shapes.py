"""Reading JSON of unknown shape: what is not as expected counts as empty."""

from collections.abc import Mapping
from typing import Any, cast


def as_object(value: object) -> Mapping[str, Any]:
    """`value` when it is a JSON object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def as_rows(value: object) -> list[Mapping[str, Any]]:
    """The JSON objects in `value` when it is a list, else nothing."""
    if not isinstance(value, list):
        return []
    rows = cast("list[object]", value)
    return [cast("Mapping[str, Any]", row) for row in rows if isinstance(row, Mapping)]
