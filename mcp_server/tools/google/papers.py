"""What the tools of Docs and Sheets share: which file is meant, and what a bare refusal comes to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_server.errors import Refusal
from providers.base import Rejected

_ID = re.compile(r"[A-Za-z0-9_-]{8,120}")
_LINK = re.compile(r"https://(?:docs|drive|sheets)\.google\.com/\S*?/d/([A-Za-z0-9_-]{8,120})(?:[/?#]\S*)?")
LONGEST = 400
"""The most characters of an id or a link."""


def file_id(text: str, name: str) -> str:
    """The id in `text`, which is one, or a link to the file. Raises Refusal; `name` is the argument's."""
    word = text.strip()
    found = _LINK.fullmatch(word)
    if found is not None:
        return found[1]
    if _ID.fullmatch(word):
        return word
    raise Refusal("invalid_argument", f"`{name}` must be a file's id, or its link at docs.google.com.")


@contextmanager
def spoken(kind: str, refused: str) -> Iterator[None]:
    """Say what Google leaves unsaid: it answers 400 and 403 with no machine word, or one that says little.

    `kind` is what the file should be, `refused` our sentence for a 400. Raises Refusal.
    """
    try:
        yield
    except Rejected as error:
        if error.reason == "HTTP_403":
            raise Refusal(
                "conflict",
                f"The connected Google account may not do that with this {kind}. Its owner can allow it, or "
                "use another account.",
            ) from error
        if error.reason in {"HTTP_400", "FAILED_PRECONDITION"}:
            raise Refusal("invalid_argument", refused) from error
        raise


def encoded(text: str) -> int:
    """The bytes that a text takes in an answer."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


def first(text: str, most: int, room: int) -> str:
    """The beginning of a text: at most `most` characters and `room` bytes of an answer."""
    some = text[:most]
    if encoded(some) <= room:
        return some
    low, high = 0, len(some)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if encoded(some[:middle]) <= room else (low, middle - 1)
    return some[:low]
