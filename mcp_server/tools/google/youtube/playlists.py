"""youtube_list_playlist_items: the person's playlists, or what is in one."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import YouTubeClient
from mcp_server.tools.google.paging import following, reach, resumed
from mcp_server.tools.google.rows import Cursor, More, part, told
from mcp_server.tools.google.youtube.refs import playlist_id as parsed
from mcp_server.tools.google.youtube.refs import url
from mcp_server.tools.google.youtube.view import ThingView, line, view
from mcp_server.tools.text import clip, quoted
from providers.base import NotFound
from providers.google.services import YOUTUBE_READ
from providers.google.youtube import LIKED, MOST, YouTube
from providers.google.youtubeanswers import Thing, Things

_LIKED, _UPLOADS = "liked", "uploads"


class Listed(BaseModel):
    """Playlists, or the videos of one in its order; a video that is gone has no title."""

    playlist: str | None = None
    playlist_id: str | None = None
    items: list[ThingView]
    total: int | None = None
    next_cursor: More = None


@tool(
    service="youtube",
    title="List playlists or their videos",
    needs=(YOUTUBE_READ,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def youtube_list_playlist_items(
    youtube: YouTubeClient,
    playlist_id: Annotated[
        str | None, Field(max_length=200, description="Id, link, 'liked', 'uploads'; none: all playlists.")
    ] = None,
    limit: Annotated[int, Field(ge=1, le=MOST)] = 25,
    cursor: Cursor = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Listed]:
    """List the person's YouTube playlists, or the videos in a playlist."""
    token, behind = resumed(cursor)
    size = reach(behind, limit, MOST)
    if playlist_id is None:
        with following(token):
            page, name, id_ = await _mine(youtube, size, token), None, None
        views = [view("playlist", row) for row in page.items]
        head, empty = "playlists", "This person has no playlists of their own."
    else:
        id_, name = await _meant(youtube, playlist_id)
        with following(token):
            page = await youtube.items(id_, size, token)
        views = await _videos(youtube, page)
        head, empty = f"videos in {quoted(name)}", f"There is nothing in {quoted(name)}."
    made = [(n, row, line(row)) for n, row in enumerate(views) if n >= behind]
    shown = part(made, (token, len(views), page.next_page_token), limit)
    result = Listed(
        playlist=clip(name) if name else None,
        playlist_id=id_,
        items=shown.rows,
        total=page.info.total,
        next_cursor=shown.next_cursor,
    )
    if page.info.total is not None and page.info.total > len(shown.rows):
        head = f"of {page.info.total} {head}"
    return answer(result, told(head, shown.lines, shown.next_cursor, empty=empty, resumed=cursor))


async def _mine(youtube: YouTube, limit: int, token: str | None) -> Things:
    """The person's playlists; none where they have no channel."""
    try:
        return await youtube.playlists(limit, token)
    except NotFound:
        return Things()


async def _meant(youtube: YouTube, text: str) -> tuple[str, str]:
    """Id and name of the playlist that is meant. Raises Refusal, ProviderError."""
    if text == _LIKED:
        return LIKED, "Liked videos"
    if text == _UPLOADS:
        own = await youtube.channel()
        if own is None or not own.details.related.uploads:
            raise Refusal("not_found", "This account has no YouTube channel, so no uploads.")
        return own.details.related.uploads, "Uploads"
    id_ = parsed(text)
    found = await youtube.playlist(id_)
    return id_, found.snippet.title if found else id_


async def _videos(youtube: YouTube, page: Things) -> list[ThingView]:
    """The entries of a page; how long each is, one cheap call tells."""
    ids = dict.fromkeys(row.snippet.resource.video for row in page.items)
    videos = {video.id: video for video in await youtube.videos(ids)}
    return [_entry(row, videos.get(row.snippet.resource.video)) for row in page.items]


def _entry(row: Thing, video: Thing | None) -> ThingView:
    if video is not None:
        return view("video", video)
    id_ = clip(row.snippet.resource.video, 20)
    gone = "deleted" if row.snippet.title == "Deleted video" else "private"
    return ThingView(kind="video", id=id_, title=f"({gone} video)", url=url("video", id_), privacy=gone)
