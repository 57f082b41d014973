"""A search of Google Drive, put together from its parts: no text of a caller's is ever read as a search.

developers.google.com/workspace/drive/api/guides/ref-search-terms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from providers.google.driveanswers import APPS


def literal(text: str) -> str:
    """A text as a value: within single quotes, with `\\` and `'` escaped."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@dataclass(frozen=True, slots=True)
class Terms:
    """What files must have; what is None or empty does not matter.

    `text`: words anywhere in them. `name`: words that begin words of the name. `kinds`: any of these media
    types, `image/` for all of a family. `after`: RFC 3339. `owner`: an address, or `me`.
    """

    text: str | None = None
    name: str | None = None
    kinds: Iterable[str] = ()
    folder: str | None = None
    after: str | None = None
    owner: str | None = None

    def __str__(self) -> str:
        """The search. What is in the trash is never part of it."""
        parts = ["trashed = false"]
        if self.text:
            parts.append(f"fullText contains {literal(self.text)}")
        if self.name:
            parts.append(f"name contains {literal(self.name)}")
        if kinds := [_kind(kind) for kind in self.kinds]:
            parts.append(kinds[0] if len(kinds) == 1 else f"({' or '.join(kinds)})")
        if self.folder:
            parts.append(f"{literal(self.folder)} in parents")
        if self.after:
            parts.append(f"modifiedTime >= {literal(self.after)}")
        if self.owner:
            parts.append(f"{literal(self.owner)} in owners")
        return " and ".join(parts)


def _kind(kind: str) -> str:
    family = kind.endswith("/") and not kind.startswith(APPS)
    return f"mimeType {'contains' if family else '='} {literal(kind)}"
