"""The Spotify client that a tool is handed."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.resolve import Resolve

from mcp_server.inject import connected
from providers.spotify import Spotify

SpotifyClient = Annotated[Spotify, Resolve(connected("spotify", Spotify))]
