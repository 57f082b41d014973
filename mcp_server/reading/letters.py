"""Letters that nobody sees: taken out, so that a text says to a model what it says to a person."""

from __future__ import annotations

import re
import unicodedata

# Format characters, surrogates, private use, and what only changes how its neighbour looks or carries
# hidden bytes: tags (U+E0000…), the variation selectors but for emoji's (U+FE0E, U+FE0F), Hangul fillers.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
_VARIANTS = frozenset(chr(code) for code in (*range(0xFE00, 0xFE10), 0x180B, 0x180C, 0x180D, 0x180F))
_OF_EMOJI = frozenset("\ufe0e\ufe0f")
_JOINERS = frozenset("\u200c\u200d")
_KEPT = frozenset("\n\t")
_PLAIN = re.compile(r"[\n\t\x20-\x7e]*")


def visible(text: str) -> str:
    """`text` without letters that can't be seen. Line breaks and tabs stay; other controls become spaces.

    Joiners stay between letters that are shaped by them: emoji, and scripts beyond ASCII.
    """
    if _PLAIN.fullmatch(text):
        return text
    found: list[str] = []
    for at, char in enumerate(text):
        if char in _KEPT or " " <= char <= "~":
            found.append(char)
        elif char in _JOINERS:
            if _joins(text[at - 1 : at], text[at + 1 : at + 2]):
                found.append(char)
        elif char in _OF_EMOJI:
            if text[at - 1 : at] not in _VARIANTS:
                found.append(char)
        elif not unseen(char):
            category = unicodedata.category(char)
            if category in {"Cc", "Zl", "Zp", "Zs"}:
                found.append(" ")
            elif category not in {"Cf", "Cs", "Co", "Cn"}:
                found.append(char)
    return "".join(found)


def unseen(char: str) -> bool:
    """Whether it is a letter by its kind, and still nothing that anybody sees."""
    return char in _FILLERS or char in _VARIANTS - _OF_EMOJI or 0xE0000 <= ord(char) <= 0xE0FFF


def _joins(before: str, after: str) -> bool:
    """Whether a joiner has something to join. A run of them, or one beside plain letters, says nothing."""
    return bool(before and after) and before > "\u00ff" and after > "\u00ff" and after not in _JOINERS
