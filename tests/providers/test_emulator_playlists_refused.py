"""Playlists at the emulator: what is refused, and what `fields` leaves. Nothing here changes anything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers import spec
from tests.providers.lists import GONE, id_of, truly, uris
from tests.providers.wire import Wire
from tests.support.emulator import EmulatorProcess


@pytest.fixture(scope="module")
def ana(process: EmulatorProcess) -> Wire:
    process.reset()
    return Wire(process, spec.available(), "ana")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Missing required field: name"),
        ({"name": ""}, "Missing required field: name"),
        ({"name": 3}, "Error parsing JSON."),
        ({"name": "x", "public": "yes"}, "Error parsing JSON."),
        (["x"], "Error parsing JSON."),
        ({"name": "x", "collaborative": True}, "Collaborative playlists can only be private"),
    ],
)
def test_what_cannot_be_made_is_refused(ana: Wire, body: Any, message: str) -> None:
    before = ana.json("/me/playlists")["total"]
    assert ana.refused("POST", "/me/playlists", body) == (400, message, None)
    assert ana.json("/me/playlists")["total"] == before


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"position": 7}, 403, "Index out of bounds."),
        ({"position": -1}, 400, "Invalid position, must be positive"),
        ({"position": "1"}, 400, "Error parsing JSON."),
        ({"uris": []}, 400, "No uris provided"),
        ({"uris": "spotify:track:x"}, 400, "Error parsing JSON."),
        ({"uris": ["2VVI3s5cAGh2YMDmmmEV44"]}, 400, "Invalid track uri: 2VVI3s5cAGh2YMDmmmEV44"),
        ({"uris": ["spotify:album:" + "0" * 22]}, 400, f"Invalid track uri: spotify:album:{'0' * 22}"),
        ({"uris": ["spotify:local:a:b:c:1"]}, 400, "Invalid track uri: spotify:local:a:b:c:1"),
        ({"uris": [GONE]}, 400, "Payload contains a non-existing ID"),
        ({"uris": [GONE] * 101}, 400, "You can add a maximum of 100 tracks per request."),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_changes(
    ana: Wire, change: Any, status: int, message: str
) -> None:
    id_ = id_of(ana, "Monday Coffee")
    body = {"uris": uris(ana, "limbo"), **change}
    before = truly(ana, id_)
    assert ana.refused("POST", f"/playlists/{id_}/items", body) == (status, message, None)
    assert truly(ana, id_) == before


def test_an_unlicensed_track_cannot_be_added(ana: Wire) -> None:
    body = {"uris": uris(ana, "lighthouse keeper")}
    refusal = ana.refused("POST", f"/playlists/{id_of(ana, 'Monday Coffee')}/items", body)
    assert refusal == (400, "Payload contains a non-existing ID", None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"range_start": 6, "insert_before": 0}, "Index out of bounds."),
        ({"range_start": 5, "insert_before": 0, "range_length": 2}, "Index out of bounds."),
        ({"range_start": 0, "insert_before": 7}, "Index out of bounds."),
        ({"range_start": -1, "insert_before": 0}, "Invalid position, must be positive"),
        ({"range_start": 0, "insert_before": 1, "range_length": 0}, "Invalid position, must be positive"),
        ({"range_start": 0}, "Missing required field: insert_before"),
        ({"insert_before": 0}, "Missing required field: range_start"),
        ({}, "Missing required field: uris"),
        (
            {"range_start": 0, "insert_before": 1, "uris": []},
            "Can't reorder and replace items in one request",
        ),
        ({"range_start": 0, "insert_before": 2, "snapshot_id": "AAAA"}, "Invalid snapshot_id"),
    ],
)
def test_wrong_orders_are_refused_and_nothing_changes(ana: Wire, body: Any, message: str) -> None:
    id_ = id_of(ana, "Monday Coffee")
    before = truly(ana, id_)
    assert ana.refused("PUT", f"/playlists/{id_}/items", body) == (400, message, None)
    assert truly(ana, id_) == before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"tracks": [{"uri": GONE}]}, "Missing required field: items"),
        ({"items": [GONE]}, "Error parsing JSON."),
        ({"items": [{"uri": "x"}]}, "Invalid track uri: x"),
        ({"items": [{"uri": GONE}] * 101}, "You can remove a maximum of 100 tracks per request."),
        ({"items": [{"uri": GONE}], "snapshot_id": "AAAA"}, "Invalid snapshot_id"),
    ],
)
def test_wrong_removals_are_refused(ana: Wire, body: Any, message: str) -> None:
    path = f"/playlists/{id_of(ana, 'Monday Coffee')}/items"
    assert ana.refused("DELETE", path, body) == (400, message, None)


@pytest.mark.parametrize(
    ("method", "body", "doing"),
    [
        ("POST", {"uris": [GONE]}, "add tracks to"),
        ("PUT", {"uris": []}, "reorder tracks in"),
        ("DELETE", {"items": [{"uri": GONE}]}, "remove tracks from"),
    ],
)
def test_others_may_not_edit_a_public_playlist(ana: Wire, method: str, body: Any, doing: str) -> None:
    path = f"/playlists/{id_of(ana, 'Workbench', 'emil')}/items"
    assert ana.refused(method, path, body) == (403, f"You cannot {doing} a playlist you don't own.", None)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ("description,uri", {"description": None, "uri": None}),
        ("items.total", {"items": {"total": None}}),
        ("items(total,items(added_by.id))", {"items": {"total": None, "items": {"added_by": {"id": None}}}}),
        (
            "items.items(item(name,album(name)))",
            {"items": {"items": {"item": {"name": None, "album": {"name": None}}}}},
        ),
        (
            "items.items.item.artists.name , name",
            {"items": {"items": {"item": {"artists": {"name": None}}}}, "name": None},
        ),
        ("name,nothing", {"name": None}),
    ],
)
def test_fields_leave_only_what_was_asked_for(ana: Wire, fields: str, kept: Any) -> None:
    def shape(value: Any) -> Any:
        if isinstance(value, list):
            return shape(value[0])
        return {name: shape(inner) for name, inner in value.items()} if isinstance(value, dict) else 0

    answer = ana.json(f"/playlists/{id_of(ana, 'Monday Coffee')}?fields={fields}")
    assert shape(answer) == shape(kept)


def test_fields_with_a_mark_are_left_out(ana: Wire) -> None:
    path = f"/playlists/{id_of(ana, 'Monday Coffee')}/items"
    whole = ana.json(f"{path}?limit=1")["items"][0]["item"]["album"]
    asked = f"{path}?limit=1&fields=next,items(item(album(!external_urls,!images)))"
    page = ana.json(asked)
    assert page["items"][0]["item"]["album"].keys() == whole.keys() - {"external_urls", "images"}
    assert ana.json(page["next"].removeprefix("https://api.spotify.com/v1")).keys() == {"next", "items"}


@pytest.mark.parametrize(
    "fields", ["items(", "items(name", "items)", "a..b", "items(!)", "a b", "(a)", "a,", "é"]
)
def test_fields_that_cannot_be_read_are_refused(ana: Wire, fields: str) -> None:
    path = f"/playlists/{id_of(ana, 'Monday Coffee')}?fields={fields}"
    assert ana.refused("GET", path) == (400, "Invalid fields", None)
