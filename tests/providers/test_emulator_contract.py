"""Spotify's OpenAPI file as the judge: what the emulator serves of it, and that the judge can be trusted."""

from __future__ import annotations

import json
import re

import pytest

from tests.providers import spec
from tests.providers.excuses import excused
from tests.providers.wire import Wire
from tests.support.emulator import EmulatorProcess

if spec.available() is None:
    pytest.skip(spec.ABSENT, allow_module_level=True)
CONTRACT = spec.spotify()
NOWHERE = "0" * 22


@pytest.fixture(scope="module")
def ana(process: EmulatorProcess) -> Wire:
    process.reset()
    return Wire(process, CONTRACT, "ana")


def test_every_operation_of_the_file_is_served_or_forbidden(ana: Wire) -> None:
    """Deprecated ones are 403 Forbidden, and the 48 others are there."""
    served, forbidden, deprecated = set(), set(), set()
    for method, path, operation in CONTRACT.operations():
        name = f"{method} {path}"
        if operation.get("deprecated"):
            deprecated.add(name)
        concrete = re.sub(r"\{.+?\}", NOWHERE, path.removeprefix("/v1"))
        answer = ana(method, concrete, {} if method == "PUT" else None, judged=False)
        message = answer.json()["error"]["message"] if answer.status_code >= 400 else ""
        assert message not in {"Service not found", "Method Not Allowed"}, name
        (forbidden if message == "Forbidden" else served).add(name)
    assert forbidden == deprecated
    tops = {"GET /v1/me/top/artists", "GET /v1/me/top/tracks"}  # one operation in Spotify's own file
    assert (tops <= served, len(served - tops) + 1) == (True, 48)


REAL_ANSWERS = {
    "artist": "/v1/artists/x",
    "get_album": "/v1/albums/x",
    "album_tracks": "/v1/albums/x/tracks",
    "artist_albums": "/v1/artists/x/albums",
    "search": "/v1/search",
    "current_user": "/v1/me",
    "current_user_playlist_1": "/v1/me/playlists",
    "current_user_playlist_2": "/v1/me/playlists",
    "devices": "/v1/me/player/devices",
    "playback_1": "/v1/me/player",
    "playback_2": "/v1/me/player",
    "playback_3": "/v1/me/player",
    "playback_4": "/v1/me/player",
    "playback_episode_1": "/v1/me/player",
    "playback_audiobook_1": "/v1/me/player",
    "current_playing_track": "/v1/me/player/currently-playing",
    "playlist_1": "/v1/playlists/x",
    "playlist_2": "/v1/playlists/x",
    "playlist_3": "/v1/playlists/x",
    "playlist_items": "/v1/playlists/x/items",
    "show": "/v1/shows/x",
    "show_episodes": "/v1/shows/x/episodes",
    "episode": "/v1/episodes/x",
    "audiobook": "/v1/audiobooks/x",
    "audiobook_chapters": "/v1/audiobooks/x/chapters",
    "chapter": "/v1/chapters/x",
    "saved_tracks": "/v1/me/tracks",
    "saved_albums": "/v1/me/albums",
    "saved_shows": "/v1/me/shows",
    "saved_episodes": "/v1/me/episodes",
    "saved_audiobooks": "/v1/me/audiobooks",
    "followed_artists": "/v1/me/following",
    "library_contains": "/v1/me/library/contains",
    "top_artists": "/v1/me/top/artists",
    "top_tracks": "/v1/me/top/tracks",
    "recently_played_tracks": "/v1/me/player/recently-played",
    "playlist_cover_image": "/v1/playlists/x/images",
}
FAULTS_OF_THE_FILE = (
    "playback_4", "playlist_2", "playlist_3", "playback_audiobook_1", "current_user_playlist_1",
    "current_user_playlist_2", "saved_albums", "saved_episodes", "audiobook", "audiobook_chapters",
)  # fmt: skip
"""Real answers that break the file. Where and why is in `excuses`."""
HEADERS = {"content-type": "application/json; charset=utf-8"}


@pytest.mark.parametrize("query", [(), ("fields",)], ids=["whole", "a selection"])
def test_the_file_as_it_is_used_is_valid_openapi(query: tuple[str, ...]) -> None:
    judge = spec.of_answers(query)
    assert judge is not None
    judge.check()


@pytest.mark.parametrize("name", REAL_ANSWERS)
def test_the_judge_accepts_what_spotify_really_answered(name: str) -> None:
    body = (spec.folder() / "answers" / f"{name}.json").read_bytes()
    if name in FAULTS_OF_THE_FILE:
        with pytest.raises(AssertionError):
            CONTRACT.assert_schema_holds("GET", REAL_ANSWERS[name], 200, HEADERS, body)
    else:
        CONTRACT.assert_schema_holds("GET", REAL_ANSWERS[name], 200, HEADERS, body)


@pytest.mark.parametrize(
    ("name", "method", "path", "status"),
    [
        ("new_playlist", "POST", "/v1/me/playlists", 201),
        ("playlist_update_items", "POST", "/v1/playlists/x/items", 201),
        ("playlist_update_items", "PUT", "/v1/playlists/x/items", 200),
        ("playlist_update_items", "DELETE", "/v1/playlists/x/items", 200),
    ],
)
def test_the_judge_accepts_real_answers_to_changes(name: str, method: str, path: str, status: int) -> None:
    body = (spec.folder() / "answers" / f"{name}.json").read_bytes()
    CONTRACT.assert_schema_holds(method, path, status, HEADERS, body)


