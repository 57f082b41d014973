"""What Spotify's refusals come to: its machine words, and a sentence for each that says what to do next.

The player's words are those of the Web API's PlayerErrorObject (its reference of 2024; the OpenAPI file names
them no more). The others are about the app that a connection stands on, and are known by what Spotify writes.
"""

from __future__ import annotations

import re

from providers.base import QUOTA, Complaint, Reason, Told
from providers.http import decoded

PLAYER_REASONS = frozenset(
    {"NO_PREV_TRACK", "NO_NEXT_TRACK", "NO_SPECIFIC_TRACK", "ALREADY_PAUSED", "NOT_PAUSED",
     "NOT_PLAYING_LOCALLY", "NOT_PLAYING_TRACK", "NOT_PLAYING_CONTEXT", "ENDLESS_CONTEXT", "CONTEXT_DISALLOW",
     "ALREADY_PLAYING", "RATE_LIMITED", "REMOTE_CONTROL_DISALLOW", "DEVICE_NOT_CONTROLLABLE",
     "VOLUME_CONTROL_DISALLOW", "NO_ACTIVE_DEVICE", "PREMIUM_REQUIRED", "UNKNOWN"}
)  # fmt: skip
APP_REASONS = frozenset({"USER_NOT_ALLOW_LISTED", "OWNER_NOT_PREMIUM", "FORBIDDEN"})
REASONS = PLAYER_REASONS | APP_REASONS | {QUOTA}

APP_LIMITS = frozenset({QUOTA, ""})
"""Spotify counts by app (developer.spotify.com/documentation/web-api/concepts/rate-limits), and its quota by
the developer's account. RATE_LIMITED is none of these: the player says it to one who starts too much."""

_APP = {
    "USER_NOT_ALLOW_LISTED": Reason(
        "provider_error",
        "Spotify does not serve this account: it is not on the list of people who may use this server's "
        "Spotify app. The operator of this server must add it in the Spotify developer dashboard, under "
        "“User Management” (five people at most), or the person uses an app of their own: Valet's account "
        "page leads through it, under “Own apps”. Connecting again does not help before that.",
        Told(
            "Spotify does not know you at this app yet",
            "Spotify lets an app serve only the people its owner has listed. Nothing was changed.",
            "Ask whoever runs this Valet to add you to the app at Spotify. Or use an app of your own: your "
            "account page leads through it, under “Own apps”.",
            "Add this account to your app, in the Spotify developer dashboard under “User Management”, and "
            "try again.",
        ),
        own="Spotify does not serve this account: it is not on the list of people who may use the Spotify "
        "app that this person brought. They can add it themselves, in the Spotify developer dashboard under "
        "“User Management”, and then repeat the call. Connecting again does not help before that.",
    ),
    "OWNER_NOT_PREMIUM": Reason(
        "provider_error",
        "Spotify serves nobody through this server's Spotify app, because the owner of the app has no "
        "Premium subscription at the moment. Only the operator of this server can mend that. The connected "
        "account is not what is wrong, and connecting again does not help.",
        Told(
            "Spotify has switched this app off",
            "It serves an app only while the owner of the app has Premium. Nothing was changed, and the "
            "account that you chose is not what is wrong.",
            "Tell whoever runs this Valet: the owner of the Spotify app needs Premium again.",
            "It is your own app: the Spotify account that it was registered with needs Premium again.",
        ),
        own="Spotify does not serve the Spotify app that this person brought, because the account that it "
        "was registered with has no Premium subscription at the moment. Only they can mend that, at "
        "Spotify. Connecting again does not help.",
    ),
    "FORBIDDEN": Reason(
        "provider_error",
        "Spotify closes this to the connected account or to the app that it is connected by, and does not "
        "say which. Often the item is another person's; or the app is of a kind that Spotify no longer lets "
        "do this. Repeating the call or connecting again does not help; if it happens with the person's own "
        "things, too, tell the operator of this server.",
    ),
}

