"""Checks a call's arguments against the tool's schema, and reads them as the tool needs them.

Lenient where the meaning is plain: a number or a truth value written as text, a null for an
optional argument. Small models write these."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, cast

from letta_cli.core.tool import ToolSpec

_TRUE = ("true", "yes", "1")
_FALSE = ("false", "no", "0", "")


def schema(required: str, **properties: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema of type object; `required` names the needed properties, space-separated."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": required.split(),
        "additionalProperties": False,
    }


def text_of(description: str = "") -> dict[str, Any]:
    return _typed("string", description)


def integer_of(description: str = "") -> dict[str, Any]:
    return _typed("integer", description)


def truth_of(description: str = "") -> dict[str, Any]:
    return _typed("boolean", description)


def texts_of(description: str = "") -> dict[str, Any]:
    return {**_typed("array", description), "items": {"type": "string"}}


def _typed(kind: str, description: str) -> dict[str, Any]:
    return {"type": kind, "description": description} if description else {"type": kind}


def check_arguments(spec: ToolSpec, arguments: Mapping[str, Any]) -> str | None:
    """Why `arguments` do not fit the tool's schema, in words for the model; None when they do."""
    problem = _check(arguments, spec.parameters, "")
    if problem is None:
        return None
    return f"{spec.name} was not run: {problem}. Its arguments are {_signature(spec)}."


def text(arguments: Mapping[str, Any], name: str, default: str = "") -> str:
    value = arguments.get(name)
    return default if value is None else str(value)


def texts(arguments: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(map(str, cast("list[Any]", arguments.get(name) or [])))


def integer(arguments: Mapping[str, Any], name: str, default: int) -> int:
    value = arguments.get(name)
    return default if value is None or value == "" else int(float(value))


def truth(arguments: Mapping[str, Any], name: str) -> bool:
    value = arguments.get(name)
    return value.strip().lower() in _TRUE if isinstance(value, str) else bool(value)


def _check(value: Any, rule: Mapping[str, Any], where: str) -> str | None:
    name = where or "the call"
    if "enum" in rule and value not in rule["enum"]:
        return f"{name} must be one of {', '.join(map(str, rule['enum']))}, not {value!r}"
    match rule.get("type"):
        case "string" if not isinstance(value, str):
            return f"{name} must be a string, not {_kind(value)}"
        case "integer" | "number" if not _is_number(value):
            return f"{name} must be a number, not {_kind(value)}"
        case "boolean" if not _is_truth(value):
            return f"{name} must be true or false, not {_kind(value)}"
        case "array":
            return _check_items(value, rule, name)
        case "object":
            return _check_fields(value, rule, where)
        case _:
            return None


def _check_items(value: Any, rule: Mapping[str, Any], name: str) -> str | None:
    if not isinstance(value, list):
        return f"{name} must be a list, not {_kind(value)}"
    items = cast("list[Any]", value)
    found = (_check(item, rule.get("items", {}), f"{name}[{i}]") for i, item in enumerate(items))
    return next((problem for problem in found if problem), None)


def _check_fields(value: Any, rule: Mapping[str, Any], where: str) -> str | None:
    if not isinstance(value, Mapping):
        return f"{where or 'the arguments'} must be an object, not {_kind(value)}"
    fields = cast("Mapping[str, Any]", value)
    known: Mapping[str, Any] = rule.get("properties", {})
    required: list[str] = rule.get("required", [])
    prefix = f"{where}." if where else ""
    missing = [name for name in required if fields.get(name) is None]
    if missing:
        return f"{' and '.join(prefix + name for name in missing)} is missing"
    for name, item in fields.items():
        if name not in known:
            if rule.get("additionalProperties", True):
                continue
            near = get_close_matches(name, known, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            return f"there is no argument {prefix}{name}{hint}"
        # A null stands for an optional argument that was left out.
        if item is not None and (problem := _check(item, known[name], prefix + name)):
            return problem
    return None


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return value.strip().removeprefix("-").isdigit()
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _is_truth(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in (*_TRUE, *_FALSE)
    return isinstance(value, bool)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the string {value[:40]!r}"
        case list():
            return "a list"
        case _:
            return "an object"


def _signature(spec: ToolSpec) -> str:
    required = spec.parameters.get("required", [])
    names: Mapping[str, Mapping[str, Any]] = spec.parameters.get("properties", {})
    return ", ".join(
        f"{name}: {rule.get('type', 'any')}{'' if name in required else ' (optional)'}"
        for name, rule in names.items()
    )
