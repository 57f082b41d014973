"""How much of a list fits an answer: no result is longer than 30 KB, unless the caller asked for more."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import BaseModel

ROOM = 27_000
"""Bytes that the rows of an answer may take; what stands around them fits into the rest of 30 KB."""


def weight(row: BaseModel, line: str) -> int:
    """The bytes that a row and its line of text take."""
    text = json.dumps(line, ensure_ascii=False)
    return len(row.model_dump_json(exclude_none=True).encode()) + len(text.encode()) + 2


def fitting(rows: Sequence[tuple[BaseModel, str]], room: int = ROOM) -> int:
    """How many rows, each with its line of text, fit an answer: the first ones, and at least one.

    A page is cut there and its cursor goes on after it, so the longest names lose nothing.
    """
    used = 0
    for count, (row, line) in enumerate(rows):
        used += weight(row, line)
        if count and used > room:
            return count
    return len(rows)
