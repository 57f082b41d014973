"""Spotify's OpenAPI file as the judge: what the emulator serves of it, and that the judge can be trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

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
def ana() -> Iterator[Wire]:
    with EmulatorProcess() as emulator:
        yield Wire(emulator, CONTRACT, "ana")


SERVED = """
    POST /me/playlists /playlists/{}/items
    PUT /playlists/{} /playlists/{}/items /playlists/{}/images
    DELETE /playlists/{}/items
    GET /playlists/{}/images
    GET /search /me /me/playlists /tracks/{} /albums/{} /albums/{}/tracks /artists/{} /artists/{}/albums
    GET /shows/{} /shows/{}/episodes /episodes/{} /playlists/{} /playlists/{}/items
    GET /me/player /me/player/devices /me/player/currently-playing /me/player/queue
    PUT /me/player /me/player/play /me/player/pause /me/player/seek /me/player/repeat /me/player/shuffle
    PUT /me/player/volume
    POST /me/player/next /me/player/previous /me/player/queue
    GET /audiobooks/{} /audiobooks/{}/chapters /chapters/{}
    GET /me/tracks /me/albums /me/shows /me/episodes /me/audiobooks /me/following
    GET /me/top/artists /me/top/tracks /me/player/recently-played /me/library/contains
    PUT /me/library
    DELETE /me/library
"""


def test_every_operation_of_the_file_is_served_or_forbidden(ana: Wire) -> None:
    """Deprecated ones are 403 Forbidden; what is not built yet says so with 501; nothing is unknown."""
    answers: dict[str, set[str]] = {"served": set(), "forbidden": set(), "unbuilt": set()}
    deprecated = set()
    for method, path, operation in CONTRACT.operations():
        name = f"{method} {re.sub(r'{.+?}', '{}', path.removeprefix('/v1'))}"
        if operation.get("deprecated"):
            deprecated.add(name)
        concrete = re.sub(r"\{.+?\}", NOWHERE, path.removeprefix("/v1"))
        answer = ana(method, concrete, {} if method == "PUT" else None, judged=False)
        message = answer.json()["error"]["message"] if answer.status_code >= 400 else ""
        assert message not in {"Service not found", "Method Not Allowed"}, name
        kind = {"Forbidden": "forbidden", "Not emulated yet": "unbuilt"}.get(message, "served")
        answers[kind].add(name)
    assert answers["forbidden"] == deprecated
    lines = [line.split() for line in SERVED.strip().splitlines()]
    assert answers["served"] == {f"{method} {path}" for method, *paths in lines for path in paths}


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
}
FAULTS_OF_THE_FILE = {
    "playback_4": "a local file: its artists and its album have neither id nor href",
    "playlist_2": "local files again",
    "playlist_3": "an episode with null flags inside a playlist",
    "playback_audiobook_1": "an audiobook's chapter told as an episode with null flags",
    "current_user_playlist_1": "images are null on an empty playlist",
    "current_user_playlist_2": "images are null on an empty playlist",
    "saved_albums": "an album that is gone is null",
    "saved_episodes": "an episode that is gone has null fields",
    "audiobook": "its chapters say nothing of is_playable",
    "audiobook_chapters": "chapters say nothing of is_playable",
}
EXCUSED = {
    "playlist_2": "/v1/playlists/{playlist_id}",
    "current_user_playlist_1": "/v1/me/playlists",
    "current_user_playlist_2": "/v1/me/playlists",
    "playback_audiobook_1": "/v1/me/player",
    "saved_albums": "/v1/me/albums",
    "saved_episodes": "/v1/me/episodes",
}
HEADERS = {"content-type": "application/json; charset=utf-8"}


@pytest.mark.parametrize("name", REAL_ANSWERS)
def test_the_judge_accepts_what_spotify_really_answered(name: str) -> None:
    body = (spec.folder() / "answers" / f"{name}.json").read_bytes()
    if name in FAULTS_OF_THE_FILE:
        with pytest.raises(AssertionError):
            CONTRACT.assert_schema_holds("GET", REAL_ANSWERS[name], 200, HEADERS, body)
    else:
        CONTRACT.assert_schema_holds("GET", REAL_ANSWERS[name], 200, HEADERS, body)


@pytest.mark.parametrize("name", EXCUSED)
def test_what_the_judge_excuses_is_what_spotify_really_answered(name: str) -> None:
    """Nothing else is wrong with these answers, and what a tidy account gets is excused nothing."""
    path = EXCUSED[name]
    body = (spec.folder() / "answers" / f"{name}.json").read_bytes()
    CONTRACT.assert_schema_holds("GET", REAL_ANSWERS[name], 200, HEADERS, excused("GET", path, body))
    tidy = (spec.folder() / "answers" / "playlist_1.json").read_bytes()
    assert json.loads(excused("GET", EXCUSED["playlist_2"], tidy)) == json.loads(tidy)


def test_the_judge_excuses_nothing_near_that() -> None:
    answers = spec.folder() / "answers"
    playing = json.loads((answers / "playback_audiobook_1.json").read_bytes())
    playing["item"]["show"]["is_externally_hosted"] = False
    saved = json.loads((answers / "saved_episodes.json").read_bytes())
    saved["items"][0]["episode"]["name"] = "Something"
    listed = json.loads((answers / "playlist_2.json").read_bytes())
    for item in (listed.get("items") or listed["tracks"])["items"]:
        (item.get("item") or item["track"])["id"] = 7
    for name, wrong in (("playback_audiobook_1", playing), ("saved_episodes", saved), ("playlist_2", listed)):
        body = excused("GET", EXCUSED[name], json.dumps(wrong).encode())
        with pytest.raises(AssertionError):
            CONTRACT.assert_schema_holds("GET", REAL_ANSWERS[name], 200, HEADERS, body)


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
