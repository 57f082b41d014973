"""Google's machine words for a refusal, and what each comes to. Those of one API alone say which."""

from __future__ import annotations

from collections.abc import Mapping

from providers.base import Reason

MEANINGS: Mapping[str, Reason] = {
    "accessNotConfigured": Reason(
        "provider_error",
        "The Google API that this needs is switched off in the Google Cloud project of this server's app. "
        "The operator must enable it there.",
    ),
    "deleted": Reason("not_found", "That was deleted before."),
    "eventTypeRestriction": Reason(
        "conflict", "Google Calendar does not let an event of that kind change so."
    ),
    "requiredAccessLevel": Reason(
        "conflict", "The connected account may look at that calendar but not change it. Choose another one."
    ),
    "forbiddenForNonOrganizer": Reason("conflict", "Only the organizer of that event may change this."),
    # people.v1: another version than the present one; a directory where there is none
    "FAILED_PRECONDITION": Reason(
        "conflict", "It is not in Google as this request takes it to be. Look it up again, then repeat this."
    ),
    "timeRangeEmpty": Reason("invalid_argument", "The end must be after the start."),
    # youtube.v3
    "playlistItemsNotAccessible": Reason(
        "conflict", "That playlist is not the person's own, or private. Choose one of theirs."
    ),
    "youtubeSignupRequired": Reason(
        "conflict", "This Google account has no YouTube channel yet. The person can make one on youtube.com."
    ),
}
