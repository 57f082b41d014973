"""youtube_add_to_playlist."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.ends import BREAKS, GRANT_ENDED
from mcp_server.tools.google.client import YouTubeClient
from mcp_server.tools.google.youtube.refs import playlist_id as parsed
from mcp_server.tools.google.youtube.refs import url, video_id
from mcp_server.tools.text import clip, quoted
from providers.base import Conflict, NotFound, RateLimited, Rejected, Unavailable
from providers.google.services import YOUTUBE
from providers.google.youtube import YouTube
from providers.google.youtubeanswers import Thing

_MOST = 20  # of 50 units each: a tenth of what the whole project has in a day
_AT_ONCE = 5

Outcome = Literal["added", "was_there", "not_found", "refused", "unsure", "not_tried"]


class Put(BaseModel):
    """What became of one video."""

    video_id: str
    title: str | None = None
    outcome: Outcome


class Added(BaseModel):
    """The playlist, and what became of each video, in order."""

    playlist: str
    playlist_id: str
    url: str
    created: bool
    items: list[Put]
    stopped: Annotated[str | None, Field(description="Why the rest was not tried.")] = None


@tool(
    service="youtube",
    title="Add to a playlist",
    access="write",
    needs=(YOUTUBE,),
    read_only=False,
    destructive=False,
    idempotent=False,
)
async def youtube_add_to_playlist(
    youtube: YouTubeClient,
    video_ids: Annotated[
        list[Annotated[str, Field(max_length=200)]],
        Field(min_length=1, max_length=_MOST, description="Ids or links."),
    ],
    playlist_id: Annotated[str | None, Field(max_length=200, description="Id or link.")] = None,
    new_title: Annotated[
        str | None, Field(max_length=150, description="Instead: of a new, private one.")
    ] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Added]:
    """Add videos at the end of a YouTube playlist. No tool takes them out again."""
    if (playlist_id is None) == (new_title is None):
        raise Refusal("invalid_argument", "Give either `playlist_id` or `new_title`.")
    if new_title is not None and (not new_title.strip() or {"<", ">"} & set(new_title)):
        raise Refusal("invalid_argument", "`new_title` must be words, without < and >.")
    ids = list(dict.fromkeys(video_id(text) for text in video_ids))
    known = {video.id: video for video in await youtube.videos(ids)}
    if not known:
        raise Refusal("not_found", "YouTube has none of these videos, or hides them from this person.")
    if new_title is not None:
        playlist, there = await youtube.new_playlist(new_title), set[str]()
    else:
        playlist = await _existing(youtube, parsed(playlist_id or ""))
        there = await _inside(youtube, playlist.id, known)
    items, stopped = await _put(youtube, playlist.id, ids, known, there, made=new_title is not None)
    name = playlist.snippet.title or new_title or ""
    result = Added(
        playlist=clip(name),
        playlist_id=clip(playlist.id, 100),
        url=url("playlist", clip(playlist.id, 100)),
        created=new_title is not None,
        items=items,
        stopped=stopped,
    )
    return answer(result, _text(result))


async def _existing(youtube: YouTube, id_: str) -> Thing:
    found = await youtube.playlist(id_)
    if found is None:
        raise Refusal("not_found", "There is no such playlist: take one of youtube_list_playlist_items.")
    return found


async def _inside(youtube: YouTube, playlist: str, known: dict[str, Thing]) -> set[str]:
    """Which of the videos are in the playlist already: one cheap call each, at most five at once."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def held(id_: str) -> bool:
        async with gate:
            return bool((await youtube.items(playlist, 1, video=id_)).items)

    found = await asyncio.gather(*(held(id_) for id_ in known))
    return {id_ for id_, inside in zip(known, found, strict=True) if inside}


async def _put(
    youtube: YouTube, playlist: str, ids: list[str], known: dict[str, Thing], there: set[str], *, made: bool
) -> tuple[list[Put], str | None]:
    """Add one after the other, so that the order stays. Raises what broke it off before anything was done."""
    items: list[Put] = []
    stopped: str | None = None
    for id_ in ids:
        outcome: Outcome = "not_found" if id_ not in known else "was_there" if id_ in there else "not_tried"
        if outcome == "not_tried" and stopped is None:
            try:
                await youtube.add(playlist, id_)
                outcome = "added"
            except BREAKS as error:
                if not made and not any(item.outcome == "added" for item in items) and not _lost(error):
                    raise
                outcome, stopped = _became(error)
        title = clip(known[id_].snippet.title, 100) if id_ in known else None
        items.append(Put(video_id=id_, title=title, outcome=outcome))
    return items, stopped


def _lost(error: Exception) -> bool:
    """Whether it may have happened all the same."""
    return isinstance(error, Unavailable) and error.ambiguous


def _became(error: Exception) -> tuple[Outcome, str | None]:
    """What became of the video that failed, and why the others are not tried."""
    if isinstance(error, NotFound | Rejected):
        return "refused", None
    if _lost(error):
        return "unsure", "YouTube did not answer; look into the playlist before you try again."
    if isinstance(error, RateLimited) and error.until is not None:
        return "not_tried", f"The day's quota is used up until {error.until:%Y-%m-%dT%H:%M:%SZ}."
    if isinstance(error, GRANT_ENDED):
        return "not_tried", "YouTube must be connected again first; then try the rest."
    if isinstance(error, RateLimited | Conflict):
        return "not_tried", "YouTube wants a pause. Try the rest again in a minute."
    return "not_tried", "YouTube did not take any more. Try the rest again later."


_WORDS = {
    "added": "added", "was_there": "in it already, not added again", "not_found": "not there, or private",
    "refused": "refused by YouTube", "unsure": "perhaps added", "not_tried": "not tried",
}  # fmt: skip


def _text(result: Added) -> str:
    count = sum(1 for item in result.items if item.outcome == "added")
    into = f"{'the new private playlist ' if result.created else ''}{quoted(result.playlist)}"
    lines = [f"{count} of {len(result.items)} added to {into}, id {result.playlist_id}:"]
    lines += [
        f"{quoted(item.title) if item.title else item.video_id}: {_WORDS[item.outcome]}"
        for item in result.items
    ]
    lines += [result.stopped] if result.stopped else []
    if count or result.created:
        lines.append(f"Only the person can take this back: {result.url}")
    return "\n".join(lines)
