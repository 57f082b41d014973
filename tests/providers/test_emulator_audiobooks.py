"""Audiobooks at the emulator, and what a country changes.

Ben is in Ireland, Ana in Portugal, Emil in Germany.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.providers.wire import Wire
from tests.support.emulator import EmulatorProcess

MISSING = (404, "Resource not found", None)


@pytest.fixture
def emulator(process: EmulatorProcess) -> EmulatorProcess:
    process.reset()
    process.settings(lag_ms=0)
    return process


@pytest.fixture
def ben(as_: Callable[[str], Wire]) -> Wire:
    return as_("ben")


def test_a_book_is_found_and_read_with_its_chapters(ben: Wire) -> None:
    found = ben.first("dubliners joyce", "audiobook")
    book = ben.json(f"/audiobooks/{found['id']}")
    assert (book["uri"], book["total_chapters"]) == (f"spotify:show:{book['id']}", 8)
    assert (book["authors"], book["narrators"]) == ([{"name": "James Joyce"}], [{"name": "Niamh Kearney"}])
    chapter = book["chapters"]["items"][-1]
    assert (chapter["name"], chapter["chapter_number"], chapter["uri"]) == (
        "The Dead", 7, f"spotify:episode:{chapter['id']}"
    )  # fmt: skip
    assert ben.json(f"/chapters/{chapter['id']}") == {**chapter, "is_playable": True, "audiobook": found}


def test_chapters_come_in_pages(ben: Wire) -> None:
    book = ben.first("leagues", "audiobook")
    first = ben.json(f"/audiobooks/{book['id']}/chapters")
    assert (len(first["items"]), first["total"]) == (20, book["total_chapters"])
    rest = ben.json(first["next"].removeprefix("https://api.spotify.com/v1"))
    numbers = [chapter["chapter_number"] for chapter in first["items"] + rest["items"]]
    assert (numbers, rest["next"]) == (list(range(book["total_chapters"])), None)


def test_elsewhere_there_are_no_audiobooks_whatever_market_is_asked_for(ben: Wire, ana: Wire) -> None:
    book = ben.first("dubliners", "audiobook")
    chapter = ben.json(f"/audiobooks/{book['id']}/chapters?limit=1")["items"][0]
    for path in (
        f"/audiobooks/{book['id']}",
        f"/audiobooks/{book['id']}/chapters",
        f"/chapters/{chapter['id']}",
    ):
        assert ben.json(f"{path}?market=PT")
        assert ana.refused("GET", f"{path}?market=IE") == MISSING
    assert ana.json("/search?q=dubliners&type=audiobook&market=IE")["audiobooks"]["items"] == []
    assert ana.refused("PUT", f"/me/library?uris=spotify:audiobook:{book['id']}")[0] == 400
    assert ana.refused("PUT", "/me/player/play", {"context_uri": book["uri"]}) == MISSING
    assert ana.refused("PUT", "/me/player/play", {"uris": [chapter["uri"]]}) == MISSING


@pytest.mark.parametrize("path", ["/audiobooks/{}", "/audiobooks/{}/chapters", "/chapters/{}"])
def test_what_does_not_exist_is_404(ben: Wire, path: str) -> None:
    assert ben.refused("GET", path.format("0" * 22)) == MISSING


def test_a_book_plays_as_a_show_and_a_chapter_as_an_episode(ben: Wire, emulator: EmulatorProcess) -> None:
    emulator.set_player("ben", active="Living room")
    book = ben.first("dubliners", "audiobook")
    chapters = ben.json(f"/audiobooks/{book['id']}/chapters")["items"]
    assert ben("PUT", "/me/player/play", {"context_uri": book["uri"]}).status_code == 204
    playing = ben.json("/me/player?additional_types=episode")
    item = playing["item"]
    assert (playing["currently_playing_type"], playing["context"]["uri"]) == ("episode", book["uri"])
    assert (item["type"], item["uri"], item["show"]["name"]) == ("episode", chapters[0]["uri"], "Dubliners")
    assert (item["show"]["total_episodes"], item["show"]["is_externally_hosted"]) == (None, None)
    queue = ben.json("/me/player/queue")["queue"]
    assert [chapter["name"] for chapter in queue] == [chapter["name"] for chapter in chapters[1:]]


# Countries


def test_what_plays_depends_on_the_country_of_the_account_alone(
    ana: Wire, as_: Callable[[str], Wire]
) -> None:
    emil = as_("emil")
    track = ana.first("ferry light")
    assert "is_playable" not in ana.json(f"/tracks/{track['id']}")
    assert ana.json(f"/tracks/{track['id']}?market=DE")["is_playable"] is True
    barred = emil.json(f"/tracks/{track['id']}?market=PT")
    assert (barred["is_playable"], barred["restrictions"]) == (False, {"reason": "market"})
    album = emil.json(f"/albums/{track['album']['id']}?market=DE")
    playable = {t["name"]: t["is_playable"] for t in album["tracks"]["items"]}
    assert playable == {"Small Hours": True, "Ferry Light": False, "Low Water": True}
    assert emil.json(f"/albums/{track['album']['id']}/tracks?market=DE")["items"] == album["tracks"]["items"]


def test_another_release_of_the_recording_stands_in_where_one_is_barred(
    ana: Wire, emulator: EmulatorProcess, as_: Callable[[str], Wire]
) -> None:
    emil = as_("emil")
    sessions = ana.first("album:harbour track:small")
    assert ana.json(f"/tracks/{sessions['id']}?market=PT")["id"] == sessions["id"]
    other = emil.json(f"/tracks/{sessions['id']}?market=DE")
    assert (other["is_playable"], other["album"]["name"]) == (True, "Small Hours")
    assert (other["external_ids"], "linked_from" in other) == (sessions["external_ids"], False)
    assert other["id"] != sessions["id"]
    assert emil.json(f"/tracks/{sessions['id']}")["id"] == sessions["id"]
    emulator.set_player("emil", active="Emil's ThinkPad")
    assert emil("PUT", "/me/player/play", {"uris": [sessions["uri"]]}).status_code == 204
    assert emil.json("/me/player")["item"]["uri"] == other["uri"]


def test_what_does_not_play_here_is_refused_alone_and_left_out_of_an_album(
    emulator: EmulatorProcess, as_: Callable[[str], Wire]
) -> None:
    emil = as_("emil")
    emulator.set_player("emil", active="Emil's ThinkPad", repeat="off")
    track = emil.first("ferry light")
    refused = emil.refused("PUT", "/me/player/play", {"uris": [track["uri"]]})
    assert refused == (403, "Player command failed: Restriction violated", "UNKNOWN")
    assert emil("PUT", "/me/player/play", {"context_uri": track["album"]["uri"]}).status_code == 204
    queue = emil.json("/me/player/queue")
    names = [queue["currently_playing"]["name"], *(item["name"] for item in queue["queue"])]
    assert names == ["Small Hours", "Low Water"]
