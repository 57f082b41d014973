"""Spotify's answers as types, reduced to what a tool needs.

Read tolerantly: local files have no id, deleted items come back as null, fields that went in February 2026
may still be there.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AliasPath, BeforeValidator, Discriminator, Field, Tag

from providers.model import Model, Text

Url = Annotated[Text, Field(validation_alias=AliasPath("external_urls", "spotify"))]


class Thing(Model):
    """What every catalogue object has. `id` is None for a local file."""

    id: str | None = None
    uri: Text = ""
    name: Text = ""
    url: Url = ""


class Artist(Thing):
    """An artist."""

    kind: Literal["artist"] = "artist"


class Album(Thing):
    """An album, single or compilation."""

    kind: Literal["album"] = "album"
    artists: tuple[Artist, ...] = ()
    release_date: Text = ""
    total_tracks: int | None = None


class Track(Thing):
    """A track, or a local file (`id` is None then, and it cannot be played from here)."""

    kind: Literal["track"] = "track"
    artists: tuple[Artist, ...] = ()
    album: Album | None = None
    duration_ms: int = 0
    explicit: bool | None = None
    is_playable: bool | None = None


class Playlist(Thing):
    """A playlist. `size` counts its items, where Spotify says."""

    kind: Literal["playlist"] = "playlist"
    description: Text = ""
    owner: Annotated[Text, Field(validation_alias=AliasPath("owner", "display_name"))] = ""
    size: Annotated[int | None, Field(validation_alias=AliasPath("items", "total"))] = None


class Show(Thing):
    """A podcast."""

    kind: Literal["show"] = "show"
    description: Text = ""
    total_episodes: int | None = None


class Episode(Thing):
    """One episode of a podcast."""

    kind: Literal["episode"] = "episode"
    show: Show | None = None
    description: Text = ""
    release_date: Text = ""
    duration_ms: int = 0
    explicit: bool | None = None
    is_playable: bool | None = None


def _playable(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "kind", None)
    return "episode" if kind == "episode" else "track"


Playable = Annotated[
    Annotated[Track, Tag("track")] | Annotated[Episode, Tag("episode")], Discriminator(_playable)
]

T = TypeVar("T")


class Page(Model, Generic[T]):
    """A part of a list; `total` counts the whole, `offset` is where this part begins."""

    items: tuple[T, ...] = ()
    total: int = 0
    offset: int = 0
    limit: int = 0


class SearchResults(Model):
    """One page per kind that was searched for."""

    tracks: Page[Track] | None = None
    albums: Page[Album] | None = None
    artists: Page[Artist] | None = None
    playlists: Page[Playlist] | None = None
    shows: Page[Show] | None = None
    episodes: Page[Episode] | None = None


class Device(Model):
    """A player. Without an id, or restricted, it takes no commands from here."""

    id: str | None = None
    name: Text = ""
    type: Text = ""
    is_active: bool = False
    is_restricted: bool = False
    volume_percent: int | None = None
    supports_volume: bool | None = None


def _forbidden(value: object) -> object:
    """The names that are true, or our own form of it read back."""
    if isinstance(value, dict):
        return {name for name, no in value.items() if no is True}
    return value if isinstance(value, (list, tuple, set, frozenset)) else ()


class Playback(Model):
    """What is playing where. `disallows` names the actions refused right now (`pausing`, `skipping_next`)."""

    device: Device | None = None
    is_playing: bool = False
    progress_ms: int | None = None
    item: Playable | None = None
    context_uri: Annotated[str | None, Field(validation_alias=AliasPath("context", "uri"))] = None
    shuffle_state: bool | None = None
    repeat_state: Text = ""
    disallows: Annotated[
        frozenset[str], BeforeValidator(_forbidden), Field(validation_alias=AliasPath("actions", "disallows"))
    ] = frozenset()


class Queue(Model):
    """What plays now and next."""

    currently_playing: Playable | None = None
    queue: tuple[Playable, ...] = ()


class Profile(Model):
    """The account behind a token. `account_id` never changes."""

    account_id: Text = ""
    display_name: Text = ""


class Devices(Model):
    """The players a person has."""

    devices: tuple[Device, ...] = ()
