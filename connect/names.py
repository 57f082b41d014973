"""Names that strangers give themselves: what is left of one when it is safe to show."""

from __future__ import annotations

import unicodedata

_MAX = 80


def shown_name(given: object, fallback: str) -> str:
    """A client's name on one line of at most 80 characters, or `fallback` where nothing is left.

    Control, format (bidirectional overrides, zero-width), private and unassigned characters go: they
    can make a name look like another.
    """
    if not isinstance(given, str):
        return fallback
    spaced = "".join(" " if character.isspace() else character for character in given)
    kept = "".join(
        character
        for character in unicodedata.normalize("NFC", spaced)
        if not unicodedata.category(character).startswith("C")
    )
    return " ".join(kept.split())[:_MAX].strip() or fallback
