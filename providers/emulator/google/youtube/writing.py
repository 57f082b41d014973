"""playlists.insert and playlistItems.insert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.emulator.google import query
from providers.emulator.google.errors import ApiError
from providers.emulator.google.people import Person
from providers.emulator.google.youtube import model
from providers.emulator.google.youtube.listing import asked_parts
from providers.emulator.google.youtube.model import Channel, Playlist

if TYPE_CHECKING:
    from providers.emulator.google.youtube.api import YouTubeApi

Json = dict[str, Any]
PARTS = frozenset({"id", "snippet", "contentDetails", "status"})
PRIVACY = ("public", "unlisted", "private")
MOST_TITLE = 150


class Writing:
    """The handlers; the state is the API's."""

    def __init__(self, api: YouTubeApi) -> None:
        self._api = api

    async def playlist(self, request: Request, person: Person) -> Response:
        """A new playlist of somebody who has a channel."""
        parts, body = asked_parts(request, PARTS), await query.body(request)
        channel = self._channel(person)
        snippet, status = body.get("snippet", {}), body.get("status", {})
        title = snippet.get("title", "")
        if not title.strip() or len(title) > MOST_TITLE or "<" in title or ">" in title:
            raise ApiError(400, "The playlist title is missing or invalid.", "playlistTitleRequired",
                           domain="youtube.playlist")  # fmt: skip
        privacy = status.get("privacyStatus", "public")
        if privacy not in PRIVACY:
            raise ApiError(400, "Invalid status.", "invalidPlaylistSnippet", domain="youtube.playlist")
        self._api.state.made += 1
        id_ = f"PL{model.identifier(f'made {self._api.state.made}', 32)}"
        now = model.stamp(self._api.google.clock.now())
        playlist = Playlist(id_, channel.id, title, privacy, now, snippet.get("description", ""))
        self._api.state.playlists[id_] = playlist
        row = model.parts(model.playlist_row(playlist, channel), parts)
        return JSONResponse(query.selected(request, row))

    async def item(self, request: Request, person: Person) -> Response:
        """One more video in a playlist of one's own, at the end or at a position. One may be in it twice."""
        parts, body = asked_parts(request, PARTS), await query.body(request)
        channel = self._channel(person)
        snippet = body.get("snippet", {})
        playlist = self._api.state.playlists.get(snippet.get("playlistId", ""))
        if playlist is None or not self._api.readable(playlist, person):
            raise ApiError(404, "Playlist not found.", "playlistNotFound", domain="youtube.playlistItem")
        if playlist.channel != channel.id:
            raise ApiError(403, "The request is not properly authorized to modify the playlist.",
                           "playlistItemsNotAccessible", domain="youtube.playlistItem")  # fmt: skip
        resource = snippet.get("resourceId", {})
        if resource.get("kind") != "youtube#video" or not resource.get("videoId"):
            raise ApiError(400, "The request does not specify a resource.", "resourceIdRequired",
                           domain="youtube.playlistItem")  # fmt: skip
        video = self._api.state.videos.get(resource["videoId"])
        if video is None or not self._api.state.visible(video, person.key):
            raise ApiError(404, "Video not found.", "videoNotFound", domain="youtube.playlistItem")
        at = snippet.get("position", len(playlist.items))
        if not isinstance(at, int) or not 0 <= at <= len(playlist.items):
            raise ApiError(400, "Invalid playlist item position.", "invalidPlaylistItemPosition",
                           domain="youtube.playlistItem")  # fmt: skip
        entry = self._api.state.entry(playlist, video.id, at)
        row = self._api.item(entry, at, (playlist.id, channel), video.id, person)
        return JSONResponse(query.selected(request, model.parts(row, parts)))

    def _channel(self, person: Person) -> Channel:
        channel = self._api.state.mine(person.key)
        if channel is None:
            raise ApiError(401, "Unauthorized", "youtubeSignupRequired", domain="youtube.header",
                           about="Authorization")  # fmt: skip
        return channel
