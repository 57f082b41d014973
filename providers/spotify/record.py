"""Spotify as data, and finding the account. What its errors come to: `reasons.py`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import SecretStr

from providers.base import Access, Account, Dashboard, Provider, Service
from providers.http import Http
from providers.model import read
from providers.spotify.answers import Profile
from providers.spotify.reasons import APP_LIMITS, MEANINGS, complaint

API = "https://api.spotify.com/v1"

PLAYBACK = frozenset({"user-read-playback-state"})
QUEUE = frozenset({"user-read-playback-state", "user-read-currently-playing"})
CONTROL = frozenset({"user-modify-playback-state"})
POSITION = frozenset({"user-read-playback-position"})
TOP = frozenset({"user-top-read"})
HISTORY = frozenset({"user-read-recently-played"})
LIBRARY = frozenset({"user-library-read"})
LIBRARY_EDIT = frozenset({"user-library-modify"})
FOLLOWED = frozenset({"user-follow-read"})
FOLLOW = frozenset({"user-follow-modify"})
PLAYLISTS = frozenset({"playlist-read-private", "playlist-read-collaborative"})
PLAYLISTS_EDIT = frozenset({"playlist-modify-private", "playlist-modify-public"})
PUBLIC_PLAYLISTS_EDIT = frozenset({"playlist-modify-public"})
"""The upstream scopes of groups of calls (securitySchemes of the Web API's OpenAPI file)."""

READ = QUEUE | POSITION | TOP | HISTORY | LIBRARY | FOLLOWED | PLAYLISTS
WRITE = CONTROL | LIBRARY_EDIT | FOLLOW | PLAYLISTS_EDIT
"""All that our tools need. Spotify's consent is all or nothing, so a person is asked for it once."""


async def account(http: Http, token: SecretStr) -> Account:
    """Who a fresh token belongs to: `account_id` of GET /me, which is immutable (`id` is not).

    Its subject is empty where the answer has none. Raises ProviderError.
    """
    answer = await http.request(SPOTIFY, "GET", f"{API}/me", operation="account", credential=token)
    me = read(Profile, answer)
    return Account(SPOTIFY.issuer, me.account_id, me.display_name or "Spotify")


# developer.spotify.com/documentation/web-api/concepts/apps, .../quota-modes and .../redirect_uri.
DASHBOARD = Dashboard(
    url="https://developer.spotify.com/dashboard",
    steps=(
        "Open Spotify’s dashboard and log in with your Spotify account. It needs Premium.",
        "Press “Create app”. Name and description are yours to choose, such as Valet.",
        "Under “Redirect URIs” enter this address, letter by letter, and press “Add”.",
        "Where it asks which APIs you plan to use, tick “Web API”. Agree to the terms and save.",
        "Open the app’s settings and copy its “Client ID”.",
        "To connect another account than yours, add it under “User Management”. Five people can use one app.",
    ),
    redirect=3,
    note="Spotify’s Developer Policy (III.14) forbids ingesting its content, names of tracks included, into "
    "an AI model. Valet shows a model little of it and stores none, but you answer for your app.",
    rules="https://developer.spotify.com/policy",
    secret_optional=True,
)

SPOTIFY = Provider(
    name="spotify",
    title="Spotify",
    issuer="https://accounts.spotify.com",
    authorize_url="https://accounts.spotify.com/authorize",
    token_url="https://accounts.spotify.com/api/token",  # noqa: S106  an address, not a password
    hosts=frozenset({"api.spotify.com"}),
    # All covers of tracks, episodes, chapters, albums, shows and audiobooks in the real answers we have; the
    # pictures of playlists, elsewhere too, are never shown.
    media_hosts=frozenset({"i.scdn.co"}),
    services=(
        Service(
            name="spotify",
            title="Spotify",
            read=Access(
                READ,
                "Search Spotify, and see what is playing, your library and your playlists, the artists you "
                "follow, what you listened to lately and most, and how far you got in episodes.",
            ),
            write=Access(
                WRITE,
                "Control the music on your devices, change your library and your playlists, and follow "
                "artists for you.",
            ),
        ),
    ),
    account=account,
    manage_url="https://www.spotify.com/account/apps/",
    client_id_setting="SPOTIFY_CLIENT_ID",
    client_secret_setting="SPOTIFY_CLIENT_SECRET",  # noqa: S106  a setting's name
    switch_params={"show_dialog": "true"},
    again_params={"show_dialog": "true"},
    # "6 months after the user's authorization"; six months are at least 181 days. A day early is harmless.
    grant_lifetime=timedelta(days=180),
    complaint=complaint,
    reasons=MEANINGS,
    app_limits=APP_LIMITS,
    dashboard=DASHBOARD,
    own_apps="Spotify lets an app have five people. With one of your own you need no place in theirs.",
)
