"""The player of the emulator: what it does, what it refuses, and when reads show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.providers.wire import Wire
from tests.support.emulator import EmulatorProcess

RESTRICTED = (403, "Player command failed: Restriction violated", "UNKNOWN")
INACTIVE = (404, "Player command failed: No active device found", "NO_ACTIVE_DEVICE")
PREMIUM = (403, "Player command failed: Premium required", "PREMIUM_REQUIRED")

COMMANDS = [
    ("PUT", "/me/player/play"),
    ("PUT", "/me/player/pause"),
    ("POST", "/me/player/next"),
    ("POST", "/me/player/previous"),
    ("PUT", "/me/player/seek?position_ms=1"),
    ("PUT", "/me/player/repeat?state=off"),
    ("PUT", "/me/player/shuffle?state=true"),
    ("PUT", "/me/player/volume?volume_percent=10"),
]


@pytest.fixture
def emulator(process: EmulatorProcess) -> EmulatorProcess:
    process.reset()
    process.settings(lag_ms=0)
    return process


def done(wire: Wire, method: str, path: str, body: Any = None) -> None:
    answer = wire(method, path, body)
    assert (answer.status_code, answer.content) == (204, b""), answer.text


def device(wire: Wire, name: str) -> str:
    found = next(d for d in wire.json("/me/player/devices")["devices"] if d["name"] == name)
    return str(found["id"])


# Doing


def test_play_despacito(ana: Wire) -> None:
    track = ana.first("despacito")
    done(ana, "PUT", "/me/player/play", {"uris": [track["uri"]]})
    playing = ana.json("/me/player")
    assert (playing["is_playing"], playing["item"]["name"]) == (True, "Despacito")
    assert (playing["context"], playing["device"]["name"]) == (None, "Ana's MacBook Pro")
    assert playing["item"] | {"is_playable": True} == ana.json(f"/tracks/{track['id']}?market=PT")


def test_progress_follows_the_clock_through_the_list_and_stops_at_its_end(
    ana: Wire, emulator: EmulatorProcess
) -> None:
    uris = [ana.first(name)["uri"] for name in ("gasolina", "malamente")]
    done(ana, "PUT", "/me/player/repeat?state=off")
    done(ana, "PUT", "/me/player/play", {"uris": uris, "position_ms": 5000})
    emulator.advance(10)
    first = ana.json("/me/player/currently-playing")
    assert first["item"]["uri"] == uris[0]
    assert first["progress_ms"] >= 15_000
    emulator.advance(first["item"]["duration_ms"] / 1000)
    assert ana.json("/me/player/currently-playing")["item"]["uri"] == uris[1]
    emulator.advance(600)
    ended = ana.json("/me/player")
    assert (ended["is_playing"], ended["progress_ms"], ended["item"]["uri"]) == (False, 0, uris[0])


def test_months_later_a_repeated_context_still_plays(ana: Wire, emulator: EmulatorProcess) -> None:
    emulator.advance(300 * 86400)
    state = emulator.player("ana")
    assert state["is_playing"]
    assert state["progress_ms"] < 10 * 60_000


def test_pause_resume_and_seek(ana: Wire, emulator: EmulatorProcess) -> None:
    done(ana, "PUT", "/me/player/seek?position_ms=60000")
    done(ana, "PUT", "/me/player/pause")
    emulator.advance(100)
    paused = ana.json("/me/player")
    assert (paused["is_playing"], paused["progress_ms"] // 1000) == (False, 60)
    assert paused["actions"]["disallows"]["pausing"]
    done(ana, "PUT", "/me/player/play")
    assert ana.json("/me/player")["is_playing"]
    length = ana.json("/me/player")["item"]["duration_ms"]
    done(ana, "PUT", f"/me/player/seek?position_ms={length + 1}")
    assert ana.json("/me/player")["item"]["name"] == "Feeling Good"


def test_next_previous_and_the_queue(ana: Wire) -> None:
    queued = ana.first("never gonna give you up")["uri"]
    done(ana, "POST", f"/me/player/queue?uri={queued}")
    listed = ana.json("/me/player/queue")
    assert [item["name"] for item in listed["queue"][:3]] == [
        "Never Gonna Give You Up",
        "Feeling Good",
        "So What",
    ]
    assert listed["currently_playing"]["name"] == "Dreams"
    names = []
    for step in ("next", "next", "next", "previous"):
        done(ana, "POST", f"/me/player/{step}")
        names.append(ana.json("/me/player")["item"]["name"])
    assert names == ["Never Gonna Give You Up", "Feeling Good", "So What", "Feeling Good"]


def test_previous_leaves_a_queued_item_for_the_one_before(ana: Wire) -> None:
    done(ana, "POST", f"/me/player/queue?uri={ana.first('limbo')['uri']}")
    done(ana, "POST", "/me/player/next")
    done(ana, "POST", "/me/player/previous")
    assert ana.json("/me/player")["item"]["name"] == "Dreams"


def test_play_a_context_from_an_offset(ana: Wire) -> None:
    album = ana.first("kind of blue", "album")
    tracks = ana.json(f"/albums/{album['id']}/tracks")["items"]
    done(ana, "PUT", "/me/player/play", {"context_uri": album["uri"], "offset": {"position": 2}})
    playing = ana.json("/me/player")
    assert (playing["item"]["name"], playing["context"]["uri"]) == ("Blue in Green", album["uri"])
    done(ana, "PUT", "/me/player/play", {"context_uri": album["uri"], "offset": {"uri": tracks[3]["uri"]}})
    assert ana.json("/me/player")["item"]["name"] == "All Blues"


@pytest.mark.parametrize(("kind", "q", "first"), [
    ("artist", "abba", "Dancing Queen"), ("playlist", "kitchen", "Dancing Queen"),
    ("show", "kettle", "Her grandmother's scales"), ("album", "rumours", "Dreams"),
])  # fmt: skip
def test_play_every_kind_of_context(ana: Wire, kind: str, q: str, first: str) -> None:
    uri = ana.first(q, kind)["uri"]
    done(ana, "PUT", "/me/player/play", {"context_uri": uri})
    playing = ana.json("/me/player?additional_types=episode")
    assert (playing["item"]["name"], playing["context"]["type"]) == (first, kind)


def test_an_episode_is_shown_only_to_who_asks_for_episodes(as_: Callable[[str], Wire]) -> None:
    emil = as_("emil")
    hidden = emil.json("/me/player")
    assert (hidden["currently_playing_type"], hidden["item"]) == ("episode", None)
    shown = emil.json("/me/player?additional_types=track,episode")
    assert shown["item"]["show"]["name"] == "Signal and Noise"


def test_repeat_and_shuffle(ana: Wire, emulator: EmulatorProcess) -> None:
    done(ana, "PUT", "/me/player/repeat?state=track")
    emulator.advance(600)
    again = ana.json("/me/player")
    assert (again["repeat_state"], again["item"]["name"]) == ("track", "Dreams")
    before = [item["name"] for item in ana.json("/me/player/queue")["queue"]]
    done(ana, "PUT", "/me/player/shuffle?state=true")
    mixed = ana.json("/me/player/queue")
    names = [item["name"] for item in mixed["queue"]]
    assert mixed["currently_playing"]["name"] == "Dreams"
    assert names != before
    assert sorted(names) == sorted(before)
    done(ana, "PUT", "/me/player/shuffle?state=false")
    assert [item["name"] for item in ana.json("/me/player/queue")["queue"]] == before


def test_volume_of_the_active_device_and_of_another(ana: Wire) -> None:
    done(ana, "PUT", "/me/player/volume?volume_percent=15")
    assert ana.json("/me/player")["device"]["volume_percent"] == 15
    kitchen = device(ana, "Kitchen speaker")
    done(ana, "PUT", f"/me/player/volume?volume_percent=5&device_id={kitchen}")
    volumes = {d["name"]: d["volume_percent"] for d in ana.json("/me/player/devices")["devices"]}
    assert volumes == {"Ana's MacBook Pro": 15, "Kitchen speaker": 5, "Pixel 9": 100}


def test_transfer_keeps_or_starts_playback(as_: Callable[[str], Wire], emulator: EmulatorProcess) -> None:
    ben = as_("ben")
    assert ben("GET", "/me/player").status_code == 204
    assert ben("GET", "/me/player/currently-playing").status_code == 204
    assert ben.json("/me/player/queue") == {"currently_playing": None, "queue": []}
    room = device(ben, "Living room")
    done(ben, "PUT", "/me/player", {"device_ids": [room]})
    assert ben.json("/me/player")["is_playing"] is False
    done(ben, "PUT", "/me/player", {"device_ids": [room], "play": True})
    playing = ben.json("/me/player")
    assert (playing["is_playing"], playing["item"]["name"]) == (True, "Bohemian Rhapsody")


def test_play_on_a_device_makes_it_active(as_: Callable[[str], Wire]) -> None:
    ben = as_("ben")
    phone = device(ben, "Ben's iPhone")
    done(ben, "PUT", f"/me/player/play?device_id={phone}")
    assert ben.json("/me/player")["device"]["id"] == phone


# Refusing


@pytest.mark.parametrize(("method", "path"), COMMANDS)
def test_without_an_active_device(as_: Callable[[str], Wire], method: str, path: str) -> None:
    assert as_("ben").refused(method, path) == INACTIVE
    assert as_("dana").refused(method, path) == INACTIVE


@pytest.mark.parametrize(("method", "path"), COMMANDS)
def test_without_premium(as_: Callable[[str], Wire], method: str, path: str) -> None:
    cleo = as_("cleo")
    assert cleo.refused(method, path) == PREMIUM
    assert cleo.json("/me/player")["is_playing"]


@pytest.mark.parametrize(("method", "path"), COMMANDS)
def test_a_restricted_device_takes_no_command(as_: Callable[[str], Wire], method: str, path: str) -> None:
    emil = as_("emil")
    assert emil.refused(method, path) == RESTRICTED
    sonos = next(d for d in emil.json("/me/player/devices")["devices"] if d["is_restricted"])
    assert (sonos["id"], sonos["is_active"]) == (None, True)


def test_from_a_restricted_device_playback_can_be_taken_elsewhere(as_: Callable[[str], Wire]) -> None:
    emil = as_("emil")
    done(emil, "PUT", "/me/player", {"device_ids": [device(emil, "Emil's ThinkPad")]})
    done(emil, "PUT", "/me/player/pause")


@pytest.mark.parametrize("account", ["ben", "dana"])
def test_a_device_that_is_not_there(as_: Callable[[str], Wire], account: str) -> None:
    wire = as_(account)
    gone = "f" * 40
    for method, path in COMMANDS:
        joint = "&" if "?" in path else "?"
        assert wire.refused(method, f"{path}{joint}device_id={gone}") == (404, "Device not found", None)
    assert wire.refused("PUT", "/me/player", {"device_ids": [gone]}) == (404, "Device not found", None)


def test_a_device_that_is_there_but_not_active_takes_only_play_volume_and_transfer(ana: Wire) -> None:
    kitchen = device(ana, "Kitchen speaker")
    assert ana.refused("PUT", f"/me/player/pause?device_id={kitchen}") == INACTIVE


def test_what_disallows_names_is_refused(ana: Wire) -> None:
    assert ana.refused("PUT", "/me/player/play") == RESTRICTED
    done(ana, "PUT", "/me/player/pause")
    assert ana.refused("PUT", "/me/player/pause") == RESTRICTED
    done(ana, "PUT", "/me/player/repeat?state=off")
    done(ana, "PUT", "/me/player/play", {"uris": [ana.first("sorry")["uri"]]})
    disallows = ana.json("/me/player")["actions"]["disallows"]
    assert disallows == {"resuming": True, "skipping_next": True, "skipping_prev": True}
    assert ana.refused("POST", "/me/player/next") == RESTRICTED
    assert ana.refused("POST", "/me/player/previous") == RESTRICTED


def test_a_phone_keeps_its_volume_to_itself(ana: Wire) -> None:
    phone = device(ana, "Pixel 9")
    refused = ana.refused("PUT", f"/me/player/volume?volume_percent=5&device_id={phone}")
    assert refused == (403, "Player command failed: Cannot control device volume", "VOLUME_CONTROL_DISALLOW")


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("PUT", "/play", {"uris": ["spotify:album:0000000000000000000000"]}, "Invalid track uri: "),
        ("PUT", "/play", {"uris": []}, "Missing required field: uris"),
        ("PUT", "/play", {"context_uri": "spotify:track:0000000000000000000000"}, "Invalid context uri"),
        ("PUT", "/play", {"context_uri": "x", "uris": ["x"]}, "Can't specify both context_uri and uris"),
        ("PUT", "/play", {"offset": {"position": 1}}, "Invalid offset"),
        ("PUT", "/play", {"position_ms": -1}, "Invalid position_ms"),
        ("PUT", "/play", [1], "Malformed json"),
        ("PUT", "/seek", None, "Required parameter position_ms missing"),
        ("PUT", "/seek?position_ms=-5", None, "Invalid position_ms"),
        ("PUT", "/volume?volume_percent=101", None, "Invalid volume_percent"),
        ("PUT", "/repeat?state=always", None, "Invalid state"),
        ("PUT", "/shuffle", None, "Required parameter state missing"),
        ("POST", "/queue", None, "Required parameter uri missing"),
        ("POST", "/queue?uri=despacito", None, "Invalid track uri: despacito"),
        ("PUT", "", {}, "Missing required field: device_ids"),
        ("PUT", "", {"device_ids": ["a", "b"]}, "Only one device_id is currently supported"),
    ],
)
def test_wrong_commands(ana: Wire, method: str, path: str, body: Any, message: str) -> None:
    status, said, reason = ana.refused(method, f"/me/player{path}", body)
    assert (status, said.startswith(message), reason) == (400, True, None), said


def test_an_artist_has_no_offset(ana: Wire) -> None:
    body = {"context_uri": ana.first("abba", "artist")["uri"], "offset": {"position": 1}}
    assert ana.refused("PUT", "/me/player/play", body)[1] == "Can't have offset for context type: ARTIST"


def test_a_track_that_does_not_exist(ana: Wire) -> None:
    assert ana.refused("PUT", "/me/player/play", {"uris": [f"spotify:track:{'0' * 22}"]})[0] == 404


# Lagging


def test_reads_lag_behind_commands(ana: Wire, emulator: EmulatorProcess) -> None:
    emulator.settings(lag_ms=60_000)
    done(ana, "PUT", "/me/player/pause")
    done(ana, "PUT", "/me/player/volume?volume_percent=7")
    stale = ana.json("/me/player")
    assert (stale["is_playing"], stale["device"]["volume_percent"]) == (True, 62)
    assert emulator.player("ana")["is_playing"] is False
    emulator.advance(60)
    fresh = ana.json("/me/player")
    assert (fresh["is_playing"], fresh["device"]["volume_percent"]) == (False, 7)


def test_reads_lag_by_200_ms_unless_told_otherwise(emulator: EmulatorProcess) -> None:
    emulator.reset()
    assert emulator.read("settings")["lag_ms"] == 200


def test_command_bodies_are_no_json(ana: Wire, emulator: EmulatorProcess) -> None:
    emulator.settings(command_bodies=True)
    answer = ana("PUT", "/me/player/pause")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting value|Extra data"):
        answer.json()


# Behind the API's back


def test_control_changes_the_player(ana: Wire, emulator: EmulatorProcess) -> None:
    emulator.set_player("ana", active=None)
    assert ana("GET", "/me/player").status_code == 204
    emulator.set_player("ana", active="Kitchen speaker", playing=False, position_ms=1234)
    now = ana.json("/me/player")
    assert (now["device"]["name"], now["is_playing"], now["progress_ms"]) == ("Kitchen speaker", False, 1234)
    answer = emulator.http.post("/_control/player", json={"account": "zoe"})
    assert (answer.status_code, answer.json()["error"][:19]) == (400, "account must be one")
