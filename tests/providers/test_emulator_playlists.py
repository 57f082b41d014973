"""Playlists at the emulator: made, changed, edited; each request and answer judged by Spotify's file."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.providers.lists import JPEG, done, id_of, names, truly, uris
from tests.providers.wire import Wire


def test_a_playlist_is_public_and_empty_where_nothing_else_is_said(ana: Wire) -> None:
    answer = ana("POST", "/me/playlists", {"name": "Sunday"})
    made = answer.json()
    assert answer.status_code == 201
    assert (made["public"], made["collaborative"], made["items"]["total"]) == (True, False, 0)
    kept = truly(ana, made["id"])
    assert (kept["name"], kept["snapshot_id"], kept["items"]) == ("Sunday", made["snapshot_id"], [])
    again = ana("POST", "/me/playlists", {"name": "Sunday"}).json()
    assert again["id"] != made["id"]
    listed = ana.json("/me/playlists")["items"]
    assert [row["name"] for row in listed][-2:] == ["Sunday", "Sunday"]
    assert listed[-1]["images"] is None


def test_details_change_one_by_one_and_make_a_new_snapshot(ana: Wire) -> None:
    id_ = id_of(ana, "Monday Coffee")
    before = truly(ana, id_)
    answer = ana("PUT", f"/playlists/{id_}", {"description": "Slower.", "collaborative": True})
    assert (answer.status_code, answer.content) == (200, b"")
    after = truly(ana, id_)
    assert after["snapshot_id"] != before["snapshot_id"]
    assert (after["name"], after["description"], after["collaborative"]) == ("Monday Coffee", "Slower.", True)
    refusal = ana.refused("PUT", f"/playlists/{id_}", {"public": True})
    assert refusal == (400, "Collaborative playlists can only be private", None)
    ana("PUT", f"/playlists/{id_}", {"name": "Tea", "public": True, "collaborative": False})
    now = ana.json(f"/playlists/{id_}")
    assert (now["name"], now["public"], now["collaborative"]) == ("Tea", True, False)


@pytest.mark.parametrize(
    ("method", "path", "body", "needed"),
    [
        ("POST", "/me/playlists", {"name": "x"}, "playlist-modify-public"),
        ("POST", "/me/playlists", {"name": "x", "public": False}, "playlist-modify-private"),
        ("PUT", "/playlists/{private}", {"name": "x"}, "playlist-modify-private"),
        ("PUT", "/playlists/{public}", {"name": "x"}, "playlist-modify-public"),
        ("POST", "/playlists/{private}/items", {"uris": ["{track}"]}, "playlist-modify-private"),
        ("PUT", "/playlists/{public}/items", {"uris": []}, "playlist-modify-public"),
        ("DELETE", "/playlists/{public}/items", {"items": [{"uri": "{track}"}]}, "playlist-modify-public"),
    ],
)
def test_an_edit_needs_the_scope_of_the_playlists_kind(
    ana: Wire, method: str, path: str, body: Any, needed: str
) -> None:
    ids = {"private": id_of(ana, "Monday Coffee"), "public": id_of(ana, "Dance in the Kitchen")}
    track = ana.first("despacito")["uri"]
    body = {
        key: [track] if value == ["{track}"] else [{"uri": track}] if key == "items" else value
        for key, value in body.items()
    }
    other = {"playlist-modify-public", "playlist-modify-private"} - {needed}
    lacking = ana.emulator.access_token(*other, "playlist-read-private")
    refusal = ana.refused(method, path.format(**ids), body, token=lacking)
    assert refusal == (403, "Insufficient client scope", None)
    enough = ana.emulator.access_token(needed)
    assert ana(method, path.format(**ids), body, token=enough).status_code in {200, 201}


def test_a_collaborative_playlist_takes_both_scopes(ana: Wire) -> None:
    body = {"name": "x", "public": False, "collaborative": True}
    token = ana.emulator.access_token("playlist-modify-private")
    assert ana.refused("POST", "/me/playlists", body, token=token)[0] == 403
    assert ana("POST", "/me/playlists", body).json()["collaborative"] is True


def test_items_are_added_at_a_position_or_at_the_end(ana: Wire) -> None:
    id_ = id_of(ana, "Dance in the Kitchen")
    limbo, sorry = uris(ana, "limbo", "track:sorry artist:bieber")
    before = truly(ana, id_)["snapshot_id"]
    snapshot = done(ana("POST", f"/playlists/{id_}/items", {"uris": [sorry, limbo], "position": 1}), 201)
    assert names(ana, id_)[:4] == ["Dancing Queen", "Sorry", "Limbo", "Get Lucky"]
    assert truly(ana, id_)["snapshot_id"] == snapshot != before
    done(ana("POST", f"/playlists/{id_}/items?uris={limbo},{limbo}&position=0", {"uris": [sorry]}), 201)
    assert names(ana, id_)[:3] == ["Limbo", "Limbo", "Dancing Queen"]
    done(ana("POST", f"/playlists/{id_}/items", {"uris": [sorry]}), 201)
    assert names(ana, id_)[-1] == "Sorry"
    added = truly(ana, id_)["items"][-1]
    assert (added["added_by"], added["added_at"] > "2026-02-14T08:30:00Z") == ("ana", True)


@pytest.mark.parametrize(
    ("start", "length", "before", "order"),
    [
        (0, 1, 6, "123450"),
        (5, None, 0, "501234"),
        (1, 2, 5, "034125"),
        (3, 2, 1, "034125"),
        (1, 2, 2, "012345"),
    ],
)
def test_reordering_moves_a_range(ana: Wire, start: int, length: int | None, before: int, order: str) -> None:
    id_ = id_of(ana, "Monday Coffee")
    was = names(ana, id_)
    body = {"range_start": start, "insert_before": before, "range_length": length}
    snapshot = done(
        ana("PUT", f"/playlists/{id_}/items", {key: n for key, n in body.items() if n is not None})
    )
    assert names(ana, id_) == [was[int(place)] for place in order]
    assert truly(ana, id_)["snapshot_id"] == snapshot


def test_replacing_sets_all_items_or_clears_them(ana: Wire) -> None:
    id_ = id_of(ana, "Monday Coffee")
    two = uris(ana, "limbo", "glósóli")
    done(ana("PUT", f"/playlists/{id_}/items", {"uris": two}))
    assert names(ana, id_) == ["Limbo", "Glósóli"]
    done(ana("PUT", f"/playlists/{id_}/items?uris={two[1]}"))
    assert names(ana, id_) == ["Glósóli"]
    done(ana("PUT", f"/playlists/{id_}/items", {"uris": []}))
    assert ana.json(f"/playlists/{id_}/items")["items"] == []


def test_removing_what_is_not_there_changes_nothing(ana: Wire) -> None:
    id_ = id_of(ana, "Monday Coffee")
    before = truly(ana, id_)
    row = {"uri": uris(ana, "limbo")[0]}
    assert done(ana("DELETE", f"/playlists/{id_}/items", {"items": [row]})) == before["snapshot_id"]
    body = {"items": [row], "snapshot_id": before["snapshot_id"]}
    refusal = ana.refused("DELETE", f"/playlists/{id_}/items", body)
    assert refusal == (400, "Could not remove tracks, please check parameters.", None)
    assert truly(ana, id_) == before


def test_an_edit_for_an_older_snapshot_finds_its_items_where_they_are_now(ana: Wire) -> None:
    """Somebody else put two in front meanwhile: position 1 of the snapshot is position 3 now."""
    id_ = id_of(ana, "Monday Coffee")
    was, snapshot = names(ana, id_), truly(ana, id_)["snapshot_id"]
    done(ana("POST", f"/playlists/{id_}/items", {"uris": uris(ana, "limbo", "lovumba"), "position": 0}), 201)
    body = {"range_start": 1, "insert_before": 0, "snapshot_id": snapshot}
    done(ana("PUT", f"/playlists/{id_}/items", body))
    assert names(ana, id_) == ["Limbo", "Lovumba", was[1], was[0], *was[2:]]


def test_an_older_snapshot_does_not_bring_back_or_take_away_what_changed_since(ana: Wire) -> None:
    id_ = id_of(ana, "Monday Coffee")
    then = truly(ana, id_)
    first, second = (row["uri"] for row in then["items"][:2])
    done(ana("DELETE", f"/playlists/{id_}/items", {"items": [{"uri": second}]}))
    done(ana("POST", f"/playlists/{id_}/items", {"uris": [first]}), 201)
    now = names(ana, id_)
    body = {"range_start": 0, "insert_before": 1, "range_length": 2, "snapshot_id": then["snapshot_id"]}
    assert ana("PUT", f"/playlists/{id_}/items", body | {"insert_before": 6}).status_code == 200
    assert names(ana, id_) == [*now[1:], now[0]]
    body = {"items": [{"uri": first}], "snapshot_id": then["snapshot_id"]}
    done(ana("DELETE", f"/playlists/{id_}/items", body))
    assert names(ana, id_).count(now[0]) == 1, "what came after the snapshot stays"


def test_a_snapshot_that_is_too_old_is_not_known(ana: Wire) -> None:
    id_ = id_of(ana, "Monday Coffee")
    snapshots = [truly(ana, id_)["snapshot_id"]]
    for turn in range(51):
        ana("PUT", f"/playlists/{id_}", {"description": f"Turn {turn}"})
        snapshots.append(truly(ana, id_)["snapshot_id"])
    assert len(set(snapshots)) == 52
    body = {"range_start": 0, "insert_before": 2}
    for snapshot, status in ((snapshots[0], 400), (snapshots[1], 200)):
        answer = ana("PUT", f"/playlists/{id_}/items", body | {"snapshot_id": snapshot})
        assert answer.status_code == status


def test_a_playing_context_goes_on_when_its_playlist_changes(ana: Wire) -> None:
    ana.emulator.settings(lag_ms=0)
    id_ = id_of(ana, "Monday Coffee")
    before = ana.emulator.player("ana")
    assert before["context"] == f"spotify:playlist:{id_}"
    done(ana("PUT", f"/playlists/{id_}/items", {"uris": []}))
    after = ana.emulator.player("ana")
    assert (after["current"], after["upcoming"]) == (before["current"], before["upcoming"])
    ana("POST", "/me/player/next")
    assert ana.emulator.player("ana")["current"] == before["upcoming"][0]


def test_a_picture_is_a_small_jpeg_in_base64(ana: Wire) -> None:
    path = f"/playlists/{id_of(ana, 'Monday Coffee')}/images"
    for wrong in (b"no base64!", base64.b64encode(b"\x89PNG"), base64.b64decode(JPEG)):
        assert ana.refused("PUT", path, wrong) == (400, "Bad request.", None)
    assert ana("PUT", path, JPEG + b"A" * 256 * 1024).status_code == 413
    token = ana.emulator.access_token("playlist-modify-private")
    assert ana.refused("PUT", path, JPEG, token=token) == (403, "Insufficient client scope", None)


def test_reset_forgets_what_was_made(ana: Wire) -> None:
    id_ = id_of(ana, "Monday Coffee")
    before = ana.emulator.playlists("ana")
    ana("POST", "/me/playlists", {"name": "x"})
    ana("PUT", f"/playlists/{id_}", {"name": "y"})
    ana.emulator.reset()
    assert ana.emulator.playlists("ana") == before