_PLAYER = {
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
        "conflict",
        "That device does not take commands from other programs. Choose another device.",
    ),
    "VOLUME_CONTROL_DISALLOW": Reason(
        "conflict",
        "The volume of that device can't be set from here. Set it on the device itself.",
    ),
    "REMOTE_CONTROL_DISALLOW": Reason(
        "conflict",
        "Spotify does not allow remote control of what is playing right now. Start something else, or use "
        "the device itself.",
    ),
    "NO_NEXT_TRACK": Reason("conflict", "There is no next track. Start something else, or go back."),
    "NO_PREV_TRACK": Reason(
        "conflict",
        "There is no previous track. Seek to the beginning to hear this one again.",
    ),
    "NO_SPECIFIC_TRACK": Reason(
        "conflict",
        "There is no such track in what is playing. Look at what is playing, and choose one of it.",
    ),
    "ALREADY_PAUSED": Reason("conflict", "The player is paused already; nothing has to be done."),
    "NOT_PAUSED": Reason("conflict", "The player is not paused, so there is nothing to resume."),
    "ALREADY_PLAYING": Reason("conflict", "That is playing already; nothing has to be done."),
    "NOT_PLAYING_LOCALLY": Reason(
        "conflict",
        "That device is not the one that plays. Look at what is playing and where, and name that device.",
    ),
    "NOT_PLAYING_TRACK": Reason(
        "conflict",
        "No track is playing, so there is nothing to do this with. Start one first.",
    ),
    "NOT_PLAYING_CONTEXT": Reason(
        "conflict",
        "What is playing is not an album, playlist, artist or show, so it has no order to move in. Start one "
        "of those first.",
    ),
    "ENDLESS_CONTEXT": Reason(
        "conflict",
        "What is playing has no end, like a radio, so this can't be done with it. Start a playlist or album.",
    ),
    "CONTEXT_DISALLOW": Reason(
        "conflict",
        "Spotify does not allow this for what is playing right now. Start something else and try it there.",
    ),
    "RATE_LIMITED": Reason(
        "rate_limited",
        "Spotify's player was given too many commands in a short time. Wait a minute before the next one.",
    ),
    "UNKNOWN": Reason(
        "conflict",
        "Spotify does not allow this right now and does not say why: the player may be in that state "
        "already, an advertisement may be on, or the device may not take commands. Look at what is playing "
        "before another try.",
    ),
}

MEANINGS = {**_PLAYER, **_APP}

_SAID: tuple[tuple[int, re.Pattern[bytes], Complaint], ...] = (
    (403, re.compile(rb"insufficient client scope", re.I), Complaint("", "scope")),
    (403, re.compile(rb"\bnot (be )?registered\b", re.I), Complaint("USER_NOT_ALLOW_LISTED")),
    (403, re.compile(rb"premium subscription required for the owner", re.I), Complaint("OWNER_NOT_PREMIUM")),
    (403, re.compile(rb"premium required", re.I), Complaint("PREMIUM_REQUIRED")),
    (404, re.compile(rb"no active device", re.I), Complaint("NO_ACTIVE_DEVICE")),
)


def complaint(status: int, body: bytes) -> Complaint:
    """Spotify's reason: the `reason` of its player errors, else one known by its sentence.

    The sentences are matched in the raw body: the allow list's refusal is not always JSON. A bare "Forbidden"
    is what routes say that an app no longer has, and a playlist that is somebody else's.
    """
    answer = decoded(body)
    error = answer.get("error") if isinstance(answer, dict) else None
    reason = error.get("reason") if isinstance(error, dict) else None
    if isinstance(reason, str) and reason in REASONS - {"UNKNOWN"}:
        return Complaint(reason)
    for where, sentence, meaning in _SAID:
        if status == where and sentence.search(body):
            return meaning
    if reason == "UNKNOWN":
        return Complaint("UNKNOWN")
    closed = status == 403 and isinstance(error, dict) and error.get("message") == "Forbidden"
    return Complaint("FORBIDDEN" if closed else "")
