"""Playlists at the emulator: of two people, of an untidy one, empty and long; judged by Spotify's file."""

from __future__ import annotations

import base64
from collections.abc import Callable

from tests.providers.lists import JPEG, done, id_of, names, truly, uris
from tests.providers.wire import Wire


def test_only_who_may_edit_a_playlist_sees_its_items(as_: Callable[[str], Wire]) -> None:
    emil, dana, ana = as_("emil"), as_("dana"), as_("ana")
    id_ = id_of(emil, "Road Trip", "emil")
    for wire in (emil, dana):
        assert wire.json(f"/playlists/{id_}")["items"]["total"] == 4
        assert "Road Trip" in [row["name"] for row in wire.json("/me/playlists")["items"]]
        assert len(wire.json(f"/playlists/{id_}/items")["items"]) == 4
    adders = [row["added_by"]["id"] for row in dana.json(f"/playlists/{id_}/items")["items"]]
    assert adders == [emil.json("/me")["id"], dana.json("/me")["id"]] * 2
    assert ana.refused("GET", f"/playlists/{id_}")[0] == 404
    assert "Road Trip" not in [row["name"] for row in ana.json("/me/playlists")["items"]]


def test_a_collaborator_edits_items_but_not_the_playlist(as_: Callable[[str], Wire]) -> None:
    dana = as_("dana")
    id_ = id_of(dana, "Road Trip", "emil")
    done(dana("POST", f"/playlists/{id_}/items", {"uris": uris(dana, "limbo")}), 201)
    assert truly(dana, id_, "emil")["items"][-1]["added_by"] == "dana"
    own = (403, "You cannot change a playlist you don't own.", None)
    assert dana.refused("PUT", f"/playlists/{id_}", {"name": "Mine"}) == own
    assert dana.refused("PUT", f"/playlists/{id_}/images", JPEG) == own
    as_("emil")("PUT", f"/playlists/{id_}", {"collaborative": False})
    assert dana.refused("GET", f"/playlists/{id_}")[0] == 404


def test_collaborative_playlists_are_listed_for_who_may_see_them(as_: Callable[[str], Wire]) -> None:
    dana = as_("dana")
    token = dana.emulator.access_token("playlist-read-private", account="dana")
    listed = dana("GET", "/me/playlists", token=token).json()
    assert [row["collaborative"] for row in listed["items"]] == [False] * 3
    assert [row["collaborative"] for row in dana.json("/me/playlists")["items"]] == [False] * 3 + [True]


def test_a_mixed_playlist_holds_what_real_ones_do(as_: Callable[[str], Wire]) -> None:
    emil = as_("emil")
    id_ = id_of(emil, "Loose Ends", "emil")
    rows = emil.json(f"/playlists/{id_}/items?market=DE")["items"]
    kinds = [row["item"]["type"] if row["item"] else None for row in rows]
    assert kinds == ["track", "episode", "track", "track", None, "track", "track"]
    local = rows[2]
    assert local["is_local"] is True
    assert (local["item"]["id"], local["item"]["artists"][0]["href"]) == (None, None)
    assert (local["item"]["name"], local["item"]["duration_ms"]) == ("Rain on the Skylight", 187_000)
    assert emil.json(f"/playlists/{id_}")["items"]["total"] == 7


def test_playing_a_mixed_playlist_skips_what_cannot_sound(as_: Callable[[str], Wire]) -> None:
    emil = as_("emil")
    emil.emulator.settings(lag_ms=0)
    laptop = emil.emulator.player("emil")["devices"][1]["id"]
    context = f"spotify:playlist:{id_of(emil, 'Loose Ends', 'emil')}"
    body = {"context_uri": context, "offset": {"position": 4}}
    assert emil("PUT", f"/me/player/play?device_id={laptop}", body).status_code in {200, 204}
    playing = emil.emulator.player("emil")
    assert (playing["current_name"], playing["context"]) == ("Dos Gardenias", context)
    last = {"range_start": 4, "insert_before": 7}
    done(emil("PUT", f"/playlists/{context.rpartition(':')[2]}/items", last))
    emil("PUT", f"/me/player/play?device_id={laptop}", body | {"offset": {"position": 6}})
    assert emil.emulator.player("emil")["current_name"] == "Chan Chan", "after the last comes the first"


def test_an_empty_playlist_has_no_picture_until_it_gets_one(as_: Callable[[str], Wire]) -> None:
    dana = as_("dana")
    id_ = id_of(dana, "New Playlist", "dana")
    assert dana.json(f"/playlists/{id_}")["images"] is None
    assert dana("GET", f"/playlists/{id_}/images").json() == []
    before = truly(dana, id_, "dana")["snapshot_id"]
    assert dana("PUT", f"/playlists/{id_}/images", JPEG).status_code == 202
    assert truly(dana, id_, "dana")["snapshot_id"] != before
    (picture,) = dana("GET", f"/playlists/{id_}/images").json()
    assert picture in dana.json(f"/playlists/{id_}")["images"]
    shown = dana.emulator.http.get(dana.emulator.url(picture["url"]))
    assert (shown.headers["content-type"], shown.content) == ("image/jpeg", base64.b64decode(JPEG))
    assert dana.emulator.http.get(dana.emulator.url(picture["url"][:-1] + "x")).status_code == 404


def test_a_long_playlist_is_read_page_by_page(as_: Callable[[str], Wire]) -> None:
    dana = as_("dana")
    id_ = id_of(dana, "Everything, Twice", "dana")
    whole = dana.json(f"/playlists/{id_}")["items"]
    assert (whole["limit"], whole["total"], len(whole["items"])) == (100, 130, 100)
    path: str | None = f"/playlists/{id_}/items?limit=50"
    seen: list[str] = []
    while path is not None:
        page = dana.json(path)
        seen += [row["item"]["uri"] for row in page["items"]]
        path = page["next"] and page["next"].removeprefix("https://api.spotify.com/v1")
    assert seen == [row["uri"] for row in truly(dana, id_, "dana")["items"]]
    assert dana.refused("GET", f"/playlists/{id_}/items?limit=51") == (400, "Invalid limit", None)


def test_removing_takes_out_every_occurrence(as_: Callable[[str], Wire]) -> None:
    emil = as_("emil")
    id_ = id_of(emil, "Loose Ends", "emil")
    chan = truly(emil, id_, "emil")["items"][0]["uri"]
    assert names(emil, id_, "emil").count("Chan Chan") == 3
    done(emil("DELETE", f"/playlists/{id_}/items", {"items": [{"uri": chan}]}))
    left = truly(emil, id_, "emil")["items"]
    assert [row["name"] for row in left] == ["Soup for a hundred", None, None, "Dos Gardenias"]
    local = next(row["uri"] for row in left if row["uri"].startswith("spotify:local:"))
    gone = next(row["uri"] for row in left if row["name"] is None and row["uri"] != local)
    done(emil("DELETE", f"/playlists/{id_}/items", {"items": [{"uri": local}, {"uri": gone}]}))
    assert names(emil, id_, "emil") == ["Soup for a hundred", "Dos Gardenias"]
