"""youtube_get_videos."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.google.client import YouTubeClient
from mcp_server.tools.google.rows import block
from mcp_server.tools.google.youtube.refs import video_id
from mcp_server.tools.google.youtube.view import ThingView, line, view
from mcp_server.tools.room import fitting
from providers.google.services import YOUTUBE_READ
from providers.google.youtube import MOST
from providers.google.youtubeanswers import Thing

_TEXT = 6000  # characters that the descriptions may have together, and one alone at most


class VideoView(ThingView):
    """A video. `description` is its beginning."""

    description: str | None = None
    views: int | None = None
    likes: int | None = None


class Videos(BaseModel):
    """The videos in the order they were asked for."""

    videos: list[VideoView]
    missing: Annotated[list[str] | None, Field(description="Deleted, private, or never there.")] = None
    not_shown: Annotated[list[str] | None, Field(description="No room: ask again for these.")] = None


@tool(
    service="youtube",
    title="Read about videos",
    needs=(YOUTUBE_READ,),
    read_only=True,
    destructive=False,
    idempotent=True,
)
async def youtube_get_videos(
    youtube: YouTubeClient,
    video_ids: Annotated[
        list[Annotated[str, Field(max_length=200)]],
        Field(min_length=1, max_length=MOST, description="Ids or links."),
    ],
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Videos]:
    """Read about YouTube videos: title, channel, duration, views, description."""
    ids = list(dict.fromkeys(video_id(text) for text in video_ids))
    found = {video.id: video for video in await youtube.videos(ids)}
    most = max(120, _TEXT // len(ids))
    rows = [_view(found[id_], most) for id_ in ids if id_ in found]
    count = fitting([(row, line(row)) for row in rows])
    missing = [id_ for id_ in ids if id_ not in found]
    result = Videos(
        videos=rows[:count],
        missing=missing or None,
        not_shown=[row.id for row in rows[count:]] or None,
    )
    lines = [f"{len(result.videos)} of {len(ids)} videos:", *(line(row) for row in result.videos)]
    lines += [f"Not there, or not for this person: {', '.join(missing)}."] if missing else []
    lines += [f"No room, ask again for: {', '.join(result.not_shown)}."] if result.not_shown else []
    return answer(result, "\n".join(lines))


def _view(video: Thing, most: int) -> VideoView:
    return VideoView(
        **view("video", video).model_dump(),
        description=block(video.snippet.description, most) or None,
        views=_number(video.statistics.views),
        likes=_number(video.statistics.likes),
    )


def _number(text: str) -> int | None:
    """A number of the wire, which is text there."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
