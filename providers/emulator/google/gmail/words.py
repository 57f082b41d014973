"""Words as Gmail's search has them: whole ones, without regard to case and to what stands between them."""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W_]+")


def spaced(text: str) -> str:
    """The words of a text between single spaces."""
    return f" {' '.join(WORD.findall(text.casefold()))} "


def says(words: str, value: str) -> bool:
    """Whether `spaced` words have those of `value` in a row; scripts without spaces are searched anywhere."""
    wanted = spaced(value)
    if not wanted.strip():
        return True
    return (wanted.strip() if any(sign > "\u2e80" for sign in wanted) else wanted) in words
