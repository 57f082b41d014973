"""A list as a model gets it: as much of it as can be read at once, what is missing, where it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, Field

from mcp_server.tools.room import fitting
from mcp_server.tools.spotify.paging import cursor
from mcp_server.tools.spotify.views import Item, line
from providers.spotify import Page

T = TypeVar("T")
V = TypeVar("V", bound=Item)


class Listing(BaseModel):
    """What the lists of our tools have in common."""

    total: Annotated[int | None, Field(description="Entries in the whole list.")] = None
    gone: Annotated[int | None, Field(description="Entries left out: no longer on Spotify.")] = None
    next_cursor: Annotated[str | None, Field(description="Pass as `cursor` to see more.")] = None


@dataclass(frozen=True, slots=True)
class Part(Generic[V]):
    """What of a page is shown. `gone` rows had nothing to show; `cut` is the first row that had no room."""

    items: list[V]
    gone: int
    cut: int | None = None

    @property
    def missing(self) -> int | None:
        """`gone` as a field: absent where nothing is."""
        return self.gone or None


def fitted(things: Sequence[T], places: Sequence[int], rows: int, view: Callable[[T], V | None]) -> Part[V]:
    """As many of the things as there is room for, in order, and always one.

    `places` are their rows among `rows`; `view` gives None for what is gone.
    """
    made = [(place, view(thing)) for thing, place in zip(things, places, strict=True)]
    shown = [(place, one) for place, one in made if one is not None]
    count = fitting([(one, line(one)) for _, one in shown])
    items = [one for _, one in shown[:count]]
    cut = shown[count][0] if count < len(shown) else None
    return Part(items, (rows if cut is None else cut) - count, cut)


def paged(page: Page[T], begin: int, limit: int, view: Callable[[T], V | None]) -> tuple[Part[V], str | None]:
    """What of a page that begins at `begin` is shown, and the cursor of what follows it."""
    part = fitted(page.items, page.places, page.rows, view)
    if part.cut is not None:
        return part, cursor("o", begin + part.cut)
    return part, cursor("o", begin + (page.limit or limit)) if page.more else None


def told(heading: str, listing: Listing, lines: Iterable[str], *, empty: str) -> str:
    """The text of a list: how much of it this is, an entry a line, and how to go on.

    `heading` is like “tracks in your library”; `empty` is the whole sentence where there is nothing.
    """
    rows = list(lines)
    gone = f"{listing.gone} more {'is' if listing.gone == 1 else 'are'} no longer on Spotify."
    tail = [gone] if listing.gone else []
    if listing.next_cursor:
        tail.append(f"More with cursor {listing.next_cursor}.")
    if not rows:
        return "\n".join(tail or [empty])
    total = listing.total
    count = f"{len(rows)} of {total}" if total is not None and total > len(rows) else f"{len(rows)}"
    return "\n".join([f"{count} {heading}:", *rows, *tail])
