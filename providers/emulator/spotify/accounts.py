"""accounts.spotify.com and the page of connected apps: Spotify's scopes and rules for the common flow."""

from __future__ import annotations

from starlette.routing import Route

from providers.emulator.ledger import LOOPBACK, Rules
from providers.emulator.oauth import CodeFlow

AUTHORIZE = "/accounts.spotify.com/authorize"
TOKEN = "/accounts.spotify.com/api/token"  # noqa: S105 - a path

RULES = Rules(
    prefixes={"access": "BQemu-canary-", "refresh": "AQemu-canary-", "code": "AQemu-code-"},
    grant_seconds=182 * 86400,
    plain=LOOPBACK,
    barred=frozenset({"localhost"}),
    any_port=True,
)
"""A refresh token dies six months after consent and refreshing does not extend that (June 2026). Redirects
name loopback addresses, never `localhost` (developer.spotify.com, Redirect URIs)."""

SCOPES = {
    "ugc-image-upload": "Upload images to Spotify on your behalf.",
    "user-read-playback-state": "Read what is playing and your Spotify Connect devices.",
    "user-modify-playback-state": "Control playback on your Spotify Connect devices.",
    "user-read-currently-playing": "Read what is currently playing.",
    "app-remote-control": "Communicate with the Spotify app on your device.",
    "streaming": "Play content on your other devices.",
    "playlist-read-private": "Access your private playlists.",
    "playlist-read-collaborative": "Access your collaborative playlists.",
    "playlist-modify-private": "Manage your private playlists.",
    "playlist-modify-public": "Manage your public playlists.",
    "user-follow-modify": "Manage who you are following.",
    "user-follow-read": "Access who you are following.",
    "user-read-playback-position": "Read your position in content you have played.",
    "user-top-read": "Read your top artists and content.",
    "user-read-recently-played": "Access your recently played items.",
    "user-library-modify": "Manage your saved content.",
    "user-library-read": "Access your saved content.",
    "user-read-email": "Get your real email address.",
    "user-read-private": "Access your subscription details.",
}
"""Every scope there is, with the sentence a person reads (the API's OpenAPI file, securitySchemes)."""


class Accounts(CodeFlow):
    """The common flow; the secret of an app comes by Basic only."""

    secret_in_body = False

    def routes(self) -> list[Route]:
        """What this file answers."""
        apps = Route("/www.spotify.com/account/apps/", self.connected, methods=["GET", "POST"])
        return [*super().routes(), apps]
