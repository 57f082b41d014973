"""youtube.googleapis.com/youtube/v3: search, videos, channels, playlists and what is in them."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from providers.emulator.google import query
from providers.emulator.google.api import Api
from providers.emulator.google.errors import ApiError
from providers.emulator.google.guard import Handler
from providers.emulator.google.people import Person
from providers.emulator.google.quota import Bucket
from providers.emulator.google.youtube import model
from providers.emulator.google.youtube.data import furnish
from providers.emulator.google.youtube.listing import asked_parts, filtered, page, values
from providers.emulator.google.youtube.methods import SERVED, UNBUILT
from providers.emulator.google.youtube.model import Channel, Library, Playlist, Video
from providers.emulator.google.youtube.writing import Writing
from providers.emulator.upstream import Reads, Writes

Json = dict[str, Any]
VIDEO = frozenset({"id", "snippet", "contentDetails", "statistics", "status"})
CHANNEL = frozenset({"id", "snippet", "contentDetails", "statistics"})
PLAYLIST = frozenset({"id", "snippet", "contentDetails", "status"})
ORDERS = ("date", "rating", "relevance", "title", "videoCount", "viewCount")
KINDS = ("video", "channel", "playlist")
SPENT = {
    "seconds": 86400, "shared": True, "reason": "quotaExceeded", "domain": "youtube.quota", "daily": True,
    "message": "The request cannot be completed because you have exceeded your quota.",
}  # fmt: skip


class YouTubeApi(Api):
    """A small YouTube, as one of the people here sees it."""

    name = "youtube"
    base = "/youtube.googleapis.com/youtube/v3"
    served = SERVED
    unbuilt = UNBUILT
    hosts = frozenset({"youtube.googleapis.com"})
    buckets = (Bucket("youtube", 10_000, **SPENT), Bucket("youtube-search", 100, **SPENT))  # type: ignore[arg-type]
    cost: ClassVar[Mapping[str, tuple[str, int]]] = {
        "youtube.search.list": ("youtube-search", 1),
        "youtube.playlists.insert": ("youtube", 50),
        "youtube.playlistItems.insert": ("youtube", 50),
    }

    state: Library

    def settle(self, now: float) -> None:
        """Everything as of today."""
        self.state = Library()
        furnish(self.state, self.google.people, now)

    def handlers(self) -> Mapping[str, Handler]:
        """What is served."""
        writing = Writing(self)
        return {
            "youtube.search.list": self._search,
            "youtube.videos.list": self._videos,
            "youtube.channels.list": self._channels,
            "youtube.playlists.list": self._playlists,
            "youtube.playlists.insert": writing.playlist,
            "youtube.playlistItems.list": self._items,
            "youtube.playlistItems.insert": writing.item,
        }

    def reads(self) -> Reads:
        """`youtube/library`: all there is."""
        return {"youtube/library": lambda query: self.state.dump()}

    def writes(self) -> Writes:
        """`youtube/video` {id, …}: change a video behind the API's back."""
        return {"youtube/video": self._behind}

    def dump(self) -> Json:
        """Everything."""
        return self.state.dump()

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        self.state.load(data)

    def _behind(self, body: Json) -> Json:
        video = self.state.videos[body["id"]]
        for name, value in body.items():
            setattr(video, name, value)
        return self._video(video)

    # Reading

    async def _videos(self, request: Request, person: Person) -> Response:
        parts = asked_parts(request, VIDEO)
        chosen = filtered(request, ("id", "chart", "myRating"))
        if chosen == "chart":
            raise ApiError(501, "Not emulated yet", "notImplemented")
        liked = {"like": self.state.liked[person.key]}.get(request.query_params.get("myRating", ""), [])
        ids = values(request, "id") if chosen == "id" else liked
        found = [self.state.videos.get(id_) for id_ in dict.fromkeys(ids)]
        rows = [self._video(video) for video in found if video and self.state.visible(video, person.key)]
        return page(request, "video", [model.parts(row, parts) for row in rows], whole=chosen == "id")

    async def _channels(self, request: Request, person: Person) -> Response:
        parts = asked_parts(request, CHANNEL)
        chosen = filtered(request, ("id", "mine", "forHandle", "forUsername"))
        every, handle = self.state.channels, request.query_params.get("forHandle", "").lstrip("@").casefold()
        mine = self.state.mine(person.key)
        found = [each for each in every.values() if f"@{handle}" == each.handle.casefold()]
        if chosen == "mine":
            found = [mine] if mine else []
        elif chosen != "forHandle":
            found = [every[id_] for id_ in values(request, "id") if id_ in every]
        rows = [model.channel_row(each, len(self.state.uploads(each, person.key)), own=each is mine)
                for each in found]  # fmt: skip
        return page(request, "channel", [model.parts(row, parts) for row in rows], whole=chosen == "id")

    async def _playlists(self, request: Request, person: Person) -> Response:
        parts = asked_parts(request, PLAYLIST)
        chosen = filtered(request, ("id", "mine", "channelId"))
        mine = self.state.mine(person.key)
        if chosen == "mine" and mine is None:
            raise ApiError(404, "Channel not found.", "channelNotFound", domain="youtube.playlist")
        wanted = mine.id if chosen == "mine" and mine else request.query_params.get("channelId")
        ids = values(request, "id")
        rows = [
            model.playlist_row(each, self.state.channels[each.channel])
            for each in self.state.playlists.values()
            if self.readable(each, person)
            and (
                each.id in ids or (each.channel == wanted and (each.privacy == "public" or chosen == "mine"))
            )
        ]
        return page(request, "playlist", [model.parts(row, parts) for row in rows], whole=chosen == "id")

    async def _items(self, request: Request, person: Person) -> Response:
        parts = asked_parts(request, PLAYLIST)
        if filtered(request, ("id", "playlistId")) == "id":
            raise ApiError(501, "Not emulated yet", "notImplemented")
        wanted = request.query_params["playlistId"]
        where, entries = self._entries(wanted, person)
        rows = [self.item(entry, at, where, video, person) for at, (entry, video) in enumerate(entries)]
        only = request.query_params.get("videoId")
        rows = [row for row in rows if only in {None, row["contentDetails"]["videoId"]}]
        return page(request, "playlistItem", [model.parts(row, parts) for row in rows])

    def _entries(self, id_: str, person: Person) -> tuple[tuple[str, Channel], list[tuple[str, str]]]:
        """The channel of a playlist, and what is in it. Raises ApiError 404, 403."""
        mine = self.state.mine(person.key)
        if id_ == "LL" and mine is not None:
            return (id_, mine), [(model.identifier(each, 48), each) for each in self.state.liked[person.key]]
        for channel in self.state.channels.values():
            if channel.uploads == id_:
                rows = self.state.uploads(channel, person.key)
                return (id_, channel), [(model.identifier(f"UU{each.id}", 48), each.id) for each in rows]
        playlist = self.state.playlists.get(id_)
        if playlist is None:
            raise ApiError(404, "Playlist not found.", "playlistNotFound", domain="youtube.playlistItem")
        if not self.readable(playlist, person):
            raise ApiError(403, "The request is not properly authorized to retrieve the specified playlist.",
                           "playlistItemsNotAccessible", domain="youtube.playlistItem")  # fmt: skip
        return (id_, self.state.channels[playlist.channel]), playlist.items

    async def _search(self, request: Request, person: Person) -> Response:
        asked_parts(request, frozenset({"id", "snippet"}))
        order = query.choice(request, "order", ORDERS) or "relevance"
        kinds = values(request, "type") or list(KINDS)
        words = request.query_params.get("q", "").casefold().split()
        channel = request.query_params.get("channelId")
        rows = [row for row in self._findable(kinds) if channel in {None, row["snippet"]["channelId"]}]
        text = "{title} {description} {channelTitle}"
        rows = [row for row in rows
                if all(word in text.format(**row["snippet"]).casefold() for word in words)]  # fmt: skip
        if order == "date":
            rows.sort(key=lambda row: str(row["snippet"]["publishedAt"]), reverse=True)
        if order == "viewCount":
            rows.sort(key=lambda row: int(row["views"]), reverse=True)
        for row in rows:  # titles are escaped here, and nowhere else
            row.pop("views")
            title = html.escape(row["snippet"]["title"]).replace("&#x27;", "&#39;")
            row["snippet"] = {**row["snippet"], "title": title}
        return page(request, "search", rows)

    def _findable(self, kinds: list[str]) -> list[Json]:
        """What everybody can find, as search results."""
        rows: list[Json] = []
        for video in self.state.videos.values():
            if "video" in kinds and video.privacy == "public":
                snippet = self._video(video)["snippet"]
                snippet.pop("categoryId")
                rows.append(_result("video", video.id, snippet, video.views))
        for channel in self.state.channels.values():
            if "channel" in kinds:
                snippet = model.channel_row(channel, 0, own=False)["snippet"]
                snippet.pop("customUrl")
                more = {
                    "channelId": channel.id,
                    "channelTitle": channel.title,
                    "liveBroadcastContent": "none",
                }
                rows.append(_result("channel", channel.id, snippet | more, 0))
        for playlist in self.state.playlists.values():
            if "playlist" in kinds and playlist.privacy == "public":
                row = model.playlist_row(playlist, self.state.channels[playlist.channel])
                rows.append(
                    _result("playlist", playlist.id, row["snippet"] | {"liveBroadcastContent": "none"}, 0)
                )
        return rows

    # What both halves need

    def readable(self, playlist: Playlist, person: Person) -> bool:
        """Whether somebody may see a playlist."""
        return playlist.privacy != "private" or self.state.channels[playlist.channel].account == person.key

    def item(self, entry: str, at: int, where: tuple[str, Channel], video: str, person: Person) -> Json:
        """An entry of a playlist, as somebody sees it."""
        found = self.state.videos[video]
        owner = self.state.channels[found.channel] if self.state.visible(found, person.key) else None
        return model.item_row(entry, at, where, found, owner)

    def _video(self, video: Video) -> Json:
        return model.video_row(video, self.state.channels[video.channel])


def _result(kind: str, id_: str, snippet: Json, views: int) -> Json:
    resource = {"kind": f"youtube#{kind}", f"{kind}Id": id_}
    return {"kind": "youtube#searchResult", "etag": model.etag(id_), "id": resource, "snippet": snippet,
            "views": views}  # fmt: skip
