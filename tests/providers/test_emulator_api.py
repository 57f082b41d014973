"""api.spotify.com of the emulator, every request and answer judged by Spotify's own OpenAPI file."""

from __future__ import annotations

import re
import struct

import pytest

from tests.providers.wire import Wire
from tests.support.emulator import EmulatorProcess

NOWHERE = "0" * 22


@pytest.fixture
def emulator(process: EmulatorProcess) -> EmulatorProcess:
    process.reset()
    process.settings(lag_ms=0)
    return process


# The catalogue


def test_every_read_keeps_to_the_published_contract(ana: Wire, emulator: EmulatorProcess) -> None:
    track = ana.first("despacito")
    show = ana.first("kettle", "show")
    mine = emulator.accounts()["ana"]["playlists"]["Monday Coffee"]
    bens = emulator.accounts()["ben"]["playlists"]["Ben's Long Run"]
    artist = track["artists"][0]["id"]
    paths = [
        "/me",
        "/me/playlists?limit=1&offset=1",
        f"/tracks/{track['id']}?market=PT",
        f"/albums/{track['album']['id']}",
        f"/albums/{track['album']['id']}/tracks",
        f"/artists/{artist}",
        f"/artists/{artist}/albums?limit=1",
        f"/shows/{show['id']}",
        f"/shows/{show['id']}/episodes?limit=2",
        f"/episodes/{ana.first('harbour', 'episode')['id']}",
        f"/playlists/{mine}",
        f"/playlists/{mine}/items?limit=2&offset=2",
        f"/playlists/{bens}",
        "/search?q=a&type=album,artist,playlist,track,show,episode,audiobook&limit=10&offset=2&market=PT",
        "/me/player?additional_types=track,episode",
        "/me/player/devices",
        "/me/player/currently-playing",
        "/me/player/queue",
    ]
    for path in paths:
        assert ana.json(path), path


def test_me_tells_the_account_and_nothing_that_was_removed(ana: Wire, emulator: EmulatorProcess) -> None:
    me = ana.json("/me")
    known = emulator.accounts()["ana"]
    assert (me["account_id"], me["display_name"]) == (known["account_id"], "Ana Duarte")
    assert not {"email", "country", "product", "followers", "explicit_content"} & me.keys()


def test_search_puts_the_original_first_and_offers_the_remix(ana: Wire) -> None:
    found = ana.json("/search?q=despacito&type=track")["tracks"]
    assert [track["name"] for track in found["items"]] == ["Despacito", "Despacito - Remix"]
    assert [a["name"] for a in found["items"][0]["artists"]] == ["Luis Fonsi", "Daddy Yankee"]
    assert re.fullmatch(r"[0-9A-Za-z]{22}", found["items"][0]["id"])


@pytest.mark.parametrize(
    ("q", "name"),
    [
        ("DESPACITO", "Despacito"),
        ("despacito by luis fonsi", "Despacito"),
        ("despacito justin bieber", "Despacito - Remix"),
        ("hoppipolla", "Hoppípolla"),
        ("you're my best friend", "You're My Best Friend"),
        ('artist:"Miles Davis" track:blue', "Blue in Green"),
        ("track:sorry artist:bieber", "Sorry"),
        ("chain album:rumours year:1977", "The Chain"),
        ("dancing artist:abba year:1975-1976", "Dancing Queen"),
        ("malamente genre:flamenco", "MALAMENTE"),
        ("isrc:QZEMU2600001", "Despacito"),
    ],
)
def test_search_finds(ana: Wire, q: str, name: str) -> None:
    assert ana.first(q)["name"] == name


def test_search_pages_and_finds_nothing(ana: Wire) -> None:
    first = ana.json("/search?q=artist:queen&type=track&limit=2")["tracks"]
    second = ana.json(first["next"].removeprefix("https://api.spotify.com/v1").replace("query=", "q="))[
        "tracks"
    ]
    assert first["total"] == 3
    assert len({t["id"] for t in first["items"] + second["items"]}) == 3
    assert second["next"] is None
    assert ana.json("/search?q=zzzz&type=track,album")["tracks"]["items"] == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/search?type=track", "No search query"),
        ("/search?q=a", "Missing parameter type"),
        ("/search?q=a&type=song", "Bad search type field song"),
        ("/search?q=a&type=track&limit=50", "Invalid limit"),
        ("/search?q=a&type=track&limit=0", "Invalid limit"),
        ("/search?q=a&type=track&offset=1001", "Invalid offset"),
        ("/search?q=a&type=track&market=Portugal", "Invalid market code"),
        ("/tracks/short", "Invalid base62 id"),
    ],
)
def test_wrong_parameters_are_refused(ana: Wire, path: str, message: str) -> None:
    assert ana.refused("GET", path) == (400, message, None)


