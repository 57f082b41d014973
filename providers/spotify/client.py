"""The calls our tools make to Spotify's Web API."""

from __future__ import annotations

from providers.spotify.catalogue import CatalogueCalls
from providers.spotify.library import LibraryCalls
from providers.spotify.player import PlayerCalls
from providers.spotify.playlists import PlaylistCalls


class Spotify(CatalogueCalls, LibraryCalls, PlaylistCalls, PlayerCalls):
    """Spotify's Web API with one person's credential. Every call raises ProviderError."""
