"""What is a person's own on Spotify, as types: what they saved, followed, heard, and keep in playlists."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import AliasChoices, AliasPath, Field

from providers.model import Model, Text
from providers.spotify.answers import (
    Album,
    Artist,
    Episode,
    Milliseconds,
    Places,
    Playable,
    Playlist,
    Rows,
    Show,
    Thing,
    Track,
)

S = TypeVar("S", bound=Thing)


class Saved(Model, Generic[S]):
    """Something in the library, and since when (`added_at`, RFC 3339).

    `item` is None, or nameless, where Spotify no longer has it.
    """

    added_at: Text = ""
    item: Annotated[
        S | None, Field(validation_alias=AliasChoices("track", "album", "show", "episode", "item"))
    ] = None


SavedTrack = Saved[Track]
SavedAlbum = Saved[Album]
SavedShow = Saved[Show]
SavedEpisode = Saved[Episode]


class Cursored(Rows, Generic[S]):
    """A part of a list that goes on after a cursor; `after` is None on the last one."""

    items: tuple[S, ...] = ()
    total: Milliseconds = 0
    after: Annotated[str | None, Field(validation_alias=AliasPath("cursors", "after"))] = None


class Following(Model):
    """The artists that a person follows."""

    artists: Cursored[Artist] = Cursored[Artist]()


class Played(Model):
    """A track that was heard, and when (`played_at`, RFC 3339)."""

    track: Track | None = None
    played_at: Text = ""
    context_uri: Annotated[str | None, Field(validation_alias=AliasPath("context", "uri"))] = None


class History(Rows):
    """A part of what was heard, latest first. `before` and `after`, in Unix ms, lead to older and newer."""

    items: tuple[Played, ...] = ()
    before: Annotated[Text, Field(validation_alias=AliasPath("cursors", "before"))] = ""
    after: Annotated[Text, Field(validation_alias=AliasPath("cursors", "after"))] = ""
    next: Text = ""


class Entry(Model):
    """One place of a playlist. `item` is None where what stood there is gone; the place still counts."""

    added_at: Text = ""
    is_local: bool = False
    item: Annotated[Playable | None, Field(validation_alias=AliasChoices("item", "track"))] = None


EntryPage = Places[Entry]
PlaylistPage = Places[Playlist]


class Snapshot(Model):
    """What a playlist is called after a change: its `snapshot_id`."""

    snapshot_id: Text = ""