@pytest.mark.parametrize("kind", ["tracks", "albums", "artists", "shows", "episodes", "playlists"])
def test_what_does_not_exist_is_404(ana: Wire, kind: str) -> None:
    assert ana.refused("GET", f"/{kind}/{NOWHERE}") == (404, "Resource not found", None)


def test_playlists_of_others_are_hidden_or_shown_without_items(ana: Wire, emulator: EmulatorProcess) -> None:
    private, public = emulator.accounts()["ben"]["playlists"].values()
    assert "items" not in ana.json(f"/playlists/{public}")
    assert ana.refused("GET", f"/playlists/{public}/items") == (403, "Forbidden", None)
    assert ana.refused("GET", f"/playlists/{private}")[0] == 404


def test_an_unlicensed_track_says_so_where_a_market_applies(ana: Wire) -> None:
    track = ana.first("lighthouse keeper")
    assert "is_playable" not in track
    known = ana.json(f"/tracks/{track['id']}?market=PT")
    assert (known["is_playable"], known["restrictions"]) == (False, {"reason": "market"})
    body = {"uris": [track["uri"]]}
    assert ana.refused("PUT", "/me/player/play", body)[1] == "Player command failed: Restriction violated"


def test_pictures_are_there_in_the_sizes_that_are_named(ana: Wire, emulator: EmulatorProcess) -> None:
    images = ana.first("despacito")["album"]["images"]
    assert [image["width"] for image in images] == [640, 300, 64]
    for image in images:
        picture = emulator.http.get(emulator.url(image["url"]))
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
        assert struct.unpack(">II", picture.content[16:24]) == (image["width"], image["height"])
        assert picture.content == emulator.http.get(emulator.url(image["url"])).content
    for nowhere in ("nothing", "0" * 40, images[0]["url"][-40:-1] + "Z"):
        assert emulator.http.get(f"/i.scdn.co/image/{nowhere}").status_code == 404


# The door


def test_tokens_are_checked(ana: Wire, emulator: EmulatorProcess) -> None:
    assert ana.refused("GET", "/me", token=None) == (401, "No token provided", None)
    assert ana.refused("GET", "/me", token="made-up") == (401, "Invalid access token", None)
    refresh = emulator.tokens()["refresh"][0]
    assert ana.refused("GET", "/me", token=refresh) == (401, "Invalid access token", None)
    answer = emulator.http.get("/api.spotify.com/v1/me", auth=("emulator-spotify", "emulator-secret"))
    assert answer.json()["error"] == {"status": 400, "message": "Only valid bearer authentication supported"}
    emulator.advance(3599)
    assert ana("GET", "/me").status_code == 200
    emulator.advance(1)
    expired = ana("GET", "/me", judged=False)
    assert expired.json()["error"] == {"status": 401, "message": "The access token expired"}
    assert 'error="invalid_token"' in expired.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("held", "method", "path"),
    [
        ("", "GET", "/me/player"),
        ("user-read-playback-state", "GET", "/me/player/queue"),
        ("user-read-playback-state", "PUT", "/me/player/pause"),
        ("user-modify-playback-state", "GET", "/me/player/currently-playing"),
        ("", "GET", "/me/playlists"),
    ],
)
def test_scopes_are_checked(ana: Wire, emulator: EmulatorProcess, held: str, method: str, path: str) -> None:
    token = emulator.access_token(*held.split())
    assert ana.refused(method, path, token=token) == (403, "Insufficient client scope", None)


def test_a_person_not_on_the_apps_list_is_refused(ana: Wire, emulator: EmulatorProcess) -> None:
    emulator.settings(unregistered=["ana"])
    status, message, _ = ana.refused("GET", "/me")
    assert (status, message.split(".")[0]) == (403, "The user is not registered for this application")


def test_a_put_without_a_length_is_411(ana: Wire, emulator: EmulatorProcess) -> None:
    request = emulator.http.build_request(
        "PUT", "/api.spotify.com/v1/me/player/pause", headers={"authorization": f"Bearer {ana.token}"}
    )
    del request.headers["content-length"]
    assert emulator.http.send(request).status_code == 411


def test_what_the_api_never_had_is_404_and_wrong_methods_405(ana: Wire, emulator: EmulatorProcess) -> None:
    headers = {"authorization": f"Bearer {ana.token}"}
    missing = emulator.http.get("/api.spotify.com/v1/me/nothing", headers=headers)
    assert missing.json() == {"error": {"status": 404, "message": "Service not found"}}
    assert emulator.http.post("/api.spotify.com/v1/me", headers=headers).status_code == 405
