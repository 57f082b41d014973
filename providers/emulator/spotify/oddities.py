"""The playlists of this world, and those that a real account has and a tidy one has not.

As real answers show them: a local file, an episode, a track that is gone (the item is null), one track
several times, a playlist without items (its images are null), one of two people, one longer than a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from providers.emulator.spotify.catalog import Catalog, spotify_id
from providers.emulator.spotify.revisions import Entry, Playlist

ADDED_AT = "2026-02-14T08:30:00Z"
LOCAL = "spotify:local:The+Paper+Lanterns:Attic+Tapes:Rain+on+the+Skylight:187"
GONE = f"spotify:track:{spotify_id('track', 'taken down')}"
LONG = 130
EDITORIAL = tuple(
    Playlist(spotify_id("playlist", f"spotify/{name}"), name, "By the editors.", "spotify", public=True)
    for name in ("This Is Queen", "Bus Rides Radio")
)
"""Spotify's own playlists. A search finds them, and shows null in their place."""


def playlist(
    key: str, name: str, description: str, uris: Sequence[str], *, public: bool, **more: Any
) -> Playlist:
    """A playlist of `key` as it is when the world begins; `more` are further fields."""
    entries = [Entry(number, uri, ADDED_AT, key) for number, uri in enumerate(uris)]
    id_ = spotify_id("playlist", f"{key}/{name}")
    return Playlist(id_, name, description, key, public, entries, **more)


def named(catalog: Catalog, *tracks: str) -> list[str]:
    """The URIs of tracks by name."""
    return [f"spotify:track:{catalog.named(track).id}" for track in tracks]


def mixed(catalog: Catalog, key: str) -> Playlist:
    """One of everything: an episode, a local file, a track that is gone, one track three times."""
    chan, other = named(catalog, "Chan Chan", "Dos Gardenias")
    episode = next(e for e in catalog.episodes.values() if e.name == "Soup for a hundred")
    uris = [chan, f"spotify:episode:{episode.id}", LOCAL, chan, GONE, other, chan]
    return playlist(key, "Loose Ends", "Whatever fell off the shelf.", uris, public=False)


def shared(catalog: Catalog, key: str, other: str) -> Playlist:
    """A collaborative playlist: both may read and change its items."""
    uris = named(catalog, "Dreams", "Papaoutai", "Gasolina", "Karma Police")
    both = playlist(
        key, "Road Trip", "Who adds it drives.", uris,
        public=False, collaborative=True, collaborators=[other],
    )  # fmt: skip
    for entry in both.entries[1::2]:
        entry.by = other
    return both


def empty(key: str) -> Playlist:
    """A playlist nobody has put anything into."""
    return playlist(key, "New Playlist", "", [], public=False)


def long(catalog: Catalog, key: str) -> Playlist:
    """More items than any page holds, in an order that shows what is missing."""
    uris = [f"spotify:track:{track.id}" for track in catalog.tracks.values() if not track.barred]
    return playlist(key, "Everything, Twice", "Too long for one page.", (uris * 2)[:LONG], public=False)
