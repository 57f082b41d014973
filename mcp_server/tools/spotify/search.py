"""spotify_search."""

from __future__ import annotations

import re
from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.views import Item, item, line
from providers.spotify import Page, SearchKind, SearchResults

_LAST_OFFSET = 1000
_MOST = 24
_CURSOR = re.compile(r"o([1-9][0-9]{0,3})")


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
            description="Names of songs, artists, albums. Field filters narrow it down: "
            "artist:, album:, track:, year:1980-1989, genre:.",
        ),
    ],
    types: Annotated[
        list[SearchKind], Field(min_length=1, max_length=7, description="Kinds of things to find.")
    ] = ["track"],  # noqa: B006 - never changed, and the schema shows it
    limit: Annotated[int, Field(ge=1, le=10, description="Results per kind; 24 in all.")] = 5,
    cursor: Annotated[str | None, Field(description="`next_cursor` of the last page.", max_length=20)] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Found]:
    """Search Spotify, the music and podcast streaming service, for tracks (songs), albums, artists,
    playlists, shows (podcasts) and episodes. Each result has a URI for spotify_play and a link to its page.
    To simply play something, call spotify_play with a query instead.
    """
    offset = _offset(cursor)
    kinds = list(dict.fromkeys(types))
    each_kind = min(limit, _MOST // len(kinds))
    results = await spotify.search(query, kinds, limit=each_kind, offset=offset)
    pages = {kind: page for kind in kinds if (page := page_of(results, kind)) is not None}
    items = [item(thing) for page in pages.values() for thing in page.items if thing.uri]
    totals = {kind: page.total for kind, page in pages.items()}
    after = (offset or 0) + each_kind
    more = any(total > after for total in totals.values()) and after + each_kind <= _LAST_OFFSET
    found = Found(items=items, totals=totals, next_cursor=f"o{after}" if more else None)
    return answer(found, _text(found))


def page_of(results: SearchResults, kind: SearchKind) -> Page[Any] | None:
    """The page of one kind."""
    page: Page[Any] | None = getattr(results, f"{kind}s")
    return page


def _offset(cursor: str | None) -> int | None:
    if not cursor:
        return None
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise Refusal("invalid_argument", "`cursor` must be the `next_cursor` of an earlier search.")
    return int(found[1])


def _text(found: Found) -> str:
    if not found.items:
        return "Spotify has nothing that matches. Try fewer or other words."
    total = sum(found.totals.values())
    head = f"{len(found.items)} of {total} on Spotify:" if total > len(found.items) else "Found on Spotify:"
    lines = [f"{each.kind}: {line(each)}" for each in found.items]
    tail = [f"More with cursor {found.next_cursor}."] if found.next_cursor else []
    return "\n".join([head, *lines, *tail])
