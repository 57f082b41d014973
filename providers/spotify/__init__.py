"""Spotify: its record, its answers as types, the calls our tools make, and references to its items.

This room owns what Valet knows of Spotify: what a development-mode app may call since February 2026.
It refuses to keep anything: Spotify's terms forbid storing its content.
Endpoints, scopes and fields are those of Spotify's published OpenAPI file.
"""

from providers.spotify.answers import (
    Album,
    Artist,
    Device,
    Episode,
    Page,
    Playable,
    Playback,
    Playlist,
    Queue,
    SearchResults,
    Show,
    Track,
)
from providers.spotify.client import SearchKind, Spotify
from providers.spotify.record import SPOTIFY
from providers.spotify.reference import Reference, ReferenceKind, parse_reference

__all__ = [
    "SPOTIFY",
    "Album",
    "Artist",
    "Device",
    "Episode",
    "Page",
    "Playable",
    "Playback",
    "Playlist",
    "Queue",
    "Reference",
    "ReferenceKind",
    "SearchKind",
    "SearchResults",
    "Show",
    "Spotify",
    "Track",
    "parse_reference",
]
