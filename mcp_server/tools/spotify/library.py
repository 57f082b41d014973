"""spotify_list_library, spotify_check_library, spotify_save_to_library, spotify_remove_from_library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.arguments import Cursor, Limit, Ref
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.details import Piece, piece
from mcp_server.tools.spotify.listing import Listing, Part, fitted, paged, told
from mcp_server.tools.spotify.paging import offset, onward, place
from mcp_server.tools.spotify.refs import references
from mcp_server.tools.spotify.shelf import KINDS, Changed, Named, changed, lines_of, names, standing, unique
from mcp_server.tools.spotify.views import line
from mcp_server.tools.text import clip
from providers.spotify import MOST_URIS, Cursored, Page, Saved, Spotify

Shelf = Literal["tracks", "albums", "shows", "episodes", "audiobooks", "artists"]
_MOST_ALBUMS = 20
"""A saved album comes with its tracks, 75 KB in the largest of the real answers; a body may have 5 MB."""

Items = Annotated[
    list[Ref],
    Field(
        min_length=1,
        max_length=MOST_URIS,
        description="URIs or links; ids of tracks.",
    ),
]


class Kept(Piece):
    """Something in the library."""

    added_at: Annotated[str | None, Field(description="RFC 3339, UTC.")] = None


class Library(Listing):
    """What is saved, the latest first; artists in Spotify's order."""

    items: list[Kept]


class Checked(Named):
    """Whether one thing is in the library."""

    saved: Annotated[bool | None, Field(description="Absent where Spotify refused to tell.")] = None


class Check(BaseModel):
    """In the order asked for, each once."""

    items: list[Checked]


@tool(
    service="spotify",
    title="List the Spotify library",
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def spotify_list_library(
    spotify: SpotifyClient,
    kind: Annotated[Shelf, Field(description="`tracks`: Liked Songs.")],
    limit: Annotated[Limit, Field(description="Albums: 20 at most.")] = 20,
    cursor: Cursor = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Library]:
    """List what the person saved on Spotify, latest first, or the artists they follow."""
    if kind == "artists":
        after = place(cursor, "a")
        artists = await spotify.followed_artists(limit=limit, after=after)
        part, more = _artists(artists)
        total, begin = artists.total, int(after is not None)
    else:
        begin, most = offset(cursor), min(limit, _MOST_ALBUMS) if kind == "albums" else limit
        page = await _saved(spotify, kind, most, begin)
        view: Callable[[Any], Kept | None] = _kept
        part, more = paged(page, begin, most, view)
        total = page.total
    library = Library(items=part.items, total=total, gone=part.missing, next_cursor=more)
    where = "artists followed" if kind == "artists" else f"{kind} saved"
    empty = "There are no more." if begin else f"No {where} yet."
    return answer(library, told(where, library, map(line, part.items), empty=empty))


@tool(
    service="spotify",
    title="Check the Spotify library",
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def spotify_check_library(
    spotify: SpotifyClient, items: Items, account: AccountLabel = None
) -> Annotated[CallToolResult, Check]:
    """Tell whether the person has saved each thing, or follows it (artists, playlists)."""
    wanted = unique(references(items, KINDS))
    flags, _ = await standing(spotify, wanted)
    called = await names(spotify, wanted)
    check = Check(items=[Checked(**dict(each), saved=flags.get(each.uri)) for each in called])
    saved = sum(flags.values())
    head = f"{saved} of {len(wanted)} {'is' if saved == 1 else 'are'} in the library:"
    words = [_STANDING[each.saved] for each in check.items]
    return answer(check, "\n".join([head, *lines_of(check.items, words)]))


_STANDING = {True: "saved", False: "not saved", None: "refused by Spotify"}


@tool(
    service="spotify",
    access="write",
    title="Save to the Spotify library",
    read_only=False,
    destructive=False,
    idempotent=True,
)
async def spotify_save_to_library(
    spotify: SpotifyClient, items: Items, account: AccountLabel = None
) -> Annotated[CallToolResult, Changed]:
    """Save things to the library, in this order; artists and playlists are followed."""
    wanted = unique(references(items, KINDS))
    return await changed(spotify, wanted, save=True, account=account)


@tool(
    service="spotify",
    access="write",
    title="Remove from the Spotify library",
    read_only=False,
    destructive=True,
    idempotent=True,
)
async def spotify_remove_from_library(
    spotify: SpotifyClient, items: Items, account: AccountLabel = None
) -> Annotated[CallToolResult, Changed]:
    """Remove things from the library, or stop following artists and playlists. An own playlist is
    deleted by this; saving it brings it back.
    """
    wanted = unique(references(items, KINDS))
    return await changed(spotify, wanted, save=False, account=account)


async def _saved(spotify: Spotify, kind: Shelf, limit: int, begin: int) -> Page[Any]:
    match kind:
        case "tracks":
            return await spotify.saved_tracks(limit=limit, offset=begin)
        case "albums":
            return await spotify.saved_albums(limit=limit, offset=begin)
        case "shows":
            return await spotify.saved_shows(limit=limit, offset=begin)
        case "episodes":
            return await spotify.saved_episodes(limit=limit, offset=begin)
        case _:
            return await spotify.saved_audiobooks(limit=limit, offset=begin)


def _kept(row: Any) -> Kept | None:
    """The view of one saved thing; an audiobook comes without a date. None where it is gone."""
    thing, since = (row.item, row.added_at) if isinstance(row, Saved) else (row, "")
    view = piece(thing) if thing is not None else None
    return Kept(**dict(view), added_at=clip(since, 30) or None) if view is not None else None


def _artists(artists: Cursored[Any]) -> tuple[Part[Kept], str | None]:
    """One part of the artists followed; it goes on after the last one that is shown."""
    part = fitted(artists.items, artists.places, artists.rows, _kept)
    if part.cut is None:
        return part, onward("a", artists.after or "")
    return part, onward("a", part.items[-1].uri.rpartition(":")[2])
