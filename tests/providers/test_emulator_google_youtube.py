"""YouTube at the emulator: parts, filters, who sees what, what is used up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.googlewire import GoogleWire, every_method
from tests.support.emulator import EmulatorProcess

BASE = "/youtube/v3"
SERVED = {
    "search.list", "videos.list", "channels.list", "playlists.list", "playlists.insert", "playlistItems.list",
    "playlistItems.insert",
}  # fmt: skip


@pytest.fixture
def youtube(emulator: EmulatorProcess) -> GoogleWire:
    return GoogleWire(emulator, "youtube.v3", ("youtube",))


def rows(youtube: GoogleWire, what: str, part: str = "snippet", **query: Any) -> list[dict[str, Any]]:
    return list(youtube.json("GET", f"{BASE}/{what}", part=part, **query)["items"])


def titles(youtube: GoogleWire, what: str, **query: Any) -> list[str]:
    return [row["snippet"]["title"] for row in rows(youtube, what, **query)]


def test_every_method_of_the_document_is_served_or_says_that_it_is_not(emulator: EmulatorProcess) -> None:
    emulator.control("google/quota", **{"youtube": 1_000_000, "youtube-search": 1000})
    assert every_method(emulator, "youtube.v3") == SERVED


def test_search_pages_escapes_titles_and_finds_what_is_public(youtube: GoogleWire) -> None:
    first = youtube.json("GET", f"{BASE}/search", part="snippet", q="recipe", type="video", maxResults=50)
    assert first["pageInfo"] == {"totalResults": 66, "resultsPerPage": 50}
    more = rows(youtube, "search", q="recipe", type="video", maxResults=50, pageToken=first["nextPageToken"])
    assert len({row["id"]["videoId"] for row in [*first["items"], *more]}) == 66
    assert titles(youtube, "search", q="celadon") == [
        "What&#39;s &quot;celadon&quot; &amp; why &lt;we&gt; love it"
    ]
    assert titles(youtube, "search", q="family video") == []
    kinds = {row["id"]["kind"] for row in rows(youtube, "search", q="kiln", maxResults=50)}
    assert kinds == {"youtube#video", "youtube#channel", "youtube#playlist"}
    [newest, *_] = titles(youtube, "search", q="recipe", order="viewCount", type="video")
    assert newest == "Recipe 66: bacalhau"


def test_playlists_and_what_is_in_them(youtube: GoogleWire, emulator: EmulatorProcess) -> None:
    mine = {row["snippet"]["title"]: row["id"] for row in rows(youtube, "playlists", mine="true")}
    assert list(mine) == ["Ceramics", "To cook 🍲", "Empty"]
    entries = rows(youtube, "playlistItems", "snippet,status,contentDetails", playlistId=mine["Ceramics"])
    assert [row["snippet"]["title"] for row in entries] == [
        "Raku firing, step by step", "Deleted video", "Private video", "土と火",
    ]  # fmt: skip
    assert "videoOwnerChannelTitle" not in entries[1]["snippet"]
    made = youtube.json(
        "POST", f"{BASE}/playlists", {"snippet": {"title": "New"}, "status": {"privacyStatus": "private"}},
        part="snippet,status",
    )  # fmt: skip
    ids = [entries[0]["contentDetails"]["videoId"], entries[3]["contentDetails"]["videoId"]]
    for at, video in enumerate([*ids, ids[0]]):
        body = {
            "snippet": {"playlistId": made["id"], "resourceId": {"kind": "youtube#video", "videoId": video}}
        }
        added = youtube.json("POST", f"{BASE}/playlistItems", body, part="snippet")
        assert added["snippet"]["position"] == at
    only = rows(youtube, "playlistItems", "contentDetails", playlistId=made["id"], videoId=ids[0])
    assert len(only) == 2
    assert len(rows(youtube, "playlistItems", playlistId="LL")) == 4
    [channel] = rows(youtube, "channels", "contentDetails,snippet", mine="true")
    uploads = channel["contentDetails"]["relatedPlaylists"]["uploads"]
    assert titles(youtube, "playlistItems", playlistId=uploads) == ["Glazing a bowl", "Family video"]
    [kiln] = rows(youtube, "channels", "contentDetails", forHandle="kilnstories")
    assert kiln["contentDetails"]["relatedPlaylists"]["likes"] == ""
    assert titles(youtube, "playlists", channelId=kiln["id"]) == ["Best of the kiln"]
    ben = GoogleWire(emulator, "youtube.v3", ("youtube",), "ben")
    wrong = ben.refused("GET", f"{BASE}/playlistItems", part="snippet", playlistId=mine["Empty"])
    assert wrong == (403, "playlistItemsNotAccessible")
    cooking = {"playlistId": mine["To cook 🍲"], "resourceId": {"kind": "youtube#video", "videoId": ids[0]}}
    assert ben.refused("POST", f"{BASE}/playlistItems", {"snippet": cooking}, part="snippet")[0] == 403
    assert len(rows(ben, "playlistItems", playlistId=mine["To cook 🍲"], maxResults=50)) == 50
    assert rows(ben, "videos", id=",".join(ids))[1]["snippet"]["title"] == "土と火"
    cleo = GoogleWire(emulator, "youtube.v3", ("youtube",), "cleo")
    assert rows(cleo, "channels", mine="true") == []
    new = {"snippet": {"title": "a"}}
    assert cleo.refused("POST", f"{BASE}/playlists", new, part="snippet") == (401, "youtubeSignupRequired")


@pytest.mark.parametrize(
    ("what", "query", "reason"),
    [
        ("videos", {"id": "a"}, "missingRequiredParameter"),
        ("videos", {"part": "snippet"}, "missingRequiredParameter"),
        ("videos", {"part": "snippets", "id": "a"}, "unknownPart"),
        ("videos", {"part": "snippet", "id": "a", "myRating": "like"}, "incompatibleParameters"),
        ("videos", {"part": "snippet", "id": ",".join(f"v{n}" for n in range(51))}, "invalidFilters"),
        ("playlistItems", {"part": "snippet", "playlistId": "PLnothing"}, "playlistNotFound"),
        ("search", {"part": "snippet", "order": "newest"}, "invalidParameter"),
    ],
)
def test_what_youtube_refuses(youtube: GoogleWire, what: str, query: dict[str, Any], reason: str) -> None:
    assert youtube.refused("GET", f"{BASE}/{what}", **query)[1] == reason


def test_a_day_has_a_hundred_searches_and_begins_in_california(
    youtube: GoogleWire, emulator: EmulatorProcess
) -> None:
    asked = {"part": "snippet", "q": "kiln"}
    emulator.control("google/quota", **{"youtube-search": 1, "youtube": 60})
    youtube.json("GET", f"{BASE}/search", **asked)
    answer = youtube("GET", f"{BASE}/search", **asked)
    [error] = answer.json()["error"]["errors"]
    assert (answer.status_code, error["reason"], error["domain"]) == (403, "quotaExceeded", "youtube.quota")
    body = {"snippet": {"title": "New"}}
    youtube.json("POST", f"{BASE}/playlists", body, part="snippet")
    assert youtube.refused("POST", f"{BASE}/playlists", body, part="snippet") == (403, "quotaExceeded")
    ben = GoogleWire(emulator, "youtube.v3", ("youtube",), "ben")
    assert ben.refused("GET", f"{BASE}/search", **asked) == (403, "quotaExceeded")
    emulator.advance(86400)
    again = GoogleWire(emulator, "youtube.v3", ("youtube",))
    assert again.json("GET", f"{BASE}/search", **asked)["items"]
