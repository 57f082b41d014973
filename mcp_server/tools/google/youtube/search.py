"""youtube_search: cheap calls first, for a day has a hundred searches for everybody."""

from __future__ import annotations

from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import YouTubeClient
from mcp_server.tools.google.paging import following, reach, resumed
from mcp_server.tools.google.rows import Cursor, More, part, told
from mcp_server.tools.google.youtube.refs import Ref, ref
from mcp_server.tools.google.youtube.view import Kind, ThingView, duration, line, result, view
from providers.google.services import YOUTUBE_READ
from providers.google.youtube import MOST, Order, YouTube
from providers.google.youtubeanswers import Thing

Rows = tuple[list[ThingView], str | None]
"""Rows of a page, and the token of the next."""


class Found(BaseModel):
    """What was found."""

    results: list[ThingView]
    searched: Annotated[bool, Field(description="It took one of the day's searches.")]
    next_cursor: More = None


@tool(
    service="youtube",
    title="Search YouTube",
    needs=(YOUTUBE_READ,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def youtube_search(
    youtube: YouTubeClient,
    query: Annotated[str | None, Field(max_length=200, description="Words, link or id.")] = None,
    type: Annotated[Literal["video", "channel", "playlist"], Field(description="Kind.")] = "video",
    channel: Annotated[str | None, Field(max_length=200, description="Id, @handle or link.")] = None,
    order: Annotated[
        Literal["relevance", "date", "viewCount", "rating"] | None, Field(description="Sorting.")
    ] = None,
    limit: Annotated[int, Field(ge=1, le=25)] = 10,
    cursor: Cursor = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Found]:
    """Search YouTube. All share 100 searches a day; ids, links and channels without query take none."""
    words = (query or "").strip()
    if not words and not channel:
        raise Refusal("invalid_argument", "Give a `query`, or a `channel` to see what is on it.")
    token, behind = resumed(cursor)
    size = reach(behind, limit, MOST)
    known = ref(words) if words and token is None and not behind else None
    exact = await _exact(youtube, known) if known else None
    if exact is not None or (known and known.sure):
        rows: Rows = ([exact] if exact else [], None)
        searched = False
    else:
        place = await _channel(youtube, channel) if channel else None
        searched = bool(words) or type == "channel" or (order or "date") != "date"
        if place is not None and not searched:
            with following(token):
                rows = await _on(youtube, place, type, size, token)
        else:
            with following(token):
                rows = await _search(youtube, words, type, place.id if place else None, order, size, token)
    views, after = rows
    made = [(n, row, line(row)) for n, row in enumerate(views) if n >= behind]
    shown = part(made, (token, len(views), after), limit)
    found = Found(results=shown.rows, searched=searched, next_cursor=shown.next_cursor)
    text = told(
        "found on YouTube",
        shown.lines,
        shown.next_cursor,
        empty="Nothing was found on YouTube.",
        resumed=cursor,
    )
    return answer(found, text)


async def _exact(youtube: YouTube, wanted: Ref) -> ThingView | None:
    """The thing that an id or a link means; None where there is none."""
    kind: Kind = "channel" if wanted.kind == "handle" else wanted.kind
    found: Thing | None
    if wanted.kind == "video":
        found = next(iter(await youtube.videos([wanted.id])), None)
    elif wanted.kind == "playlist":
        found = await youtube.playlist(wanted.id)
    else:
        found = await _named(youtube, wanted)
    return view(kind, found) if found else None


async def _named(youtube: YouTube, wanted: Ref) -> Thing | None:
    if wanted.kind == "handle":
        return await youtube.channel(handle=wanted.id)
    return await youtube.channel(id_=wanted.id)


async def _channel(youtube: YouTube, text: str) -> Thing:
    """The channel of an id, a handle or a link. Raises Refusal."""
    wanted = ref(text)
    if wanted is None or wanted.kind not in {"channel", "handle"}:
        raise Refusal(
            "invalid_argument",
            "`channel` must be an id, an @handle or a link. A name is found with type channel.",
        )
    found = await _named(youtube, wanted)
    if found is None:
        raise Refusal("not_found", "YouTube has no such channel. Find it with type channel.")
    return found


async def _on(youtube: YouTube, place: Thing, kind: Kind, limit: int, token: str | None) -> Rows:
    """What is on a channel, newest first, without a search."""
    if kind == "playlist":
        page = await youtube.playlists(limit, token, channel=place.id)
        return [view("playlist", row) for row in page.items], page.next_page_token
    page = await youtube.items(place.details.related.uploads, limit, token)
    ids = [row.snippet.resource.video for row in page.items]
    videos = {video.id: video for video in await youtube.videos(ids)}
    return [view("video", videos[id_]) for id_ in ids if id_ in videos], page.next_page_token


async def _search(
    youtube: YouTube,
    words: str,
    kind: Kind,
    channel: str | None,
    order: Order | None,
    limit: int,
    token: str | None,
) -> Rows:
    """A search; how long its videos are, a cheap call tells."""
    page = await youtube.search(
        words, kind, channel=channel, order=order or "relevance", limit=limit, page_token=token
    )
    rows = [row for row in map(result, page.items) if row is not None]
    videos = {video.id: video for video in await youtube.videos(row.id for row in rows if kind == "video")}
    for row in rows:
        if row.id in videos:
            row.duration = duration(videos[row.id])
    return rows, page.next_page_token
