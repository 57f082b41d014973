"""A part of a long text that fits an answer."""

from __future__ import annotations

import json
import re

USUAL = 8_000
"""Characters that are given where nobody asked for another number; fewer where they are wide."""

_ROOM = 25_000
_PICTURE = re.compile(r"<?data:[\w/+.-]{1,80};base64,[A-Za-z0-9+/=]*>?")


def without_pictures(text: str) -> str:
    """Markdown as Google exports it, with its pictures, which are long numbers in it, as `(picture)`."""
    return _PICTURE.sub("(picture)", text)


def encoded(text: str) -> int:
    """The bytes that a text takes in a result: as a field, and in the text that a model reads."""
    once = json.dumps(text, ensure_ascii=False)
    return len(once.encode()) + len(json.dumps(once, ensure_ascii=False).encode())


def fitting(text: str, most: int) -> str:
    """The beginning of a text that fits. Who asks for more than usual, gets what they ask for."""
    some = text[:most]
    if most > USUAL or encoded(some) <= _ROOM:
        return some
    low, high = 0, len(some)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if encoded(some[:middle]) <= _ROOM else (low, middle - 1)
    return some[:low]
