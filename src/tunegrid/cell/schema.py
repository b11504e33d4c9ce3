"""The JSON schema of result.json (draft 2020-12), made from its dataclasses: the two cannot drift apart."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from tunegrid.cell.result import VERSION, Result, Status

SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
NEVER_WRITTEN = (Status.PENDING, Status.DAMAGED)
PLAIN: dict[Any, dict[str, Any]] = {
    Any: {},
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": ["number", "null"]},  # null: not finite
    NoneType: {"type": "null"},
    Status: {"enum": [status.value for status in Status if status not in NEVER_WRITTEN]},
}


def result_schema() -> dict[str, Any]:
    """The schema of the version of result.json that this tunegrid writes."""
    schema = _schema(Result)
    own = {"version": {"const": VERSION}, "sha256": SHA256}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"result.json of a tunegrid cell, version {VERSION}",
        **schema,
        "properties": {**schema["properties"], **own},
        "required": [*schema["required"], *own],
    }


def _schema(kind: Any) -> dict[str, Any]:
    """Of one type."""
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _object(kind)
    if origin is UnionType:
        return {"anyOf": [_schema(option) for option in inner]}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _schema(inner[1])}
    if origin is Sequence:
        return {"type": "array", "items": _schema(inner[0])}
    return PLAIN[kind]


def _object(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    return {
        "type": "object",
        "properties": {name: SHA256 if name == "sha256" else _schema(hints[name]) for name in names},
        "required": names,
        "additionalProperties": False,
    }
