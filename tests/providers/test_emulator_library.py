"""The library at the emulator: saved items by kind, followed artists, and the one pair of verbs for all."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from providers.emulator.clock import Clock
from providers.emulator.settings import Settings
from providers.emulator.spotify.upstream import Spotify
from tests.providers.wire import Wire
from tests.support.emulator import EmulatorProcess

NOWHERE = "0" * 22
KINDS = ("tracks", "albums", "shows", "episodes", "audiobooks")


def library(wire: Wire, method: str, *uris: str) -> None:
    answer = wire(method, f"/me/library?uris={','.join(uris)}")
    assert (answer.status_code, answer.content) == (200, b""), answer.text


def contains(wire: Wire, *uris: str) -> list[bool]:
    found: list[bool] = wire.json(f"/me/library/contains?uris={','.join(uris)}")
    return found


def saved(wire: Wire, kind: str) -> list[str]:
    """URIs of what is saved, as listed; the books of the answer stand there themselves."""
    items = wire.json(f"/me/{kind}?limit=50")["items"]
    return [item.get(kind[:-1], item)["uri"] for item in items]


# Saved items


@pytest.mark.parametrize("kind", KINDS)
def test_saved_items_come_newest_first_and_in_pages(as_: Callable[[str], Wire], kind: str) -> None:
    wire = as_("ben")
    first = wire.json(f"/me/{kind}?limit=1")
    assert (first["limit"], first["offset"], first["previous"]) == (1, 0, None)
    assert first["total"] == len(saved(wire, kind)) > 0
    following = [first]
    while following[-1]["next"]:
        following.append(wire.json(following[-1]["next"].removeprefix("https://api.spotify.com/v1")))
    items = [item for page in following for item in page["items"]]
    assert [item.get(kind[:-1], item)["uri"] for item in items] == saved(wire, kind)
    dates = [item["added_at"] for item in items if "added_at" in item]
    assert dates == sorted(dates, reverse=True)
    assert len(dates) == (0 if kind == "audiobooks" else first["total"])


@pytest.mark.parametrize("kind", KINDS)
def test_who_saved_nothing_sees_nothing(as_: Callable[[str], Wire], kind: str) -> None:
    page = as_("dana").json(f"/me/{kind}")
    assert (page["items"], page["total"], page["next"], page["limit"]) == ([], 0, None, 20)


def test_what_is_gone_stays_in_its_place_as_nothing(as_: Callable[[str], Wire]) -> None:
    emil = as_("emil")
    albums = emil.json("/me/albums")
    assert (albums["total"], albums["items"].count(None)) == (2, 1)
    gone, there = sorted(emil.json("/me/episodes")["items"], key=lambda item: item["episode"]["id"] or "")
    assert (gone["episode"]["name"], gone["episode"]["show"]["uri"]) == (None, None)
    assert there["episode"]["show"]["name"] == "Signal and Noise"


def test_a_saved_track_says_whether_it_plays_in_the_country_of_the_account(
    ana: Wire, as_: Callable[[str], Wire]
) -> None:
    mine = ana.json("/me/tracks?limit=50&market=DE")["items"]
    assert {item["track"]["is_playable"] for item in mine} == {True}
    emils = {item["track"]["name"]: item["track"] for item in as_("emil").json("/me/tracks")["items"]}
    assert (emils["Ferry Light"]["is_playable"], emils["Ferry Light"]["restrictions"]) == (
        False, {"reason": "market"}
    )  # fmt: skip
    assert emils["Small Hours"]["is_playable"] is True


@pytest.mark.parametrize("kind", KINDS)
def test_limits_of_a_page(ana: Wire, kind: str) -> None:
    assert ana.refused("GET", f"/me/{kind}?limit=51") == (400, "Invalid limit", None)
    assert ana.refused("GET", f"/me/{kind}?limit=0") == (400, "Invalid limit", None)
    assert ana.refused("GET", f"/me/{kind}?offset=-1") == (400, "Invalid offset", None)


# Saving, removing, looking


def test_every_kind_is_saved_found_listed_and_removed(as_: Callable[[str], Wire]) -> None:
    wire = as_("ben")
    book = wire.first("leagues", "audiobook")
    uris = {
        "tracks": wire.first("sola")["uri"],
        "albums": wire.first("vida", "album")["uri"],
        "shows": wire.first("kettle", "show")["uri"],
        "episodes": wire.first("harbour", "episode")["uri"],
        "audiobooks": book["uri"],
    }
    assert contains(wire, *uris.values()) == [False] * 5
    before = {kind: saved(wire, kind) for kind in KINDS}
    library(wire, "PUT", *uris.values())
    assert contains(wire, *uris.values(), f"spotify:audiobook:{book['id']}") == [True] * 6
    for kind, uri in uris.items():
        assert saved(wire, kind) == [uri, *before[kind]]
    library(wire, "DELETE", *uris.values())
    assert contains(wire, *uris.values()) == [False] * 5
    assert {kind: saved(wire, kind) for kind in KINDS} == before


def test_saving_twice_keeps_the_date_and_removing_twice_is_no_error(
    ana: Wire, emulator: EmulatorProcess
) -> None:
    uri = ana.first("ferry light")["uri"]
    library(ana, "PUT", uri)
    first = ana.json("/me/tracks?limit=1")["items"][0]
    emulator.advance(60)
    library(ana, "PUT", uri)
    assert ana.json("/me/tracks?limit=1")["items"][0] == first
    library(ana, "DELETE", uri)
    library(ana, "DELETE", uri)
    assert contains(ana, uri) == [False]


def test_a_user_can_be_followed_and_left(ana: Wire, emulator: EmulatorProcess) -> None:
    uri = f"spotify:user:{emulator.accounts()['ben']['id']}"
    library(ana, "PUT", uri)
    assert contains(ana, uri) == [True]
    library(ana, "DELETE", uri)
    assert contains(ana, uri) == [False]


def test_an_artist_can_be_followed_though_the_file_does_not_say_so(as_: Callable[[str], Wire]) -> None:
    dana = as_("dana")
    artist = dana.first("queen", "artist")
    assert dana.json("/me/following?type=artist")["artists"] | {"href": ""} == {
        "href": "", "limit": 20, "next": None, "cursors": {"after": None}, "total": 0, "items": []
    }  # fmt: skip
    library(dana, "PUT", artist["uri"])
    assert dana.json("/me/following?type=artist")["artists"]["items"] == [artist]
    library(dana, "DELETE", artist["uri"])
    assert dana.json("/me/following?type=artist")["artists"]["items"] == []


def test_following_a_playlist_lists_it_and_leaving_one_s_own_hides_it(
    ana: Wire, emulator: EmulatorProcess
) -> None:
    own = emulator.accounts()["ana"]["playlists"]
    bens = emulator.accounts()["ben"]["playlists"]["Ben's Long Run"]
    names = ["Monday Coffee", "Dance in the Kitchen"]

    def listed() -> list[str]:
        return [playlist["name"] for playlist in ana.json("/me/playlists")["items"]]

    assert (listed()[:2], contains(ana, f"spotify:playlist:{bens}")) == (names, [False])
    others = listed()[2:]
    library(ana, "PUT", f"spotify:playlist:{bens}")
    assert (listed(), contains(ana, f"spotify:playlist:{bens}")) == (
        [*names, *others, "Ben's Long Run"],
        [True],
    )
    mine = f"spotify:playlist:{own['Monday Coffee']}"
    library(ana, "DELETE", mine, f"spotify:playlist:{bens}")
    assert (listed(), contains(ana, mine)) == ([names[1], *others], [False])
    assert ana.json(f"/playlists/{own['Monday Coffee']}")["name"] == "Monday Coffee"
    assert emulator.library()["hidden"] == [own["Monday Coffee"]]
    library(ana, "PUT", mine)
    assert (listed(), contains(ana, mine)) == ([*names, *others], [True])


# Followed artists


def test_followed_artists_are_paged_by_the_last_one_seen(ana: Wire) -> None:
    first = ana.json("/me/following?type=artist&limit=10")["artists"]
    assert first["cursors"]["after"] == first["items"][-1]["id"]
    pages = [first]
    while pages[-1]["next"]:
        path = pages[-1]["next"].removeprefix("https://api.spotify.com/v1")
        pages.append(ana.json(path)["artists"])
    ids = [artist["id"] for page in pages for artist in page["items"]]
    assert [len(page["items"]) for page in pages] == [10, 10, 7]
    assert (len(set(ids)), {page["total"] for page in pages}) == (27, {27})
    assert pages[-1]["cursors"] == {"after": None}
    assert ana.json("/me/following?type=artist&limit=27")["artists"]["next"] is None


def test_a_page_goes_on_where_the_artist_it_ended_with_was_left(ana: Wire) -> None:
    first = ana.json("/me/following?type=artist&limit=10")["artists"]
    second = ana.json(f"/me/following?type=artist&limit=10&after={first['cursors']['after']}")["artists"]
    library(ana, "DELETE", first["items"][-1]["uri"])
    again = ana.json(f"/me/following?type=artist&limit=10&after={first['cursors']['after']}")["artists"]
    assert again["items"] == second["items"]


# What is refused


@pytest.mark.parametrize(
    ("uris", "message"),
    [
        ("", "Missing required field: uris"),
        ("spotify:track:short", "Invalid uri: spotify:track:short"),
        ("https://open.spotify.com/track/x", "Invalid uri: https://open.spotify.com/track/x"),
        (f"spotify:chapter:{NOWHERE}", "Unsupported uri type: chapter"),
        (",".join([f"spotify:track:{NOWHERE}"] * 41), "Too many uris: maximum 40"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/me/library"), ("DELETE", "/me/library"), ("GET", "/me/library/contains")]
)  # fmt: skip
def test_wrong_uris_are_refused(ana: Wire, method: str, path: str, uris: str, message: str) -> None:
    assert ana.refused(method, f"{path}?uris={uris}") == (400, message, None)


def test_uris_in_the_body_are_not_seen(ana: Wire) -> None:
    body = {"uris": [ana.first("sola")["uri"]]}
    assert ana.refused("PUT", "/me/library", body) == (400, "Missing required field: uris", None)


def test_forty_are_taken_and_nothing_of_a_list_with_a_wrong_one(ana: Wire, emulator: EmulatorProcess) -> None:
    forty = [item["track"]["uri"] for item in ana.json("/me/tracks?limit=40")["items"]]
    library(ana, "DELETE", *forty)
    assert contains(ana, *forty) == [False] * 40
    before = emulator.library()["saved"]
    refused = ana.refused("PUT", f"/me/library?uris={forty[0]},spotify:track:{NOWHERE}")
    assert refused == (400, f"Invalid library resource: spotify:track:{NOWHERE}", None)
    assert emulator.library()["saved"] == before


def test_there_is_no_such_thing_as_reading_the_library_as_a_whole(ana: Wire) -> None:
    headers = {"authorization": f"Bearer {ana.token}"}
    answer = ana.emulator.http.get("/api.spotify.com/v1/me/library", headers=headers)
    assert answer.status_code == 405
    assert answer.json()["error"] == {"status": 405, "message": "Method Not Allowed"}


@pytest.mark.parametrize("query", ["", "?type=user"])
def test_only_artists_can_be_asked_for(ana: Wire, query: str) -> None:
    assert ana.refused("GET", f"/me/following{query}")[0] == 400


@pytest.mark.parametrize(
    ("held", "method", "path"),
    [
        ("user-library-modify", "GET", "/me/tracks"),
        ("user-library-read", "GET", "/me/episodes"),
        ("user-library-read", "GET", "/me/following?type=artist"),
        ("user-library-read", "PUT", "/me/library?uris=spotify:track:"),
        ("user-library-modify", "PUT", "/me/library?uris=spotify:artist:"),
        ("user-library-modify user-follow-modify", "DELETE", "/me/library?uris=spotify:playlist:"),
        ("playlist-modify-private playlist-read-private", "PUT", "/me/library?uris=spotify:playlist:"),
        ("user-follow-read playlist-read-private", "GET", "/me/library/contains?uris=spotify:show:"),
        ("user-library-read user-follow-read", "GET", "/me/library/contains?uris=spotify:playlist:"),
    ],
)
def test_scopes_go_by_the_kind_of_the_item(
    ana: Wire, emulator: EmulatorProcess, held: str, method: str, path: str
) -> None:
    token = emulator.access_token(*held.split())
    path = f"{path}{NOWHERE}" if path.endswith(":") else path
    assert ana.refused(method, path, token=token) == (403, "Insufficient client scope", None)


# State


def test_reset_brings_the_library_back(ana: Wire, emulator: EmulatorProcess) -> None:
    before = emulator.library()["saved"].keys()
    library(ana, "DELETE", *list(before)[:3])
    assert len(emulator.library()["saved"]) == len(before) - 3
    emulator.reset()
    assert emulator.library()["saved"].keys() == before


def test_the_library_can_be_changed_behind_the_api(ana: Wire, emulator: EmulatorProcess) -> None:
    emulator.set_library("ana", save=[f"spotify:album:{NOWHERE}"])
    assert ana.json("/me/albums?limit=1")["items"] == [None]
    emulator.set_library("ana", remove=[f"spotify:album:{NOWHERE}"])
    assert None not in ana.json("/me/albums?limit=50")["items"]


def test_what_was_saved_hidden_and_heard_outlives_a_restart() -> None:
    before = Spotify(Clock(), Settings())
    person = before.people["ana"]
    person.library["spotify:album:x"] = 1.0
    person.hidden.append(person.playlists[0].id)
    person.hear("spotify:track:x", None, 2e9)
    after = Spotify(Clock(), Settings())
    after.load(json.loads(json.dumps(before.dump())))
    assert after.people["ana"] == person
