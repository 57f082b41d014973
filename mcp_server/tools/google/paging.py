"""Cursors of Google's lists: its page token, and how many rows of that page were shown already.

A page that does not fit an answer is cut; the cursor then leads back into the same page.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_server.errors import Refusal
from providers.base import Rejected

LONGEST = 2000
"""The most characters that a cursor may have: page tokens are Google's, and opaque."""

_LARGEST_PAGE = 1000


def cursor(page: str | None, shown: int = 0) -> str | None:
    """The word for a place: a page by its token (None: the first), and how many of its rows are behind.

    None at the end of the list, and for a token that is too long to be handed back.
    """
    if page is None and not shown:
        return None
    text = json.dumps([page, shown], separators=(",", ":"))
    word = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return word if len(word) <= LONGEST else None


def onward(page: str | None, shown: int, rows: int, following: str | None) -> str | None:
    """Where a list goes on after `shown` of the `rows` of `page`; `following` is the next page's token."""
    return cursor(page, shown) if shown < rows else cursor(following)


def reach(shown: int, limit: int, most: int) -> int:
    """How many rows to ask a page for, of which `shown` are behind.

    A smaller page than it was would end before the place that is meant, and the next one would begin there.
    """
    return min(shown + limit, most)


@contextmanager
def following(page: str | None) -> Iterator[None]:
    """A list read from that page token on, which Google answers with a bare 400 where it is no good (any
    more). Raises Refusal.
    """
    try:
        yield
    except Rejected as error:
        if page is None or error.reason != "HTTP_400":
            raise
        raise foreign() from None


def resumed(word: str | None) -> tuple[str | None, int]:
    """What `cursor` was given; the beginning without a word. Raises Refusal."""
    if not word:
        return None, 0
    try:
        page, shown = json.loads(
            base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise foreign() from None
    if not (page is None or isinstance(page, str)) or not isinstance(shown, int) or isinstance(shown, bool):
        raise foreign()
    if not 0 <= shown <= _LARGEST_PAGE or (page is None and not shown):
        raise foreign()
    return page, shown


def foreign() -> Refusal:
    """The no to a word that is no cursor of this list."""
    return Refusal(
        "invalid_argument",
        "`cursor` must be the `next_cursor` of an earlier call of this tool, and no old one. Without it the "
        "list begins anew.",
    )
