"""What was heard, at the emulator: recently played, and the top items that are counted from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.emulator.clock import Clock
from providers.emulator.settings import Settings
from providers.emulator.spotify.upstream import Spotify
from tests.providers.wire import Wire
from tests.support.emulator import EmulatorProcess

RECENT = "/me/player/recently-played"
API = "https://api.spotify.com/v1"


@pytest.fixture
def emulator(process: EmulatorProcess) -> EmulatorProcess:
    process.reset()
    process.settings(lag_ms=0)
    return process


def play(wire: Wire, *names: str) -> list[str]:
    """Start these tracks. Their URIs."""
    uris = [wire.first(name)["uri"] for name in names]
    assert wire("PUT", "/me/player/play", {"uris": uris}).status_code == 204
    return uris


def heard(wire: Wire) -> list[str]:
    return [item["track"]["uri"] for item in wire.json(RECENT)["items"]]


def pages(wire: Wire, path: str) -> list[Any]:
    found = [wire.json(path)]
    while found[-1]["next"]:
        found.append(wire.json(found[-1]["next"].removeprefix(API)))
    return found


# Recently played


def test_a_skipped_track_was_heard_and_one_that_plays_was_not_yet(ana: Wire) -> None:
    before = heard(ana)[0]
    playing = ana.json("/me/player")["item"]["uri"]
    uris = play(ana, "gasolina", "malamente")
    assert heard(ana)[:2] == [playing, before]
    assert ana("POST", "/me/player/next").status_code == 204
    latest = ana.json(f"{RECENT}?limit=1")["items"][0]
    assert (latest["track"]["uri"], latest["context"]) == (uris[0], None)


def test_what_plays_to_its_end_is_heard_at_that_moment(ana: Wire, emulator: EmulatorProcess) -> None:
    ana("PUT", "/me/player/repeat?state=off")
    uris = play(ana, "gasolina", "malamente", "sola")
    first = ana.json("/me/player")["item"]
    emulator.advance(first["duration_ms"] / 1000 + 30)
    items = ana.json(f"{RECENT}?limit=2")["items"]
    assert items[0]["track"]["uri"] == uris[0]
    ended = emulator.library()["played"][0]["at"]
    assert emulator.read("clock")["now"] * 1000 - ended >= 29_000
    emulator.advance(600)
    assert heard(ana)[:3] == uris[::-1]
    assert ana.json(f"{RECENT}?limit=5")["items"][2] == items[0]


def test_a_play_tells_the_context_it_was_played_from(ana: Wire) -> None:
    album = ana.first("rumours", "album")
    assert ana("PUT", "/me/player/play", {"context_uri": album["uri"]}).status_code == 204
    ana("POST", "/me/player/next")
    latest = ana.json(f"{RECENT}?limit=1")["items"][0]
    assert (latest["track"]["name"], latest["context"]["uri"]) == ("Dreams", album["uri"])


def test_a_paused_track_was_heard_when_it_was_paused_and_one_that_never_began_was_not(
    ana: Wire, emulator: EmulatorProcess
) -> None:
    ana("PUT", "/me/player/repeat?state=off")
    uris = play(ana, "gasolina")
    emulator.advance(20)
    ana("PUT", "/me/player/pause")
    paused = emulator.read("clock")["now"] * 1000
    emulator.advance(600)
    play(ana, "sola")
    assert heard(ana)[0] == uris[0]
    assert emulator.library()["played"][0]["at"] <= paused
    emulator.advance(1200)  # it ended, and the list is back at its start
    count = len(emulator.library()["played"])
    play(ana, "malamente")
    assert len(emulator.library()["played"]) == count


def test_episodes_and_reads_leave_no_trace(as_: Callable[[str], Wire], emulator: EmulatorProcess) -> None:
    emil = as_("emil")
    before = emulator.library("emil")["played"]
    emulator.advance(3000)
    assert emil.json("/me/player?additional_types=episode")["item"]["type"] == "episode"
    assert emulator.library("emil")["played"] == before


def test_reads_that_lag_write_nothing_down(ana: Wire, emulator: EmulatorProcess) -> None:
    """They go on with what played before, past its end, which never came."""
    emulator.settings(lag_ms=600_000)
    count = len(emulator.library()["played"])
    before = ana.json("/me/player")["item"]
    play(ana, "all blues")
    emulator.advance(before["duration_ms"] / 1000)
    assert ana.json("/me/player")["item"]["id"] not in {before["id"], ana.first("all blues")["id"]}
    assert len(emulator.library()["played"]) == count + 1


def test_no_two_plays_share_a_millisecond() -> None:
    """A cursor is a moment: two plays of one moment could not be told apart."""
    person = Spotify(Clock(), Settings()).people["dana"]
    for uri in ("spotify:track:a", "spotify:track:b", "spotify:track:c"):
        person.hear(uri, None, 5.0)
    assert [play.at for play in person.played] == [5000, 5001, 5002]


def test_the_latest_fifty_come_in_pages_by_their_time(ana: Wire) -> None:
    found = pages(ana, f"{RECENT}?limit=20")
    items = [item for page in found for item in page["items"]]
    times = [item["played_at"] for item in items]
    assert [len(page["items"]) for page in found] == [20, 20, 10]
    assert times == sorted(set(times), reverse=True)
    assert found[0]["next"] == f"{API}{RECENT}?before={found[0]['cursors']['before']}&limit=20"
    assert found[-1]["next"] is None


def test_after_a_moment_comes_what_is_next_to_it(ana: Wire) -> None:
    all_ = ana.json(f"{RECENT}?limit=50")
    middle = ana.json(f"{RECENT}?limit=30")["cursors"]["before"]
    newer = pages(ana, f"{RECENT}?limit=10&after={middle}")
    items = [item for page in reversed(newer) for item in page["items"]]
    assert items == all_["items"][:29]


def test_nothing_heard_is_an_empty_page_without_cursors(as_: Callable[[str], Wire]) -> None:
    page = as_("dana").json(RECENT)
    assert (page["items"], page["cursors"], page["next"], page["limit"]) == ([], None, None, 20)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("after=1&before=2", "Only one of after and before may be specified"),
        ("limit=51", "Invalid limit"),
        ("before=yesterday", "Invalid before"),
    ],
)
def test_wrong_windows_are_refused(ana: Wire, query: str, message: str) -> None:
    assert ana.refused("GET", f"{RECENT}?{query}") == (400, message, None)


# Top items


@pytest.mark.parametrize("kind", ["artists", "tracks"])
def test_top_items_differ_with_the_time_asked_for_and_come_in_pages(ana: Wire, kind: str) -> None:
    tops = {
        span: pages(ana, f"/me/top/{kind}?limit=20&time_range={span}_term")
        for span in ("short", "medium", "long")
    }
    ids = {span: [item["id"] for page in found for item in page["items"]] for span, found in tops.items()}
    assert len(tops["long"]) > 1
    assert len(ids["short"]) < len(ids["medium"]) < len(ids["long"])
    assert ids["short"] != ids["long"][: len(ids["short"])]
    for span, found in tops.items():
        assert len(set(ids[span])) == found[0]["total"]
    assert ana.json(f"/me/top/{kind}?limit=20")["items"] == tops["medium"][0]["items"]


def test_what_is_heard_often_rises_to_the_top(as_: Callable[[str], Wire], emulator: EmulatorProcess) -> None:
    cleo = as_("cleo")
    top = cleo.json("/me/top/tracks?limit=1")["items"][0]
    emulator.set_player("cleo", repeat="track")
    playing = cleo.json("/me/player")["item"]
    emulator.advance(40 * playing["duration_ms"] / 1000)
    cleo.token = emulator.access_token("user-top-read", account="cleo")
    now = cleo.json("/me/top/tracks?limit=1&time_range=short_term")["items"][0]
    assert (now["uri"], now["is_playable"]) == (playing["uri"], True)
    assert top["uri"] != now["uri"]
    assert cleo.json("/me/top/artists?limit=1&time_range=short_term")["items"][0]["id"] in {
        artist["id"] for artist in playing["artists"]
    }


@pytest.mark.parametrize("kind", ["artists", "tracks"])
def test_who_heard_nothing_has_no_top(as_: Callable[[str], Wire], kind: str) -> None:
    assert as_("dana").json(f"/me/top/{kind}")["items"] == []


def test_wrong_questions_for_the_top_are_refused(ana: Wire, emulator: EmulatorProcess) -> None:
    assert ana.refused("GET", "/me/top/tracks?time_range=today") == (400, "Invalid time range", None)
    assert ana.refused("GET", "/me/top/tracks?limit=51") == (400, "Invalid limit", None)
    token = emulator.access_token("user-library-read")
    for path in ("/me/top/artists", "/me/top/tracks", RECENT):
        assert ana.refused("GET", path, token=token) == (403, "Insufficient client scope", None)
