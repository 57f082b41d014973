"""spotify_get_item, spotify_list_children."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.arguments import Cursor, Limit, Ref
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.details import Details, Piece, described, details, numbered, piece
from mcp_server.tools.spotify.listing import Listing, paged, told
from mcp_server.tools.spotify.lookup import EVERY, candidates, fetch, first
from mcp_server.tools.spotify.paging import offset
from providers.spotify import AlbumGroup, Page, Reference, ReferenceKind, Spotify

WHOLES: tuple[ReferenceKind, ...] = ("album", "artist", "show", "audiobook")
_MOST_ALBUMS = 10
"""Albums of an artist in one answer of Spotify's."""


Anything = Annotated[Ref, Field(description="URI, link or id.")]


class Children(Listing):
    """The parts of one thing, in Spotify's order."""

    of: Annotated[str, Field(description="The URI of what they are parts of.")]
    items: list[Piece]


@tool(
    service="spotify",
    title="Look up one thing on Spotify",
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def spotify_get_item(
    spotify: SpotifyClient, item: Anything, account: AccountLabel = None
) -> Annotated[CallToolResult, Details]:
    """Look up one thing of any kind: date, length, size, description, how far it was heard."""
    wanted, thing = await first(candidates(item, EVERY), partial(fetch, spotify))
    view = details(thing)
    if view.uri.rpartition(":")[2] != wanted.id:
        view.asked = wanted.uri  # relinking: the same recording is under another id here
    return answer(view, described(view))


@tool(
    service="spotify",
    title="List parts of a Spotify item",
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def spotify_list_children(
    spotify: SpotifyClient,
    item: Anything,
    include_groups: Annotated[
        list[AlbumGroup] | None,
        Field(min_length=1, max_length=4, description="An artist's; default: all."),
    ] = None,
    limit: Annotated[Limit, Field(description="Albums: 10 at most.")] = 20,
    cursor: Cursor = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Children]:
    """List an album's tracks, an artist's albums, a show's episodes, latest first, or an audiobook's
    chapters.
    """
    begin = offset(cursor)
    wanted = candidates(item, WHOLES)
    _require_parts(wanted[0])
    if include_groups and "artist" not in {each.kind for each in wanted}:
        raise Refusal("invalid_argument", "`include_groups` is only for an artist. Leave it out.")
    groups = list(dict.fromkeys(include_groups or ()))
    whole, page = await first(wanted, partial(_children, spotify, groups, limit, begin))
    view: Callable[[Any], Piece | None] = piece
    part, more = paged(page, begin, min(limit, _MOST_ALBUMS) if whole.kind == "artist" else limit, view)
    children = Children(of=whole.uri, items=part.items, total=page.total, gone=part.missing, next_cursor=more)
    name = _NAMES[whole.kind]
    empty = f"There are no {name} here." if not begin else "There are no more."
    return answer(children, told(f"{name} of {whole.uri}", children, map(numbered, part.items), empty=empty))


_NAMES: dict[ReferenceKind, str] = {
    "album": "tracks", "artist": "albums", "show": "episodes", "audiobook": "chapters",
}  # fmt: skip


def _require_parts(wanted: Reference) -> None:
    if wanted.kind == "playlist":
        raise Refusal("invalid_argument", "`item` is a playlist; spotify_get_playlist lists what is in it.")
    if wanted.kind not in WHOLES:
        raise Refusal(
            "invalid_argument",
            f"`item` names one {wanted.kind}, which has no parts. This takes an album, artist, show or "
            "audiobook.",
        )


async def _children(
    spotify: Spotify, groups: list[AlbumGroup], limit: int, begin: int, wanted: Reference
) -> Page[Any]:
    match wanted.kind:
        case "album":
            return await spotify.album_tracks(wanted.id, limit=limit, offset=begin)
        case "artist":
            most = min(limit, _MOST_ALBUMS)
            return await spotify.artist_albums(wanted.id, groups=groups, limit=most, offset=begin)
        case "show":
            return await spotify.show_episodes(wanted.id, limit=limit, offset=begin)
        case _:
            return await spotify.audiobook_chapters(wanted.id, limit=limit, offset=begin)
