"""Spotify: its errors, its account, its answers, the calls, and what people paste."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from providers.base import Account, Complaint, GrantRejected, NotFound, Rejected, ScopeMissing, Unavailable
from providers.http import Answer, Http
from providers.model import read
from providers.spotify import SPOTIFY, Reference, Spotify, parse_reference
from providers.spotify.answers import Playback, Queue, SearchResults
from providers.spotify.personal import EntryPage
from providers.spotify.reasons import PLAYER_REASONS, REASONS, complaint
from providers.transport import Transport
from tests.providers.upstream import CANARY, Step, Upstream, Vault, told

API = "https://api.spotify.com/v1"
TRACK = "4iV5W9uYEdYUVa79Axb7Rh"
WRITE = {"user-modify-playback-state"}


def spotify(*script: Step) -> tuple[Spotify, Upstream]:
    upstream = Upstream(*script)
    return Spotify(Http(Transport(upstream)), Vault()), upstream


def answer(value: object) -> Answer:
    return Answer("spotify", "op", 200, {}, json.dumps(value).encode())


# --- Errors ---


def player_error(status: int, message: str, reason: str | None = None) -> bytes:
    error = {"status": status, "message": message} | ({"reason": reason} if reason else {})
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize("reason", sorted(PLAYER_REASONS | {"QUOTA_EXCEEDED"}))
@pytest.mark.parametrize("status", [403, 404, 429])
def test_a_documented_reason_is_kept(status: int, reason: str) -> None:
    assert complaint(status, player_error(status, "…", reason)) == Complaint(reason)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, player_error(403, "Insufficient client scope"), Complaint("", "scope")),
        (403, player_error(403, "Forbidden"), Complaint("FORBIDDEN")),
        (404, player_error(404, "Forbidden"), Complaint()),
        (403, player_error(403, "Forbidden", "UNKNOWN"), Complaint("UNKNOWN")),
        (
            403,
            player_error(403, "User not registered in the Developer Dashboard"),
            Complaint("USER_NOT_ALLOW_LISTED"),
        ),
        (403, b"User not registered in the Developer Dashboard", Complaint("USER_NOT_ALLOW_LISTED")),
        (
            403,
            player_error(
                403,
                "The user is not registered for this application. Please check your settings on "
                "https://developer.spotify.com/dashboard.",
            ),
            Complaint("USER_NOT_ALLOW_LISTED"),
        ),
        (
            403,
            b"Check settings on developer.spotify.com/dashboard, the user may not be registered.",
            Complaint("USER_NOT_ALLOW_LISTED"),
        ),
        (
            403,
            player_error(403, "Active premium subscription required for the owner of the app."),
            Complaint("OWNER_NOT_PREMIUM"),
        ),
        (403, player_error(403, "Player command failed: Premium required"), Complaint("PREMIUM_REQUIRED")),
        (
            403,
            player_error(403, "Player command failed: Restriction violated", "UNKNOWN"),
            Complaint("UNKNOWN"),
        ),
        (
            404,
            player_error(404, "Player command failed: No active device found"),
            Complaint("NO_ACTIVE_DEVICE"),
        ),
        (
            404,
            player_error(404, "Player command failed: No active device found", "UNKNOWN"),
            Complaint("NO_ACTIVE_DEVICE"),
        ),
        (404, player_error(404, "Non existing id"), Complaint()),
        (400, player_error(400, "Insufficient client scope"), Complaint()),
        (403, player_error(403, "…", "SOMETHING_NEW"), Complaint()),
        (403, b'{"error":"string"}', Complaint()),
        (403, b'{"error":{"reason":["PREMIUM_REQUIRED"]}}', Complaint()),
        (403, b'{"error":null}', Complaint()),
        (403, b"[1]", Complaint()),
        (403, b"", Complaint()),
        (403, b"\xff" * 10, Complaint()),
    ],
)
def test_what_an_error_says(status: int, body: bytes, expected: Complaint) -> None:
    assert complaint(status, body) == expected


@given(st.integers(400, 599), st.binary())
def test_any_body_has_a_reason_of_ours(status: int, body: bytes) -> None:
    assert complaint(status, body).reason in PLAYER_REASONS | {
        "",
        "USER_NOT_ALLOW_LISTED",
        "OWNER_NOT_PREMIUM",
    }


def test_each_word_has_a_sentence_that_says_what_to_do() -> None:
    assert set(SPOTIFY.reasons) == REASONS - {"QUOTA_EXCEEDED"}
    for word, reason in SPOTIFY.reasons.items():
        assert word not in reason.sentence
        # What happened, and then what to do: at least two statements.
        assert len(re.findall(r"[^.;,]+[.;,]", reason.sentence)) >= 2, word
        assert "{" not in reason.sentence + reason.own


@pytest.mark.parametrize("word", ["USER_NOT_ALLOW_LISTED", "OWNER_NOT_PREMIUM"])
def test_what_is_the_matter_with_an_own_app_is_its_persons_to_mend(word: str) -> None:
    reason = SPOTIFY.reasons[word]
    assert "operator" in reason.sentence and "operator" not in reason.own
    assert "that this person brought" in reason.own


# --- The account ---


async def account(reply: httpx2.Response) -> tuple[Account, Upstream]:
    upstream = Upstream(reply)
    return await SPOTIFY.account(Http(Transport(upstream)), SecretStr("fresh")), upstream


async def test_the_account_is_the_account_id() -> None:
    found, upstream = await account(
        httpx2.Response(200, json={"id": "old-name", "account_id": "acc-1", "display_name": "Ann"})
    )
    assert found == Account("https://accounts.spotify.com", "acc-1", "Ann")
    assert str(upstream.last.url) == f"{API}/me"
    assert upstream.last.headers["authorization"] == "Bearer fresh"


async def test_an_account_without_a_name_has_a_label() -> None:
    found, _ = await account(httpx2.Response(200, json={"account_id": "acc-1", "display_name": None}))
    assert found.label == "Spotify"


@pytest.mark.parametrize(
    "me", [{"id": "ann"}, {"id": "ann", "account_id": None}, {"account_id": ""}, {"account_id": 7}]
)
async def test_without_an_account_id_nobody_is_known(me: dict[str, Any]) -> None:
    found, _ = await account(httpx2.Response(200, json=me))
    assert found.subject == ""  # the room that asks refuses it: tests/providers/test_identity.py


async def test_an_account_off_the_allow_list() -> None:
    with pytest.raises(Rejected) as caught:
        await account(httpx2.Response(403, text="User not registered in the Developer Dashboard"))
    assert caught.value.reason == "USER_NOT_ALLOW_LISTED"


async def test_a_fresh_token_that_is_refused() -> None:
    with pytest.raises(GrantRejected):
        await account(
            httpx2.Response(401, json={"error": {"status": 401, "message": "Invalid access token"}})
        )


# --- Calls ---

Use = Callable[[Spotify], Awaitable[None]]
COMMANDS: list[tuple[Use, str, str, dict[str, str], Any]] = [
    (lambda s: s.resume(), "PUT", "/me/player/play", {}, None),
    (lambda s: s.resume("d"), "PUT", "/me/player/play", {"device_id": "d"}, None),
    (lambda s: s.play(uris=["spotify:track:1"]), "PUT", "/me/player/play", {}, {"uris": ["spotify:track:1"]}),
    (
        lambda s: s.play(context_uri="spotify:album:1", offset=0, position_ms=0, device_id="d"),
        "PUT",
        "/me/player/play",
        {"device_id": "d"},
        {"context_uri": "spotify:album:1", "offset": {"position": 0}, "position_ms": 0},
    ),
    (
        lambda s: s.play(context_uri="spotify:album:1", offset="spotify:track:2"),
        "PUT",
        "/me/player/play",
        {},
        {"context_uri": "spotify:album:1", "offset": {"uri": "spotify:track:2"}},
    ),
    (lambda s: s.play(device_id="d"), "PUT", "/me/player/play", {"device_id": "d"}, None),
    (lambda s: s.pause(), "PUT", "/me/player/pause", {}, None),
    (lambda s: s.pause("d"), "PUT", "/me/player/pause", {"device_id": "d"}, None),
    (lambda s: s.next("d"), "POST", "/me/player/next", {"device_id": "d"}, None),
    (lambda s: s.previous(), "POST", "/me/player/previous", {}, None),
    (lambda s: s.seek(0), "PUT", "/me/player/seek", {"position_ms": "0"}, None),
    (lambda s: s.seek(1500, "d"), "PUT", "/me/player/seek", {"position_ms": "1500", "device_id": "d"}, None),
]
ODD_SUCCESSES = [
    httpx2.Response(204),
    httpx2.Response(200, content=b""),
    httpx2.Response(200, content=b"dGhpcyBpcyBub3QgSlNPTg", headers={"Content-Type": "application/json"}),
    httpx2.Response(202, content=b"\xff"),
]


@pytest.mark.parametrize(("use", "method", "path", "params", "body"), COMMANDS)
@pytest.mark.parametrize("reply", ODD_SUCCESSES, ids=range(len(ODD_SUCCESSES)))
async def test_commands(
    use: Use, method: str, path: str, params: dict[str, str], body: Any, reply: httpx2.Response
) -> None:
    client, upstream = spotify(reply)
    await use(client)
    sent = upstream.last
    assert (sent.method, str(sent.url.copy_with(query=None))) == (method, API + path)
    assert dict(sent.url.params) == params
    if body is None:
        assert sent.content == b""
        assert sent.headers["content-length"] == "0"
    else:
        assert json.loads(sent.content) == body
        assert sent.headers["content-type"] == "application/json"


async def test_a_command_names_the_scope_it_lacks() -> None:
    client, _ = spotify(httpx2.Response(403, content=player_error(403, "Insufficient client scope")))
    with pytest.raises(ScopeMissing) as caught:
        await client.pause()
    assert caught.value.scopes == WRITE


async def test_a_command_without_a_device() -> None:
    client, _ = spotify(httpx2.Response(404, content=player_error(404, "…", "NO_ACTIVE_DEVICE")))
    with pytest.raises(NotFound) as caught:
        await client.resume()
    assert caught.value.reason == "NO_ACTIVE_DEVICE"


async def test_search() -> None:
    page = {"items": [None, {"id": TRACK, "type": "track", "name": "Despacito"}], "total": 1000, "limit": 2}
    client, upstream = spotify(httpx2.Response(200, json={"tracks": page, "artists": None}))
    found = await client.search("despacito & co", ["track", "artist"], limit=2, offset=4)
    assert dict(upstream.last.url.params) == {
        "q": "despacito & co", "type": "track,artist", "limit": "2", "offset": "4",
    }  # fmt: skip
    assert found.tracks is not None
    assert [track.name for track in found.tracks.items] == ["Despacito"]
    assert found.tracks.total == 1000
    assert found.artists is None


async def test_nothing_is_playing() -> None:
    client, upstream = spotify(httpx2.Response(204), httpx2.Response(200, content=b" "))
    assert await client.playback() is None
    assert await client.playback() is None
    assert dict(upstream.last.url.params) == {"additional_types": "track,episode"}


async def test_devices_and_queue() -> None:
    client, upstream = spotify(
        httpx2.Response(200, json={"devices": [{"id": "d", "name": "Kitchen", "is_active": True}, None]}),
        httpx2.Response(
            200, json={"currently_playing": None, "queue": [{"type": "episode", "name": "E"}, {}]}
        ),
    )
    (device,) = await client.devices()
    assert (device.id, device.name, device.is_active, device.volume_percent) == ("d", "Kitchen", True, None)
    queue = await client.queue()
    assert queue.currently_playing is None
    assert [item.kind for item in queue.queue] == ["episode", "track"]
    assert [request.url.path for request in upstream.requests] == [
        "/v1/me/player/devices",
        "/v1/me/player/queue",
    ]


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b'"x"', b'{"tracks":{"items":[{"artists":"many"}]}}']
)
async def test_an_unreadable_answer_is_unavailable(body: bytes) -> None:
    client, _ = spotify(httpx2.Response(200, content=body))
    with pytest.raises(Unavailable):
        await client.search("q", ["track"])


async def test_an_unreadable_answer_is_not_repeated() -> None:
    client, _ = spotify(httpx2.Response(200, json={"tracks": {"items": [{"artists": CANARY}]}}))
    with pytest.raises(Unavailable) as caught:
        await client.search("q", ["track"])
    assert CANARY not in told(caught.value)


# --- Answers ---

LOCAL_FILE = {
    "id": None, "type": "track", "uri": "spotify:local:A:B:C:180", "name": "C", "is_local": True,
    "artists": [{"name": "A", "href": None, "id": None, "uri": None, "external_urls": {"spotify": None}}],
    "album": {"name": "B", "id": None, "artists": [None], "external_urls": {}, "release_date": None},
    "external_urls": {}, "duration_ms": 180000, "explicit": None,
}  # fmt: skip


def test_a_local_file() -> None:
    playback = read(Playback, answer({"item": LOCAL_FILE, "context": None, "device": None, "actions": {}}))
    item = playback.item
    assert item is not None
    assert item.kind == "track"
    assert (item.id, item.uri, item.url, item.explicit) == (None, "spotify:local:A:B:C:180", "", None)
    assert item.artists[0].name == "A"
    assert item.album is not None
    assert item.album.artists == ()


def test_a_playback() -> None:
    value = {
        "device": {
            "id": None,
            "is_active": True,
            "is_restricted": True,
            "name": "Sonos",
            "supports_volume": True,
        },
        "is_playing": True,
        "progress_ms": 7919,
        "context": {"uri": "spotify:album:1"},
        "item": {
            "type": "episode",
            "name": "E",
            "show": {"name": "S"},
            "external_urls": {"spotify": "https://x"},
        },
        "actions": {"disallows": {"pausing": True, "resuming": False, "seeking": None}},
        "shuffle_state": False,
        "repeat_state": "off",
    }
    playback = read(Playback, answer(value))
    assert playback.device is not None
    assert (playback.device.id, playback.device.is_restricted) == (None, True)
    assert playback.context_uri == "spotify:album:1"
    assert playback.disallows == {"pausing"}
    assert playback.item is not None
    assert playback.item.kind == "episode"
    assert playback.item.url == "https://x"
    assert playback.item.show is not None
    assert playback.item.show.name == "S"


@pytest.mark.parametrize("strange", [None, [], "x", 7, {"disallows": None}, {"disallows": ["pausing"]}])
def test_strange_parts_do_not_lose_the_rest(strange: Any) -> None:
    playback = read(Playback, answer({"is_playing": True, "context": strange, "actions": strange}))
    assert playback.is_playing


def test_what_was_read_can_be_written_and_read_again() -> None:
    playback = read(Playback, answer({"item": LOCAL_FILE, "actions": {"disallows": {"pausing": True}}}))
    assert playback.disallows == {"pausing"}
    assert Playback.model_validate(playback.model_dump()) == playback
    assert Playback.model_validate_json(playback.model_dump_json()) == playback


@pytest.mark.parametrize(
    "body", [{}, {"unknown": 1, "tracks": {}}, {"tracks": {"items": None, "total": None}}]
)
def test_an_empty_search(body: dict[str, Any]) -> None:
    found = read(SearchResults, answer(body))
    assert found.tracks is None or found.tracks.items == ()


def test_every_place_of_a_playlist_counts() -> None:
    gone, kept = {"added_at": "2026-01-01T00:00:00Z", "item": None}, {"item": LOCAL_FILE}
    page = read(EntryPage, answer({"items": [None, gone, kept], "total": 3}))
    assert [entry.item is None for entry in page.items] == [True, True, False]
    assert EntryPage.model_validate(page.model_dump()) == page


SPEC = Path(os.environ.get("SPOTIFY_OPENAPI_SPEC") or "../shared/spec/spotify/fixed-spotify-open-api.yml")
RECORDED = SPEC.parent / "answers"


def recorded(name: str) -> Any:
    path = RECORDED / f"{name}.json"
    if not path.is_file():
        pytest.skip("the recorded answers are not here")
    return json.loads(path.read_text())


@pytest.mark.parametrize(
    "name", ["playback_1", "playback_2", "playback_3", "playback_4", "playback_episode_1"]
)
def test_recorded_playbacks(name: str) -> None:
    value = recorded(name)
    playback = read(Playback, answer(value))
    assert playback.is_playing == value["is_playing"]
    assert playback.disallows == {key for key, no in value["actions"]["disallows"].items() if no}
    assert playback.device is not None
    assert playback.device.name == value["device"]["name"]
    assert playback.context_uri == (value["context"] or {}).get("uri")
    if value["item"]:
        assert playback.item is not None
        assert playback.item.kind == value["item"]["type"]
        assert playback.item.id == value["item"]["id"]
        assert playback.item.duration_ms == value["item"]["duration_ms"]
        assert playback.item.url == value["item"]["external_urls"].get("spotify", "")


def test_the_recorded_search() -> None:
    value = recorded("search")
    found = read(SearchResults, answer(value)).model_dump()
    compared = 0
    for kind, page in found.items():
        if kind not in value:
            assert page is None
            continue
        kept = [item for item in value[kind]["items"] if item is not None]
        assert [(item["id"], item["uri"], item["name"]) for item in page["items"]] == [
            (item["id"], item["uri"], item["name"]) for item in kept
        ]
        assert page["total"] == value[kind]["total"]
        compared += len(kept)
    assert compared > 0


def test_recorded_devices() -> None:
    from providers.spotify.answers import Devices

    value = recorded("devices")
    assert [device.id for device in read(Devices, answer(value)).devices] == [
        d["id"] for d in value["devices"]
    ]


def test_a_recorded_track_in_a_queue() -> None:
    item = recorded("playback_1")["item"]
    assert read(Queue, answer({"currently_playing": item, "queue": [item]})).queue[0].id == item["id"]


# --- References ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"spotify:track:{TRACK}", ("track", TRACK)),
        (f"  spotify:episode:{TRACK}\n", ("episode", TRACK)),
        (f"spotify:user:ann.b:playlist:{TRACK}", ("playlist", TRACK)),
        (f"https://open.spotify.com/track/{TRACK}", ("track", TRACK)),
        (f"http://open.spotify.com/album/{TRACK}/", ("album", TRACK)),
        (f"open.spotify.com/show/{TRACK}", ("show", TRACK)),
        (f"https://open.spotify.com/intl-de/artist/{TRACK}?si=abc&x=1", ("artist", TRACK)),
        (f"https://open.spotify.com/intl-pt-BR/artist/{TRACK}#top", ("artist", TRACK)),
        (f"https://open.spotify.com/embed/playlist/{TRACK}", ("playlist", TRACK)),
        (f"https://open.spotify.com/user/ann/playlist/{TRACK}", ("playlist", TRACK)),
        (TRACK, None),
        (f"spotify:user:{TRACK}", None),
        (f"spotify:user:ann:track:{TRACK}", None),
        ("spotify:local:A:B:C:180", None),
        (f"spotify:track:{TRACK}x", None),
        (f"spotify:track:{TRACK[:-1]}", None),
        (f"spotify:track:{TRACK[:-1]}-", None),
        (f"spotify:track:{TRACK[:-1]}é", None),
        (f"spotify:TRACK:{TRACK}", None),
        (f"spotify:concert:{TRACK}", None),
        (f"https://open.spotify.com.evil.example/track/{TRACK}", None),
        (f"https://evil.example/open.spotify.com/track/{TRACK}", None),
        (f"https://evil.example/?https://open.spotify.com/track/{TRACK}", None),
        (f"https://open.spotify.com/track/{TRACK}/../../x", None),
        (f"https://open.spotify.com/track/{TRACK} and more", None),
        ("https://spotify.link/abcdef", None),
        ("despacito", None),
        ("", None),
    ],
)
def test_references(text: str, expected: tuple[str, str] | None) -> None:
    assert parse_reference(text) == expected


def test_a_bare_id_needs_its_kind() -> None:
    found = parse_reference(TRACK, "album")
    assert found == Reference("album", TRACK)
    assert found is not None
    assert found.uri == f"spotify:album:{TRACK}"


def test_a_reference_of_another_kind_is_none() -> None:
    assert parse_reference(f"spotify:track:{TRACK}", "album") is None
    assert parse_reference(f"spotify:album:{TRACK}", "album") == ("album", TRACK)


@given(st.text())
def test_a_reference_is_ours_or_none(text: str) -> None:
    found = parse_reference(text, "track")
    assert found is None or (found.id.isascii() and found.id.isalnum() and len(found.id) == 22)


@given(
    st.from_regex(r"\A[0-9A-Za-z]{22}\Z"), st.sampled_from(["track", "album", "artist", "playlist", "show"])
)
def test_a_uri_is_read_back(identifier: str, kind: Any) -> None:
    assert parse_reference(Reference(kind, identifier).uri) == (kind, identifier)
