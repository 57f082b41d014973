"""The calls our tools make to the YouTube Data API, version 3, and what a day's quota of it is.

A day has 100 searches and 10,000 units for the whole project; reading a list costs 1, adding costs 50. It
begins at midnight in California (developers.google.com/youtube/v3/determine_quota_cost).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from providers.base import QUOTA, CredentialSource, RateLimited
from providers.google.call import Caller
from providers.google.services import YOUTUBE, YOUTUBE_READ
from providers.google.youtubeanswers import Results, Thing, Things
from providers.http import Answer, Http, Params
from providers.model import read

Kind = Literal["video", "channel", "playlist"]
Order = Literal["relevance", "date", "viewCount", "rating"]
LIKED = "LL"
"""The playlist of what its person likes."""

MOST = 50
"""Rows of a page, and ids of a call."""

_CALIFORNIA = ZoneInfo("America/Los_Angeles")
_READ = frozenset({YOUTUBE_READ})
_WRITE = frozenset({YOUTUBE})
_SNIPPET = "title,description,channelTitle,channelId,publishedAt"
_VIDEO = (
    f"id,snippet({_SNIPPET},liveBroadcastContent),contentDetails(duration),statistics(viewCount,likeCount),"
    "status(privacyStatus)"
)
_CHANNEL = "id,snippet(title,description,publishedAt),contentDetails(relatedPlaylists(uploads))"
_PLAYLIST = f"id,snippet({_SNIPPET}),contentDetails(itemCount),status(privacyStatus)"
_ITEM = f"id,snippet({_SNIPPET},position,resourceId(videoId),videoOwnerChannelTitle),status(privacyStatus)"
_PAGE = "nextPageToken,pageInfo(totalResults)"


def midnight(now: datetime) -> datetime:
    """When the day's quota comes back: the next midnight in California after `now` (aware), in UTC."""
    tomorrow = now.astimezone(_CALIFORNIA).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), _CALIFORNIA).astimezone(UTC)


class YouTube(Caller):
    """YouTube with one person's credential. Every call raises ProviderError.

    A quota that is used up is RateLimited until the day is over there.
    """

    base = "https://youtube.googleapis.com/youtube/v3"

    def __init__(
        self,
        http: Http,
        credential: CredentialSource | SecretStr,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(http, credential)
        self._now = now

    async def _ask(
        self,
        operation: str,
        path: str,
        params: Params,
        body: dict[str, Any] | None = None,
        what: str = "calls of YouTube",
    ) -> Answer:
        method, scopes = ("GET", _READ) if body is None else ("POST", _WRITE)
        try:
            return await self._call(operation, method, path, params, scopes, body)
        except RateLimited as error:
            if error.reason != QUOTA:
                raise
            now = self._now()
            until = midnight(now)
            left = (until - now).total_seconds()
            raise RateLimited(
                error.provider, operation, left, QUOTA, until=until, own=error.own, of=what
            ) from None

    async def search(
        self,
        query: str,
        kind: Kind,
        *,
        channel: str | None,
        order: Order,
        limit: int,
        page_token: str | None = None,
    ) -> Results:
        """search.list, which takes one of the project's 100 of a day."""
        params: Params = {
            "part": "snippet", "q": query, "type": kind, "channelId": channel, "order": order,
            "maxResults": limit, "pageToken": page_token,
            "fields": f"nextPageToken,items(id,snippet({_SNIPPET},liveBroadcastContent))",
        }  # fmt: skip
        return read(Results, await self._ask("search", "/search", params, what="searches of YouTube"))

    async def videos(self, ids: Iterable[str]) -> tuple[Thing, ...]:
        """videos.list: those of at most 50 ids that there are and that the person may see."""
        given = list(ids)[:MOST]
        if not given:
            return ()
        params: Params = {
            "part": "snippet,contentDetails,statistics,status", "id": ",".join(given),
            "fields": f"items({_VIDEO})",
        }  # fmt: skip
        return read(Things, await self._ask("videos", "/videos", params)).items

    async def channel(self, *, id_: str | None = None, handle: str | None = None) -> Thing | None:
        """channels.list: one channel by id or handle, or the person's own; None where there is none."""
        params: Params = {
            "part": "snippet,contentDetails", "id": id_, "forHandle": handle,
            "mine": "true" if id_ is None and handle is None else None, "fields": f"items({_CHANNEL})",
        }  # fmt: skip
        found = read(Things, await self._ask("channel", "/channels", params)).items
        return found[0] if found else None

    async def playlist(self, id_: str) -> Thing | None:
        """playlists.list: one playlist; None where the person may not see it."""
        params: Params = {
            "part": "snippet,contentDetails,status", "id": id_, "fields": f"items({_PLAYLIST})",
        }  # fmt: skip
        found = read(Things, await self._ask("playlist", "/playlists", params)).items
        return found[0] if found else None

    async def playlists(
        self, limit: int, page_token: str | None = None, *, channel: str | None = None
    ) -> Things:
        """playlists.list: the person's own, or the public ones of a channel."""
        params: Params = {
            "part": "snippet,contentDetails,status", "channelId": channel,
            "mine": None if channel else "true", "maxResults": limit, "pageToken": page_token,
            "fields": f"{_PAGE},items({_PLAYLIST})",
        }  # fmt: skip
        return read(Things, await self._ask("playlists", "/playlists", params))

    async def items(
        self, playlist: str, limit: int, page_token: str | None = None, *, video: str | None = None
    ) -> Things:
        """playlistItems.list: what is in a playlist, in its order; `video`: only the entries of that one."""
        params: Params = {
            "part": "snippet,status", "playlistId": playlist, "videoId": video, "maxResults": limit,
            "pageToken": page_token, "fields": f"{_PAGE},items({_ITEM})",
        }  # fmt: skip
        return read(Things, await self._ask("items", "/playlistItems", params))

    async def new_playlist(self, title: str) -> Thing:
        """playlists.insert (50 units): a private one."""
        body = {"snippet": {"title": title}, "status": {"privacyStatus": "private"}}
        params: Params = {"part": "snippet,status", "fields": "id,snippet(title),status(privacyStatus)"}
        return read(Thing, await self._ask("new_playlist", "/playlists", params, body))

    async def add(self, playlist: str, video: str) -> None:
        """playlistItems.insert (50 units): a video at the end of a playlist, however often it is in it."""
        resource = {"kind": "youtube#video", "videoId": video}
        body = {"snippet": {"playlistId": playlist, "resourceId": resource}}
        await self._ask("add", "/playlistItems", {"part": "snippet", "fields": "id"}, body)
