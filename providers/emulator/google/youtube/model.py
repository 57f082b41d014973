"""Channels, videos and playlists: how they are kept, and how the API shows them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


@dataclass
class Channel:
    """A channel; `account` is whose it is, where that is one of the people here."""

    id: str
    title: str
    handle: str
    account: str | None = None

    @property
    def uploads(self) -> str:
        """The playlist of everything on it, newest first."""
        return f"UU{self.id[2:]}"


@dataclass
class Video:
    """A video; `privacy` is public, unlisted, private, or deleted where only entries in lists are left."""

    id: str
    channel: str
    title: str
    description: str
    duration: str
    published: str
    views: int
    privacy: str = "public"
    live: str = "none"


@dataclass
class Playlist:
    """A playlist; `items` are pairs of an entry's id and a video's."""

    id: str
    channel: str
    title: str
    privacy: str
    published: str
    description: str = ""
    items: list[tuple[str, str]] = field(default_factory=list)


class Library:
    """All of it. `liked`: ids of videos, by account."""

    def __init__(self) -> None:
        self.made = 0
        self.channels: dict[str, Channel] = {}
        self.videos: dict[str, Video] = {}
        self.playlists: dict[str, Playlist] = {}
        self.liked: dict[str, list[str]] = {}

    def mine(self, account: str) -> Channel | None:
        """Somebody's channel; a Google account need not have one."""
        return next((each for each in self.channels.values() if each.account == account), None)

    def visible(self, video: Video | None, account: str) -> bool:
        """Whether somebody may see a video."""
        if video is None or video.privacy == "deleted":
            return False
        return video.privacy != "private" or self.channels[video.channel].account == account

    def uploads(self, channel: Channel, account: str) -> list[Video]:
        """What is on a channel and may be seen, newest first."""
        rows = [each for each in self.videos.values() if each.channel == channel.id]
        shown = [each for each in rows if self.visible(each, account) and each.privacy != "unlisted"]
        return sorted(shown, key=lambda each: each.published, reverse=True)

    def entry(self, playlist: Playlist, video: str, at: int | None = None) -> str:
        """Put a video into a playlist. The id of the entry."""
        self.made += 1
        id_ = identifier(f"entry {self.made}", 48)
        playlist.items.insert(len(playlist.items) if at is None else at, (id_, video))
        return id_

    def dump(self) -> Json:
        """Everything, as JSON-ready values."""
        shelves = {"channels": self.channels, "videos": self.videos, "playlists": self.playlists}
        rows = {name: [asdict(row) for row in shelf.values()] for name, shelf in shelves.items()}  # type: ignore[attr-defined]
        return {"made": self.made, "liked": self.liked, **rows}

    def load(self, data: Mapping[str, Any]) -> None:
        """What `dump` gave."""
        self.made, self.liked = int(data["made"]), dict(data["liked"])
        self.channels = {row["id"]: Channel(**row) for row in data["channels"]}
        self.videos = {row["id"]: Video(**row) for row in data["videos"]}
        self.playlists = {row["id"]: Playlist(**row) for row in data["playlists"]}
        for playlist in self.playlists.values():
            playlist.items = [(entry, video) for entry, video in playlist.items]


# How they are shown


def video_row(video: Video, channel: Channel) -> Json:
    """A video with all its parts."""
    words = _words(video.title, video.description, video.published, channel)
    pictures = {"thumbnails": _pictures(video.id)}
    return _row("video", video.id, {
        "snippet": {**words, **pictures, "liveBroadcastContent": video.live, "categoryId": "22"},
        "contentDetails": {"duration": video.duration, "dimension": "2d", "definition": "hd"},
        "statistics": {"viewCount": str(video.views), "likeCount": str(video.views // 20),
                       "favoriteCount": "0", "commentCount": "3"},
        "status": {"uploadStatus": "processed", "privacyStatus": video.privacy, "embeddable": True},
    })  # fmt: skip


def channel_row(channel: Channel, videos: int, *, own: bool) -> Json:
    """A channel with all its parts; only its owner is told where the liked videos are."""
    return _row("channel", channel.id, {
        "snippet": {"title": channel.title, "description": "", "customUrl": channel.handle,
                    "publishedAt": "2019-01-01T00:00:00Z", "thumbnails": _pictures(channel.id)},
        "contentDetails": {"relatedPlaylists": {"likes": "LL" if own else "", "uploads": channel.uploads}},
        "statistics": {"viewCount": "1000", "subscriberCount": "100", "videoCount": str(videos),
                       "hiddenSubscriberCount": False},
    })  # fmt: skip


def playlist_row(playlist: Playlist, channel: Channel) -> Json:
    """A playlist with all its parts."""
    return _row("playlist", playlist.id, {
        "snippet": {**_words(playlist.title, playlist.description, playlist.published, channel),
                    "thumbnails": _pictures(playlist.id)},
        "contentDetails": {"itemCount": len(playlist.items)},
        "status": {"privacyStatus": playlist.privacy},
    })  # fmt: skip


def item_row(entry: str, at: int, where: tuple[str, Channel], video: Video, owner: Channel | None) -> Json:
    """An entry of a playlist (its id, its channel) with all its parts; without an `owner` who asks may not
    see the video.
    """
    playlist, channel = where
    title, text, pictures = video.title, video.description, _pictures(video.id)
    privacy = video.privacy
    if owner is None:
        gone = video.privacy == "deleted"
        title, text, pictures = ("Deleted video", "This video is unavailable.", {}) if gone else (
            "Private video", "This video is private.", {})  # fmt: skip
        privacy = "private"
    resource = {"kind": "youtube#video", "videoId": video.id}
    snippet = {**_words(title, text, "2026-01-05T10:00:00Z", channel), "thumbnails": pictures,
               "playlistId": playlist, "position": at, "resourceId": resource}  # fmt: skip
    details: Json = {"videoId": video.id}
    if owner is not None:
        snippet |= {"videoOwnerChannelTitle": owner.title, "videoOwnerChannelId": owner.id}
        details["videoPublishedAt"] = video.published
    return _row("playlistItem", entry, {
        "snippet": snippet, "contentDetails": details, "status": {"privacyStatus": privacy}
    })  # fmt: skip


def etag(row: Any) -> str:
    """A version that changes with what it is of."""
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:27]


def identifier(seed: str, length: int) -> str:
    """A word of YouTube's alphabet."""
    digest = hashlib.sha512(f"youtube:{seed}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:length]


def stamp(now: float) -> str:
    """RFC 3339, whole seconds."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parts(row: Json, wanted: Iterable[str]) -> Json:
    """A row with the parts that were asked for."""
    return {name: row[name] for name in ("kind", "etag", "id", *wanted) if name in row}


def _row(kind: str, id_: str, parts: Json) -> Json:
    return {"kind": f"youtube#{kind}", "etag": etag(parts), "id": id_, **parts}


def _words(title: str, description: str, published: str, channel: Channel) -> Json:
    return {"publishedAt": published, "channelId": channel.id, "title": title, "description": description,
            "channelTitle": channel.title}  # fmt: skip


def _pictures(id_: str) -> Json:
    return {"default": {"url": f"https://i.ytimg.com/vi/{id_}/default.jpg", "width": 120, "height": 90}}
