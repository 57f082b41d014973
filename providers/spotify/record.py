"""Spotify as data, and the two things that are code: reading an error, and finding the account."""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import SecretStr

from providers.base import Access, Account, Complaint, Dashboard, Provider, Reason, Service, Told
from providers.http import Http, decoded
from providers.model import read
from providers.spotify.answers import Profile

API = "https://api.spotify.com/v1"

PLAYER_REASONS = frozenset(
    {"NO_PREV_TRACK", "NO_NEXT_TRACK", "NO_SPECIFIC_TRACK", "ALREADY_PAUSED", "NOT_PAUSED",
     "NOT_PLAYING_LOCALLY", "NOT_PLAYING_TRACK", "NOT_PLAYING_CONTEXT", "ENDLESS_CONTEXT", "CONTEXT_DISALLOW",
     "ALREADY_PLAYING", "RATE_LIMITED", "REMOTE_CONTROL_DISALLOW", "DEVICE_NOT_CONTROLLABLE",
     "VOLUME_CONTROL_DISALLOW", "NO_ACTIVE_DEVICE", "PREMIUM_REQUIRED", "UNKNOWN"}
)  # fmt: skip
REASONS = PLAYER_REASONS | {"QUOTA_EXCEEDED", "USER_NOT_ALLOW_LISTED", "OWNER_NOT_PREMIUM"}

# What the player's machine words (PlayerErrorObject of the Web API) and the app's own troubles come to.
MEANINGS = {
    "PREMIUM_REQUIRED": Reason(
        "premium_required",
        "Spotify allows this only for Premium accounts. The connected account does not have Premium, so "
        "playback can't be controlled from here. Searching still works.",
    ),
    "NO_ACTIVE_DEVICE": Reason(
        "no_active_device",
        "No Spotify device is active. Open Spotify on a phone, computer or speaker, start it once, "
        "and ask again.",
    ),
    "DEVICE_NOT_CONTROLLABLE": Reason(
        "conflict", "That device does not take commands from other programs. Choose another device."
    ),
    "VOLUME_CONTROL_DISALLOW": Reason("conflict", "The volume of that device can't be set from here."),
    "REMOTE_CONTROL_DISALLOW": Reason(
        "conflict", "Spotify does not allow remote control of what is playing right now."
    ),
    "NO_NEXT_TRACK": Reason("conflict", "There is no next track."),
    "NO_PREV_TRACK": Reason("conflict", "There is no previous track."),
    "CONTEXT_DISALLOW": Reason("conflict", "Spotify does not allow this for what is playing right now."),
    "USER_NOT_ALLOW_LISTED": Reason(
        "provider_error",
        "This Spotify account is not on the list of people who may use the app it is connected by. "
        "Whose app that is, the operator or the person, must add it in the Spotify developer dashboard.",
        Told(
            "Spotify does not know you at this app yet",
            "Spotify lets an app serve only the people its owner has listed. Nothing was changed.",
            "Ask whoever runs this Valet to add you to the app at Spotify. Or use an app of your own: your "
            "account page leads through it, under “Own apps”.",
            "Add this account to your app, in the Spotify developer dashboard under “User Management”, and "
            "try again.",
        ),
    ),
    "OWNER_NOT_PREMIUM": Reason(
        "provider_error",
        "Spotify has switched the app off that this is connected by, because its owner has no Premium "
        "subscription. Only they can mend it: the operator, or the person where it is their own app.",
        Told(
            "Spotify has switched this app off",
            "It serves an app only while the owner of the app has Premium. Nothing was changed, and the "
            "account that you chose is not what is wrong.",
            "Tell whoever runs this Valet: the owner of the Spotify app needs Premium again.",
            "It is your own app: the Spotify account that it was registered with needs Premium again.",
        ),
    ),
}

_SAID: tuple[tuple[int, re.Pattern[bytes], Complaint], ...] = (
    (403, re.compile(rb"insufficient client scope", re.I), Complaint("", "scope")),
    (403, re.compile(rb"\bnot (be )?registered\b", re.I), Complaint("USER_NOT_ALLOW_LISTED")),
    (403, re.compile(rb"premium subscription required for the owner", re.I), Complaint("OWNER_NOT_PREMIUM")),
    (403, re.compile(rb"premium required", re.I), Complaint("PREMIUM_REQUIRED")),
    (404, re.compile(rb"no active device", re.I), Complaint("NO_ACTIVE_DEVICE")),
)


def complaint(status: int, body: bytes) -> Complaint:
    """Spotify's reason: the `reason` of its player errors, else one known by its sentence.

    The sentences are matched in the raw body: the allow list's refusal is not always JSON.
    """
    answer = decoded(body)
    error = answer.get("error") if isinstance(answer, dict) else None
    reason = error.get("reason") if isinstance(error, dict) else None
    if isinstance(reason, str) and reason in REASONS - {"UNKNOWN"}:
        return Complaint(reason)
    for where, sentence, meaning in _SAID:
        if status == where and sentence.search(body):
            return meaning
    return Complaint("UNKNOWN" if reason == "UNKNOWN" else "")


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
    secret_optional=True,
)

SPOTIFY = Provider(
    name="spotify",
    title="Spotify",
    issuer="https://accounts.spotify.com",
    authorize_url="https://accounts.spotify.com/authorize",
    token_url="https://accounts.spotify.com/api/token",  # noqa: S106  an address, not a password
    hosts=frozenset({"api.spotify.com"}),
    services=(
        Service(
            name="spotify",
            title="Spotify",
            read=Access(
                READ,
                "Search Spotify, and see what is playing, your library, your playlists, and what you have "
                "listened to.",
            ),
            write=Access(
                WRITE, "Control the music on your devices, and change your library and your playlists."
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
    dashboard=DASHBOARD,
    own_apps="Spotify lets an app have five people. With one of your own you need no place in theirs.",
)
