"""Cursors: where a list goes on, as one opaque word that a model hands back."""

from __future__ import annotations

import re
from typing import Literal

from mcp_server.errors import Refusal

Step = Literal["o", "a", "b"]
"""An offset; what comes after a key; what came before a moment."""

_WORD = re.compile(r"[A-Za-z0-9]{1,40}")


def cursor(step: Step, value: int | str) -> str:
    """The word for that place."""
    return f"{step}{value}"


def onward(step: Step, value: str) -> str | None:
    """The word for a place that Spotify named; None for one that `place` would not take back."""
    return cursor(step, value) if _WORD.fullmatch(value) else None


def place(word: str | None, step: Step) -> str | None:
    """What `cursor` was given, or None at the beginning. Raises Refusal for another list's word."""
    if not word:
        return None
    value = word[1:]
    if word[0] != step or not _WORD.fullmatch(value) or (step != "a" and not value.isascii()):
        raise _stale()
    return value


def offset(word: str | None, last: int = 100_000) -> int:
    """The offset in a word, 0 at the beginning. Raises Refusal for anything else, or beyond `last`."""
    value = place(word, "o")
    if value is None:
        return 0
    if not value.isdigit() or int(value) > last:
        raise _stale()
    return int(value)


def moment(word: str | None) -> int | None:
    """The Unix time in ms of a word for what came before it, None at the beginning. Raises Refusal."""
    value = place(word, "b")
    if value is None:
        return None
    if not value.isdigit() or len(value) > 15:
        raise _stale()
    return int(value)


def _stale() -> Refusal:
    return Refusal("invalid_argument", "`cursor` must be the `next_cursor` of an earlier call of this tool.")
