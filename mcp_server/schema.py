"""JSON Schemas without what the generator adds and no reader needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

_REF = "#/$defs/"
_NULL = {"type": "null"}
_MAPS = ("properties", "$defs", "patternProperties")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not")


def lean(schema: dict[str, Any]) -> dict[str, Any]:
    """A copy without generated titles, and with `X or null, default null` written as an optional X.

    Servers here accept null for such an argument and leave such a result field out, so the shorter
    form stays true for both.
    """
    kept = {key: value for key, value in schema.items() if key != "title"}
    for key in _MAPS:
        if key in kept:
            kept[key] = {name: lean(value) for name, value in kept[key].items()}
    for key in _LISTS:
        if key in kept:
            kept[key] = [lean(value) for value in kept[key]]
    for key in _SINGLE:
        if isinstance(kept.get(key), dict):
            kept[key] = lean(kept[key])
    return _optional(kept)


def flat(schema: dict[str, Any]) -> dict[str, Any]:
    """A copy in which each definition that is used once stands where it is used: the same, in fewer bytes."""
    definitions: dict[str, Any] = schema.get("$defs", {})
    used = Counter(_references(schema))
    once = {name for name in definitions if used[_REF + name] == 1}

    def put(node: Any) -> Any:
        if isinstance(node, list):
            return [put(each) for each in node]
        if not isinstance(node, dict):
            return node
        name = str(node.get("$ref", "")).removeprefix(_REF)
        if name not in once:
            return {key: put(value) for key, value in node.items()}
        return {**put(definitions[name]), **{key: put(value) for key, value in node.items() if key != "$ref"}}

    left = {name: put(each) for name, each in definitions.items() if name not in once}
    rest = put({key: value for key, value in schema.items() if key != "$defs"})
    return {"$defs": left, **rest} if left else dict(rest)


def _references(node: Any) -> Iterator[str]:
    """Every `$ref` in a schema."""
    if isinstance(node, list):
        for each in node:
            yield from _references(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)


def _optional(schema: dict[str, Any]) -> dict[str, Any]:
    options = schema.get("anyOf")
    if options is None or _NULL not in options:
        return schema
    others = [option for option in options if option != _NULL]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if rest.get("default", _NULL) is None:
        del rest["default"]
    return {**others[0], **rest} if len(others) == 1 else {"anyOf": others, **rest}
