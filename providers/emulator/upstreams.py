"""The list of upstreams: one line each, in the order in which the control surface takes them."""

from __future__ import annotations

from providers.emulator.google.upstream import Google
from providers.emulator.oidc.upstream import HouseId
from providers.emulator.spotify.upstream import Spotify
from providers.emulator.upstream import Upstream

UPSTREAMS: tuple[type[Upstream], ...] = (
    Spotify,
    Google,
    HouseId,
)
