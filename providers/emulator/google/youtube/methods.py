"""The methods of youtube.v3, as its discovery document has them: name, verb, path, accepted scopes."""

from __future__ import annotations

from providers.emulator.google.api import rest

WRITING = ("youtube", "youtube.force-ssl", "youtubepartner")
READING = (*WRITING, "youtube.readonly")

SERVED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("youtube.search.list", "GET", "/search", READING),
    ("youtube.videos.list", "GET", "/videos", READING),
    ("youtube.channels.list", "GET", "/channels", (*READING, "youtubepartner-channel-audit")),
    ("youtube.playlists.list", "GET", "/playlists", READING),
    ("youtube.playlists.insert", "POST", "/playlists", WRITING),
    ("youtube.playlistItems.list", "GET", "/playlistItems", READING),
    ("youtube.playlistItems.insert", "POST", "/playlistItems", WRITING),
)

UNBUILT = rest(
    """
    DELETE,GET,POST /liveChat/messages /liveChat/moderators /subscriptions
    DELETE,GET,POST,PUT /captions /channelSections /comments /liveBroadcasts /liveStreams /playlistImages
    DELETE,GET,POST,PUT /thirdPartyLinks
    DELETE,POST /liveChat/bans
    DELETE,POST,PUT /videos
    DELETE,PUT /playlists /playlistItems
    GET /activities /captions/{id} /i18nLanguages /i18nRegions /liveChat/messages/stream /members
    GET /membershipsLevels /superChatEvents /videoAbuseReportReasons /videoCategories /videoTrainability
    GET /videos/getRating /videos:batchGetStats
    GET,POST /commentThreads
    POST /abuseReports /channelBanners/insert /comments/markAsSpam /comments/setModerationStatus
    POST /liveBroadcasts/bind /liveBroadcasts/cuepoint /liveBroadcasts/transition
    POST /liveChat/messages/transition /tests /thumbnails/set /videos/rate /videos/reportAbuse
    POST /watermarks/set /watermarks/unset
    PUT /channels
    """
)
"""The API has these; the emulator answers 501 until it does."""
