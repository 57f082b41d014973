"""Other people's text on its way to a model, and our own words around it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_LONGEST = 200


def clip(text: str, most: int = _LONGEST) -> str:
    """One line of at most `most` characters, without control or direction-changing characters."""
    plain = "".join(
        " " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char
        for char in text[: 4 * most]
        if unicodedata.category(char) not in {"Cf", "Cs"}
    )
    line = " ".join(plain.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def quoted(text: str) -> str:
    """A clipped name in typographic quotes, so that it can't run into our own words."""
    inner = clip(text).replace("“", '"').replace("”", '"')
    return f"“{inner}”"


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def span(milliseconds: int) -> str:
    """`3:48`, `1:02:07`."""
    seconds = max(0, milliseconds) // 1000
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
