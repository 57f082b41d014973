"""spotify_list_playlists, spotify_get_playlist."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.room import ROOM, fitting, weight
from mcp_server.tools.spotify.arguments import Cursor, Limit, PlaylistName
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.lists import find_playlist
from mcp_server.tools.spotify.paging import cursor as cursor_of
from mcp_server.tools.spotify.paging import offset
from mcp_server.tools.spotify.views import Item, item, line, link
from mcp_server.tools.text import clip, plain, quoted
from providers.base import Rejected
from providers.spotify import Entry, EntryPage, Playlist, Spotify
from providers.spotify.record import PLAYLISTS

_HIDDEN = "Spotify shows the items of a playlist only to its owner and collaborators; it can be played."
_REQUESTS = 6
"""Pages of the library that one call looks through for the person's own playlists."""


class Named(BaseModel):
    """A playlist by name, and its page."""

    name: str
    uri: str
    url: str


class Listed(Named):
    """A playlist in the library; `size` counts its items."""

    owner: str | None = None
    size: int | None = None
    public: bool | None = None
    collaborative: bool | None = None


class Playlists(BaseModel):
    """The person's playlists; `total` counts those of others in their library, too."""

    items: list[Listed]
    total: int
    next_cursor: str | None = None


class Head(Listed):
    """A playlist; `snapshot_id` names this version of it, for edits that must meet no other."""

    description: str | None = None
    snapshot_id: str | None = None


class Place(BaseModel):
    """A place, counted from 0; without `item` what stood there is no longer on Spotify."""

    position: int
    item: Item | None = None


class Contents(BaseModel):
    """A playlist and a page of its items."""

    playlist: Head
    items: list[Place]
    why_no_items: str | None = None
    next_cursor: str | None = None