@pytest.mark.parametrize("name", FAULTS_OF_THE_FILE)
def test_what_the_judge_excuses_is_what_spotify_really_answered(name: str) -> None:
    """Nothing else is wrong with these answers."""
    body = (spec.folder() / "answers" / f"{name}.json").read_bytes()
    CONTRACT.assert_schema_holds("GET", REAL_ANSWERS[name], 200, HEADERS, _excused(name, body))


@pytest.mark.parametrize("name", sorted(REAL_ANSWERS.keys() - {*FAULTS_OF_THE_FILE, "saved_audiobooks"}))
def test_what_keeps_to_the_file_is_excused_nothing(name: str) -> None:
    body = (spec.folder() / "answers" / f"{name}.json").read_bytes()
    assert json.loads(_excused(name, body)) == json.loads(body)


def test_the_judge_excuses_nothing_near_that() -> None:
    answers = spec.folder() / "answers"
    playing = json.loads((answers / "playback_audiobook_1.json").read_bytes())
    playing["item"]["show"]["is_externally_hosted"] = False
    saved = json.loads((answers / "saved_episodes.json").read_bytes())
    saved["items"][0]["episode"]["name"] = "Something"
    listed = json.loads((answers / "playlist_2.json").read_bytes())
    for item in (listed.get("items") or listed["tracks"])["items"]:
        (item.get("item") or item["track"])["id"] = 7
    book = json.loads((answers / "audiobook.json").read_bytes())
    book["chapters"]["items"][3]["is_playable"] = None
    for name, wrong in (
        ("audiobook", book),
        ("playback_audiobook_1", playing),
        ("saved_episodes", saved),
        ("playlist_2", listed),
    ):
        body = _excused(name, json.dumps(wrong).encode())
        with pytest.raises(AssertionError):
            CONTRACT.assert_schema_holds("GET", REAL_ANSWERS[name], 200, HEADERS, body)


def _excused(name: str, body: bytes) -> bytes:
    return excused("GET", CONTRACT.template(REAL_ANSWERS[name], "GET"), body)


@pytest.mark.parametrize(("name", "path", "status"), [("playlist_not_found", "/v1/playlists/x", 404),
                                                      ("rate_limit", "/v1/search", 429)])  # fmt: skip
def test_the_judge_accepts_real_errors(name: str, path: str, status: int) -> None:
    body = (spec.folder() / "answers" / f"{name}.json").read_bytes()
    CONTRACT.assert_answer_valid("GET", path, status, HEADERS, body)


def test_the_judge_sees_removed_fields_in_older_answers() -> None:
    body = (spec.folder() / "answers" / "current_user.json").read_bytes()
    strange = set(CONTRACT.strange_fields("GET", "/v1/me", 200, body))
    assert strange == {
        f".{name} is deprecated" for name in ("country", "explicit_content", "followers", "product")
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/search?q=a&type=track&limit=50", b""),
        ("GET", "/search?q=a", b""),
        ("GET", "/search?q=a&type=track,song", b""),
        ("GET", "/search?q=a&type=track&size=3", b""),
        ("GET", "/serch?q=a&type=track", b""),
        ("GET", "/tracks?ids=a", b""),
        ("PUT", "/me/player/play", b'{"uri": "spotify:track:x"}'),
        ("PUT", "/me/player/play", b'{"uris": "spotify:track:x"}'),
        ("PUT", "/me/player/seek", b""),
        ("PUT", "/me/player/volume?volume_percent=loud", b""),
        ("PUT", "/me/player/pause", b'{"device_id": "x"}'),
    ],
)
def test_the_judge_refuses_wrong_requests(method: str, path: str, body: bytes) -> None:
    headers = {"authorization": "Bearer x", "content-type": "application/json"}
    with pytest.raises(AssertionError):
        CONTRACT.assert_request_valid(method, f"https://api.spotify.com/v1{path}", headers, body)


def test_the_judge_refuses_wrong_answers(ana: Wire) -> None:
    good = ana("GET", "/me/player").json()
    CONTRACT.assert_answer_valid("GET", "/v1/me/player", 200, HEADERS, json.dumps(good).encode())
    for wrong in (
        {**good, "is_playing": "yes"},
        {**good, "volume": 3},
        {**good, "item": {**good["item"], "popularity": 3}},
        {**good, "item": {**good["item"], "type": "song"}},
    ):
        with pytest.raises(AssertionError):
            CONTRACT.assert_answer_valid("GET", "/v1/me/player", 200, HEADERS, json.dumps(wrong).encode())
    with pytest.raises(AssertionError):
        CONTRACT.assert_answer_valid("GET", "/v1/me/player", 418, HEADERS, b"{}")


def test_without_a_bearer_no_request_is_valid() -> None:
    with pytest.raises(AssertionError, match="bearer"):
        CONTRACT.assert_request_valid("GET", "https://api.spotify.com/v1/me", {}, b"")
