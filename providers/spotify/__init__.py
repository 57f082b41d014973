"""Spotify: its record, its answers as types, the calls our tools make, and references to its items.

This room owns what Valet knows of Spotify: what a development-mode app may call since February 2026.
It refuses to keep anything: Spotify's terms forbid storing its content.
Endpoints, scopes and fields are those of Spotify's published OpenAPI file.
"""

from providers.spotify.answers import (
    Album,
    Artist,
    Audiobook,
    Chapter,
    Device,
    Episode,
    Image,
    Page,
    Playable,
    Playback,
    Playlist,
    Profile,
    Queue,
    SearchResults,
    Show,
    Track,
)
from providers.spotify.catalogue import AlbumGroup, SearchKind
from providers.spotify.client import Spotify
from providers.spotify.library import MOST_URIS, TimeRange
from providers.spotify.personal import Cursored, Entry, EntryPage, History, Played, Saved
from providers.spotify.player import RepeatState
from providers.spotify.playlists import MOST_ITEMS
from providers.spotify.record import SPOTIFY
from providers.spotify.reference import Reference, ReferenceKind, parse_reference

__all__ = [
    "MOST_ITEMS",
    "MOST_URIS",
    "SPOTIFY",
    "Album",
    "AlbumGroup",
    "Artist",
    "Audiobook",
    "Chapter",
    "Cursored",
    "Device",
    "Entry",
    "EntryPage",
    "Episode",
    "History",
    "Image",
    "Page",
    "Playable",
    "Playback",
    "Played",
    "Playlist",
    "Profile",
    "Queue",
    "Reference",
    "ReferenceKind",
    "RepeatState",
    "Saved",
    "SearchKind",
    "SearchResults",
    "Show",
    "Spotify",
    "TimeRange",
    "Track",
    "parse_reference",
]