@tool(
    service="spotify",
    needs=PLAYLISTS,
    title="List Spotify playlists",
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def spotify_list_playlists(
    spotify: SpotifyClient,
    owned_only: Annotated[bool, Field(description="Only what the person made.")] = False,
    limit: Limit = 20,
    cursor: Cursor = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Playlists]:
    """List the person's Spotify playlists: their own and those they follow."""
    me = (await spotify.profile()).id if owned_only else None
    found, total, after = await _library(spotify, offset(cursor), limit, me)
    shown = [(row := listed(each), listed_line(row)) for _, each in found]
    fit = fitting(shown)
    goes_on = found[fit][0] if fit < len(found) else after
    result = Playlists(
        items=[row for row, _ in shown[:fit]],
        total=total,
        next_cursor=None if goes_on is None else cursor_of("o", goes_on),
    )
    return answer(result, _list_text(result, [text for _, text in shown[:fit]], owned_only))


@tool(
    service="spotify",
    needs=PLAYLISTS,
    title="See a Spotify playlist",
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def spotify_get_playlist(
    spotify: SpotifyClient,
    playlist: PlaylistName,
    limit: Limit = 20,
    cursor: Cursor = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Contents]:
    """See a Spotify playlist, its `snapshot_id` and, if it is an own or shared one, its items by position
    from 0.
    """
    begin = offset(cursor)
    target = await find_playlist(spotify, playlist)
    # The head comes first: an edit with its snapshot is then refused where the items are newer.
    whole = await spotify.playlist(target.id)
    top = head(whole)
    page = await _items(spotify, whole, target.id, limit, begin)
    if page is None:
        hidden = Contents(playlist=top, items=[], why_no_items=_HIDDEN)
        return answer(hidden, _text(hidden, [], None))
    shown = [(row := place(at, entry), _place_line(row)) for at, entry in enumerate(page.items, begin)]
    fit = fitting(shown, ROOM - weight(top, _about(top)))
    after = begin + (fit if fit < len(shown) else page.limit or limit)
    result = Contents(
        playlist=top,
        items=[row for row, _ in shown[:fit]],
        next_cursor=cursor_of("o", after) if shown and after < page.total else None,
    )
    return answer(result, _text(result, [text for _, text in shown[:fit]], page.total))


async def _items(spotify: Spotify, whole: Playlist, id_: str, limit: int, begin: int) -> EntryPage | None:
    """A page of it, or None where Spotify shows none: `size` is there for owners and collaborators only."""
    if whole.size is None:
        return None
    try:
        return await spotify.playlist_items(id_, limit=limit, offset=begin)
    except Rejected as error:
        if error.reason == "FORBIDDEN":
            return None
        raise


async def _library(
    spotify: Spotify, begin: int, limit: int, me: str | None
) -> tuple[list[tuple[int, Playlist]], int, int | None]:
    """Playlists with their places in the library, all there are, and where to go on.

    With `me` only those of that owner: Spotify can't be asked for them alone, so further pages are read.
    """
    found: list[tuple[int, Playlist]] = []
    total, after = 0, begin
    for _ in range(_REQUESTS):
        asked = limit - len(found)
        page = await spotify.my_playlists(limit=asked, offset=after)
        rows = enumerate(page.items, after)
        found += [(at, each) for at, each in rows if each.uri and me in {None, each.owner_id}]
        total, after = page.total, after + (page.limit or asked)
        if not page.items or after >= total:
            return found, total, None
        if me is None or len(found) >= limit:
            break
    return found, total, after


def named(playlist: Playlist) -> Named:
    """The shortest view of a playlist."""
    return Named(name=clip(playlist.name), uri=clip(playlist.uri, 200), url=link(playlist))


def listed(playlist: Playlist) -> Listed:
    """The view of a playlist in a list."""
    return Listed(
        **named(playlist).model_dump(),
        owner=clip(playlist.owner or playlist.owner_id, 100) or None,
        size=playlist.size,
        public=playlist.public,
        collaborative=playlist.collaborative or None,
    )


def head(playlist: Playlist) -> Head:
    """The view of one playlist. Spotify sends its description as HTML."""
    return Head(
        **listed(playlist).model_dump(),
        description=clip(plain(playlist.description), 300) or None,
        snapshot_id=clip(playlist.snapshot_id, 200) or None,
    )


def listed_line(row: Listed) -> str:
    """A playlist in one line, with its link."""
    by = f" by {quoted(row.owner)}" if row.owner else ""
    size = f", {row.size} items" if row.size is not None else ""
    kind = ", collaborative" if row.collaborative else ", private" if row.public is False else ""
    return f"{quoted(row.name)}{by}{size}{kind} {row.url}"


def place(position: int, entry: Entry) -> Place:
    """The view of one place of a playlist."""
    thing = entry.item
    return Place(position=position, item=item(thing) if thing is not None and thing.uri else None)


def _place_line(row: Place) -> str:
    if row.item is None:
        return f"{row.position}. no longer on Spotify"
    local = f" local file {row.item.uri}" if row.item.uri.startswith("spotify:local:") else ""
    return f"{row.position}. {line(row.item)}{local}"


def _list_text(result: Playlists, lines: list[str], owned: bool) -> str:
    if not lines and result.next_cursor is None:
        return "There are no more." if result.total else "There are no playlists in the library."
    count = f"{len(lines)} of {result.total}"
    head = f"Own playlists, {count} in the library:" if owned else f"{count} playlists:"
    return "\n".join([head, *lines, *_more(result.next_cursor)])


def _text(result: Contents, lines: list[str], total: int | None) -> str:
    about = _about(result.playlist)
    if total is None:
        return f"{about}\n{_HIDDEN}"
    if total == 0:
        return f"{about}\nIt is empty."
    count = f"{len(lines)} of {total} items:" if lines else f"It has {total} items, none from there on."
    return "\n".join([about, count, *lines, *_more(result.next_cursor)])


def _about(top: Head) -> str:
    lines = [listed_line(top)]
    lines += [f"Description: {quoted(top.description)}"] if top.description else []
    lines += [f"snapshot_id: {top.snapshot_id}"] if top.snapshot_id else []
    return "\n".join(lines)


def _more(cursor: str | None) -> list[str]:
    return [f"More with cursor {cursor}."] if cursor else []
