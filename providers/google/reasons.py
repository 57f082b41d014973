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
    # drive.v3
    "appNotAuthorizedToFile": Reason(
        "conflict",
        "Valet may change only files that were made or opened with it, and this is none of them. The person "
        "can change it in Google Drive.",
    ),
    "cannotDownloadAbusiveFile": Reason(
        "conflict", "Google holds that file to be malware or spam and does not give it out."
    ),
    "conversionUnsupportedConversionPath": Reason(
        "invalid_argument", "Google can't make that kind of file from content of that type."
    ),
    "domainPolicy": Reason(
        "conflict", "The organisation of the connected account does not allow this. Its administrator can."
    ),
    "exportSizeLimitExceeded": Reason(
        "conflict", "That file is too large: Google exports at most 10 MB. Read a part of it instead."
    ),
    "fileNotDownloadable": Reason("conflict", "That file has no content of its own that could be read."),
    "fileNotExportable": Reason("conflict", "Google can't export that kind of file, so it can't be read."),
    "insufficientFilePermissions": Reason(
        "conflict", "The connected account may not do that with this file. Its owner can allow it."
    ),
    "invalidSharingRequest": Reason(
        "conflict",
        "Google refused to share it so. An address without a Google account can only be invited with "
        "`notify`: true.",
    ),
    "publishOutNotPermitted": Reason(
        "conflict", "The organisation of the connected account does not allow sharing outside of it."
    ),
    "shareOutNotPermitted": Reason(
        "conflict", "The organisation of the connected account does not allow sharing outside of it."
    ),
    "storageQuotaExceeded": Reason("conflict", "The Google account is full. Its person must make room."),
    # youtube.v3
    "playlistItemsNotAccessible": Reason(
        "conflict", "That playlist is not the person's own, or private. Choose one of theirs."
    ),
    "youtubeSignupRequired": Reason(
        "conflict", "This Google account has no YouTube channel yet. The person can make one on youtube.com."
    ),
}
