"""Spotify's catalogue and player as types, reduced to what a tool needs.

Read tolerantly: local files have no id, deleted items come back as null, fields that went in February 2026
may still be there.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AliasChoices, AliasPath, BeforeValidator, Discriminator, Field, Tag, model_validator

from providers.model import Model, Text

Url = Annotated[Text, Field(validation_alias=AliasPath("external_urls", "spotify"))]


def _names(value: object) -> object:
    """The names in a list of `{"name": …}`, or our own form of it read back."""
    found = value if isinstance(value, (list, tuple)) else ()
    names = (row.get("name") if isinstance(row, dict) else row for row in found)
    return tuple(name for name in names if isinstance(name, str))


def _number(value: object) -> object:
    """A whole number; anything else that Spotify sends in its place is absent."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _length(value: object) -> object:
    return _number(value) or 0


Count = Annotated[int | None, BeforeValidator(_number)]
Milliseconds = Annotated[int, BeforeValidator(_length)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


class Image(Model):
    """A picture's address and its size in pixels, where Spotify says it."""

    url: Text = ""
    width: Count = None
    height: Count = None


class Thing(Model):
    """What every catalogue object has. `id` is None for a local file; pictures come largest first."""

    id: str | None = None
    uri: Text = ""
    name: Text = ""
    url: Url = ""
    images: tuple[Image, ...] = ()


class Artist(Thing):
    """An artist."""

    kind: Literal["artist"] = "artist"


class Album(Thing):
    """An album, single or compilation (`album_type`)."""

    kind: Literal["album"] = "album"
    album_type: Text = ""
    artists: tuple[Artist, ...] = ()
    release_date: Text = ""
    total_tracks: Count = None


class Track(Thing):
    """A track, or a local file (`id` is None then, and it cannot be played from here)."""

    kind: Literal["track"] = "track"
    artists: tuple[Artist, ...] = ()
    album: Album | None = None
    duration_ms: Milliseconds = 0
    explicit: bool | None = None
    is_playable: bool | None = None
    disc_number: Count = None
    track_number: Count = None


class Playlist(Thing):
    """A playlist. `size` counts its items, where Spotify says: on the person's own and shared ones."""

    kind: Literal["playlist"] = "playlist"
    description: Text = ""
    owner: Annotated[Text, Field(validation_alias=AliasPath("owner", "display_name"))] = ""
    owner_id: Annotated[Text, Field(validation_alias=AliasPath("owner", "id"))] = ""
    public: bool | None = None
    collaborative: bool | None = None
    snapshot_id: Text = ""
    size: Annotated[
        Count,
        Field(validation_alias=AliasChoices(AliasPath("items", "total"), AliasPath("tracks", "total"))),
    ] = None


class Show(Thing):
    """A podcast."""

    kind: Literal["show"] = "show"
    description: Text = ""
    total_episodes: Count = None


class Audiobook(Thing):
    """An audiobook. Its URI reads `spotify:show:…`."""

    kind: Literal["audiobook"] = "audiobook"
    authors: Names = ()
    narrators: Names = ()
    description: Text = ""
    total_chapters: Count = None


class Spoken(Thing):
    """What an episode and a chapter share: how long, and how far the person has heard it."""

    description: Text = ""
    release_date: Text = ""
    duration_ms: Milliseconds = 0
    explicit: bool | None = None
    is_playable: bool | None = None
    resume_ms: Annotated[Count, Field(validation_alias=AliasPath("resume_point", "resume_position_ms"))] = (
        None
    )
    finished: Annotated[bool | None, Field(validation_alias=AliasPath("resume_point", "fully_played"))] = None


class Episode(Spoken):
    """One episode of a podcast."""

    kind: Literal["episode"] = "episode"
    show: Show | None = None


class Chapter(Spoken):
    """One chapter of an audiobook. Its URI reads `spotify:episode:…`."""

    kind: Literal["chapter"] = "chapter"
    audiobook: Audiobook | None = None
    chapter_number: Count = None


def _playable(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "kind", None)
    return "episode" if kind == "episode" else "track"


Playable = Annotated[
    Annotated[Track, Tag("track")] | Annotated[Episode, Tag("episode")], Discriminator(_playable)
]

T = TypeVar("T")


class Rows(Model):
    """What every list has in common. Null rows are dropped from `items`; they were some of its `rows`.

    `places` says for each of `items` which row it was, from 0: a list that is cut goes on from there.
    """

    rows: int = 0
    places: tuple[int, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _counted(cls, data: Any) -> Any:
        rows = data.get("items") if isinstance(data, dict) else None
        if not isinstance(rows, list) or "places" in data:
            return data
        places = [place for place, row in enumerate(rows) if row is not None]
        return {**data, "rows": len(rows), "places": places}


class Page(Rows, Generic[T]):
    """A part of a list; `total` counts the whole, `offset` is where this part begins.

    Null items are dropped, so a page may hold fewer than `limit` and not be the last: `more` says that there
    is another.
    """

    items: tuple[T, ...] = ()
    total: Milliseconds = 0
    offset: Milliseconds = 0
    limit: Milliseconds = 0
    next: Text = ""

    @property
    def more(self) -> bool:
        """Whether another page follows."""
        return bool(self.next) or self.offset + self.limit < self.total


class Places(Page[T], Generic[T]):
    """A part of a list whose places count: where another list drops a null, this has an empty object."""

    @model_validator(mode="before")
    @classmethod
    def _with_gaps(cls, data: Any) -> Any:
        items = data.get("items") if isinstance(data, dict) else None
        if not isinstance(items, list):
            return data
        return {**data, "items": [{} if row is None else row for row in items]}


class SearchResults(Model):
    """One page per kind that was searched for."""

    tracks: Page[Track] | None = None
    albums: Page[Album] | None = None
    artists: Page[Artist] | None = None
    playlists: Page[Playlist] | None = None
    shows: Page[Show] | None = None
    episodes: Page[Episode] | None = None
    audiobooks: Page[Audiobook] | None = None


class Device(Model):
    """A player. Without an id, or restricted, it takes no commands from here."""

    id: str | None = None
    name: Text = ""
    type: Text = ""
    is_active: bool = False
    is_restricted: bool = False
    volume_percent: Count = None
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
    progress_ms: Count = None
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
    """The account behind a token. `account_id` never changes; `id` is what playlists name as their owner."""

    account_id: Text = ""
    id: Text = ""
    display_name: Text = ""
    url: Url = ""


class Devices(Model):
    """The players a person has."""

    devices: tuple[Device, ...] = ()
