"""The odd things that real answers show and a tidy catalogue has not, as the emulator tells them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.providers import spec
from tests.providers.wire import Wire
from tests.support.emulator import EmulatorProcess

LOCAL = "spotify:local:The+Paper+Lanterns:Attic+Tapes:Rain+on+the+Skylight:187"


def real(name: str) -> Any:
    path = spec.folder() / "answers" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the real answers are absent: {path}")
    return json.loads(path.read_bytes())


def removed(thing: dict[str, Any]) -> set[str]:
    """Names of fields, without those that Spotify took out in February 2026."""
    gone = {"available_markets", "popularity", "preview_url", "audio_preview_url", "language", "publisher"}
    return thing.keys() - gone


def test_a_local_file_that_plays_has_the_shape_of_the_real_one(
    as_: Callable[[str], Wire], emulator: EmulatorProcess
) -> None:
    emulator.set_player("ana", current=LOCAL, repeat="off")
    ana = as_("ana")
    playing = ana.json("/me/player")
    item, there = playing["item"], real("playback_4")["item"]
    assert (playing["currently_playing_type"], playing["context"]) == ("track", None)
    assert (item["uri"], item["id"], item["duration_ms"], item["name"]) == (
        LOCAL, None, 187_000, "Rain on the Skylight"
    )  # fmt: skip
    assert removed(item) == removed(there)
    assert removed(item["album"]) == removed(there["album"])
    assert [artist["href"] for artist in item["artists"]] == [None]
    assert ana.json("/me/player/queue")["currently_playing"] == item


def test_a_local_file_that_was_heard_is_not_told(
    as_: Callable[[str], Wire], emulator: EmulatorProcess
) -> None:
    emulator.set_player("ana", current=LOCAL, repeat="off")
    before = emulator.library()["played"]
    emulator.advance(200)
    assert as_("ana").json("/me/player")["is_playing"] is False
    assert emulator.library()["played"] == before


def test_an_episode_in_a_playlist_says_whether_it_plays_only_where_a_market_applies(
    as_: Callable[[str], Wire], emulator: EmulatorProcess
) -> None:
    emil = as_("emil")
    path = f"/playlists/{emulator.accounts()['emil']['playlists']['Loose Ends']}/items"
    episode = emil.json(path)["items"][1]["item"]
    assert (episode["type"], "is_playable" in episode) == ("episode", False)
    assert emil.json(f"{path}?market=DE")["items"][1]["item"] == {**episode, "is_playable": True}


def test_spotify_s_own_playlists_are_null_in_a_search_and_nowhere_else(as_: Callable[[str], Wire]) -> None:
    ana = as_("ana")
    found = ana.json("/search?q=bus rides&type=playlist")["playlists"]
    assert [playlist and playlist["name"] for playlist in found["items"]] == ["Bus Rides", None]
    assert found["total"] == 2
    assert ana.json("/search?q=this is queen&type=playlist")["playlists"]["items"] == [None]


def test_gone_items_have_the_fields_of_the_real_ones(as_: Callable[[str], Wire]) -> None:
    items = as_("emil").json("/me/episodes")["items"]
    mine = next(item["episode"] for item in items if item["episode"]["id"] is None)
    there = real("saved_episodes")["items"][0]["episode"]
    for name in removed(there) - {"show"}:
        assert mine[name] == there[name], name
    for name in removed(there["show"]):
        assert mine["show"][name] == there["show"][name], name


def test_saved_audiobooks_and_chapters_have_the_fields_of_the_real_ones(as_: Callable[[str], Wire]) -> None:
    ben = as_("ben")
    saved = ben.json("/me/audiobooks")["items"][0]
    assert saved.keys() == removed(real("saved_audiobooks")["items"][0]) - {"is_externally_hosted"}
    chapters = ben.json(f"/audiobooks/{saved['id']}/chapters")["items"]
    assert chapters[0].keys() == removed(real("audiobook_chapters")["items"][0])
    alone = ben.json(f"/chapters/{chapters[0]['id']}")
    assert alone.keys() == removed(real("chapter"))


def test_a_chapter_that_plays_has_the_fields_of_the_real_one(
    as_: Callable[[str], Wire], emulator: EmulatorProcess
) -> None:
    emulator.settings(lag_ms=0)
    emulator.set_player("ben", active="Living room")
    ben = as_("ben")
    assert ben("PUT", "/me/player/play", {"context_uri": saved_book(ben)}).status_code == 204
    item, there = (
        ben.json("/me/player?additional_types=episode")["item"],
        real("playback_audiobook_1")["item"],
    )
    assert item.keys() == removed(there)
    assert item["show"].keys() == removed(there["show"])
    nulls = {name for name, value in there["show"].items() if value is None}
    assert {name for name, value in item["show"].items() if value is None} == nulls


def saved_book(wire: Wire) -> str:
    return str(wire.json("/me/audiobooks")["items"][0]["uri"])
