"""spotify_search."""

from __future__ import annotations

from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.room import fitting
from mcp_server.tools.spotify.arguments import Cursor, Market
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.paging import cursor as cursor_of
from mcp_server.tools.spotify.paging import offset
from mcp_server.tools.spotify.views import Item, item, line
from mcp_server.tools.text import clip
from providers.spotify import Page, SearchKind, SearchResults

_LAST_OFFSET = 1000
_MOST = 24


Kinds = Annotated[list[SearchKind], Field(min_length=1, max_length=7, description="What to find.")]


class Found(BaseModel):
    """What a search found, grouped by kind in the order asked for, best matches first."""

    items: list[Item]
    totals: Annotated[dict[str, int], Field(description="Matches on Spotify per kind.")]
    next_cursor: Annotated[str | None, Field(description="Pass as `cursor` to see more.")] = None


@tool(
    service="spotify",
    title="Search Spotify",
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def spotify_search(
    spotify: SpotifyClient,
    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=250,
            description="Names of songs, artists, albums; filters artist: album: year:1980-1989",
        ),
    ],
    types: Kinds = ["track"],  # noqa: B006 - never changed, and the schema shows it
    limit: Annotated[int, Field(ge=1, le=10, description="Per kind.")] = 5,
    market: Market = None,
    cursor: Cursor = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Found]:
    """Search Spotify, the music service, for songs (tracks), albums, artists, playlists, podcasts (shows),
    episodes, audiobooks. To just play something use spotify_play.
    """
    begin = offset(cursor, _LAST_OFFSET)
    if not clip(query):
        raise Refusal("invalid_argument", "`query` is blank. Give words to search for.")
    kinds = list(dict.fromkeys(types))
    each_kind = min(limit, _MOST // len(kinds))
    results = await spotify.search(query, kinds, limit=each_kind, offset=begin or None, market=market)
    pages = {kind: page for kind in kinds if (page := page_of(results, kind)) is not None}
    rows = {kind: _rows(page) for kind, page in pages.items()}
    totals = {kind: page.total for kind, page in pages.items()}
    shown = _room(list(rows.values()), each_kind)
    after = begin + shown
    more = any(total > after for total in totals.values()) and after + shown <= _LAST_OFFSET
    items = [view for views in rows.values() for place, view in views if place < shown]
    found = Found(items=items, totals=totals, next_cursor=cursor_of("o", after) if more else None)
    return answer(found, _text(found, begin))


def page_of(results: SearchResults, kind: SearchKind) -> Page[Any] | None:
    """The page of one kind."""
    page: Page[Any] | None = getattr(results, f"{kind}s")
    return page


def _rows(page: Page[Any]) -> list[tuple[int, Item]]:
    """What there is to show of a page, each with its row: search answers null for what it does not show."""
    return [(place, item(thing)) for place, thing in zip(page.places, page.items, strict=True) if thing.uri]


def _room(rows: list[list[tuple[int, Item]]], each_kind: int) -> int:
    """How many rows of every kind there is room for: the cursor counts for all kinds alike."""
    while each_kind > 1:
        some = [(view, line(view)) for views in rows for place, view in views if place < each_kind]
        if fitting(some) == len(some):
            break
        each_kind -= 1
    return each_kind


def _text(found: Found, begin: int) -> str:
    if not found.items and found.next_cursor:
        return f"Nothing to show of these. More with cursor {found.next_cursor}."
    if not found.items and begin:
        return "There are no more."
    if not found.items:
        return "Spotify has nothing that matches. Try fewer or other words."
    total = sum(found.totals.values())
    head = f"{len(found.items)} of {total} on Spotify:" if total > len(found.items) else "Found on Spotify:"
    lines = [f"{each.kind}: {line(each)}" for each in found.items]
    tail = [f"More with cursor {found.next_cursor}."] if found.next_cursor else []
    return "\n".join([head, *lines, *tail])
