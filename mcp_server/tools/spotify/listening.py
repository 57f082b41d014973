"""spotify_get_profile, spotify_get_top_items, spotify_get_recently_played."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.arguments import Cursor, Limit
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.listing import Listing, fitted, paged, told
from mcp_server.tools.spotify.paging import cursor as cursor_of
from mcp_server.tools.spotify.paging import moment, offset
from mcp_server.tools.spotify.views import Item, Thing, is_uri, item, line, page_on_spotify
from mcp_server.tools.text import clip, quoted
from providers.spotify import History, Played, TimeRange
from providers.spotify.record import HISTORY, TOP

_DATE = re.compile("[0-9]{4}-")
_MOMENT = re.compile("[0-9]{1,15}")


def _dated(value: object) -> object:
    """A written date. A number would pass, too, as seconds since 1970: the year 2026 is none."""
    if isinstance(value, int | float) or (isinstance(value, str) and not _DATE.match(value)):
        raise ValueError("no written date")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_dated)]


class Me(BaseModel):
    """The connected Spotify account."""

    id: Annotated[str, Field(description="What playlists name as their owner.")]
    name: str | None = None
    url: Annotated[str, Field(description="The page on Spotify.")]


class Top(Listing):
    """The favourites, the most heard first."""

    items: list[Item]


class Heard(Item):
    """A track that was heard."""

    played_at: Annotated[str, Field(description="RFC 3339, UTC.")]
    context_uri: Annotated[str | None, Field(description="The album or playlist it played from.")] = None


class Recent(Listing):
    """What was heard, the latest first."""

    items: list[Heard]


@tool(
    service="spotify",
    title="See whose Spotify it is",
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def spotify_get_profile(
    spotify: SpotifyClient, account: AccountLabel = None
) -> Annotated[CallToolResult, Me]:
    """Get the name, user id and page of the connected Spotify account."""
    profile = await spotify.profile()
    me = Me(
        id=clip(profile.id, 100),
        name=clip(profile.display_name, 100) or None,
        url=page_on_spotify(profile.url),
    )
    return answer(me, f"Spotify account {quoted(me.name or me.id)}, user id {me.id}, {me.url}")


@tool(
    service="spotify",
    needs=TOP,
    title="See Spotify favourites",
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def spotify_get_top_items(
    spotify: SpotifyClient,
    kind: Annotated[Literal["tracks", "artists"], Field(description="Of what.")] = "tracks",
    time_range: Annotated[TimeRange, Field(description="4 weeks, 6 months, a year.")] = "medium_term",
    limit: Limit = 20,
    cursor: Cursor = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Top]:
    """List the tracks or artists the person listened to most, in order."""
    begin = offset(cursor)
    if kind == "tracks":
        tracks = await spotify.top_tracks(time_range, limit=limit, offset=begin)
        part, more = paged(tracks, begin, limit, _named)
        total = tracks.total
    else:
        artists = await spotify.top_artists(time_range, limit=limit, offset=begin)
        part, more = paged(artists, begin, limit, _named)
        total = artists.total
    top = Top(items=part.items, total=total, gone=part.missing, next_cursor=more)
    lines = [f"{place}. {line(each)}" for place, each in enumerate(part.items, begin + 1)]
    return answer(top, told(f"top {kind}", top, lines, empty=f"Spotify has no top {kind} for this time."))


@tool(
    service="spotify",
    needs=HISTORY,
    title="See what was heard lately",
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def spotify_get_recently_played(
    spotify: SpotifyClient,
    after: Annotated[Moment | None, Field(description="Played since (RFC 3339).")] = None,
    before: Annotated[Moment | None, Field(description="Played before.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Recent]:
    """List the tracks the person heard last, latest first; Spotify knows about 50, no episodes."""
    ends = [at for at in (moment(cursor), _milliseconds(before)) if at is not None]
    history = await spotify.recently_played(limit=limit, before=min(ends) if ends else None)
    since = _milliseconds(after) or 0
    rows = [row for row in history.items if _at(row) >= since]
    part = fitted(rows, range(len(rows)), len(rows), _heard)
    more = _older(history, rows, part.cut)
    recent = Recent(items=part.items, gone=part.missing, next_cursor=more)
    lines = [f"{each.played_at} {line(each)}" for each in part.items]
    empty = "Spotify remembers nothing that was heard then."
    return answer(recent, told("played, the latest first", recent, lines, empty=empty))


def _named(thing: Thing) -> Item | None:
    return item(thing) if thing.name else None


def _heard(row: Played) -> Heard | None:
    if row.track is None or not row.track.name:
        return None
    context = row.context_uri if row.context_uri and is_uri(row.context_uri) else None
    return Heard(**dict(item(row.track)), played_at=clip(row.played_at, 30), context_uri=context)


def _older(history: History, rows: list[Played], cut: int | None) -> str | None:
    """Where what was heard before goes on: after the last row that is shown, if any is left to show."""
    if cut is not None:
        return cursor_of("b", _at(rows[cut - 1]))
    if not history.next or not _MOMENT.fullmatch(history.before) or len(rows) < len(history.items):
        return None
    return cursor_of("b", history.before)


def _at(row: Played) -> int:
    """When it was heard, in Unix ms."""
    try:
        return _milliseconds(datetime.fromisoformat(row.played_at)) or 0
    except ValueError:
        return 0


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else max(0, round(at.timestamp() * 1000))
