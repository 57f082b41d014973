"""Argument errors as sentences: the field and what is expected there, never the value that was given."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_SHOWN = 5


def explain(error: ValidationError, schema: dict[str, Any]) -> str:
    """One sentence per faulty field of a call, at most five, from a tool's input schema."""
    faults = error.errors(include_url=False, include_input=False, include_context=True)
    lines = [_sentence(fault["type"], fault["loc"], fault["msg"], schema) for fault in faults]
    unique = list(dict.fromkeys(lines))
    more = f" And {len(unique) - _SHOWN} more." if len(unique) > _SHOWN else ""
    return " ".join(unique[:_SHOWN]) + more


def _sentence(kind: str, loc: tuple[int | str, ...], message: str, schema: dict[str, Any]) -> str:
    known = schema.get("properties", {})
    top = str(loc[0]) if loc else ""
    if kind == "extra_forbidden" and len(loc) == 1:
        name = f"`{top}`" if _NAME.fullmatch(top) else "One of the names given"
        takes = ", ".join(f"`{field}`" for field in known) or "no arguments"
        return f"{name} is not an argument of this tool; it takes {takes}."
    if top not in known:
        return "The arguments do not fit this tool's input schema."
    where = f"`{top}`" + "".join(f"[{part}]" for part in loc[1:] if isinstance(part, int))
    if kind == "missing":
        return f"{where} is required: {_expected(known[top])}."
    if message.startswith("Input should be "):
        return f"{where} must be {_reworded(message)}."
    if kind.startswith("string_too") or kind.startswith("too_"):
        return f"{where} has the wrong length: {_expected(known[top])}."
    return f"{where} is not valid: {_expected(known[top])}."


def _reworded(message: str) -> str:
    """Pydantic's expectation without the half sentence about how parsing went."""
    return message.removeprefix("Input should be ").split(", unable to")[0].split(", got")[0]


def _expected(field: dict[str, Any]) -> str:
    """What a field takes, from its schema: its kind, its bounds, and the first sentence about it."""
    options = ", ".join(str(value) for value in field.get("enum", ()))
    kind = f"one of {options}" if options else str(field.get("type", "as the schema describes"))
    if field.get("format") == "date-time":
        kind = "a time with its zone, such as 2026-11-28T09:30:00Z"
    bounds = [f"{word} {field[key]}" for key, word in _BOUNDS if key in field]
    about = str(field.get("description", "")).split(". ")[0].rstrip(".")
    return " – ".join(part for part in (", ".join([kind, *bounds]), about) if part)


_BOUNDS = (
    ("minimum", "at least"),
    ("maximum", "at most"),
    ("minLength", "characters at least"),
    ("maxLength", "characters at most"),
    ("minItems", "entries at least"),
    ("maxItems", "entries at most"),
)
