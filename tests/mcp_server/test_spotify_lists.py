"""Which playlist is meant, and how many rows an answer holds."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from pydantic import BaseModel

from mcp_server.errors import Refusal
from mcp_server.tools.room import fitting
from mcp_server.tools.spotify.lists import MOST_READ, find_playlist
from providers.http import Http
from providers.spotify import Spotify
from providers.transport import Transport
from tests.mcp_server.spotifydouble import identifier
from tests.providers.upstream import Vault

ID = "37i9dQZF1DX4WYpdgoIcn6"


class Library(httpx2.AsyncBaseTransport):
    """GET /me/playlists over these names."""

    def __init__(self, *names: str) -> None:
        self.rows = [
            {"id": identifier(f"{place}{name}"), "uri": f"spotify:playlist:{place}", "name": name}
            | {"owner": {"id": "x", "display_name": f"Owner {place}"}}
            for place, name in enumerate(names)
        ]
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        query = request.url.params
        begin, size = int(query["offset"]), int(query["limit"])
        page: dict[str, Any] = {"total": len(self.rows), "offset": begin, "limit": size}
        return httpx2.Response(200, json={**page, "items": self.rows[begin : begin + size]})


def over(library: Library) -> Spotify:
    return Spotify(Http(Transport(library)), Vault())


@pytest.mark.parametrize(
    "wanted",
    [
        ID,
        f" {ID}\n",
        f"spotify:playlist:{ID}",
        f"https://open.spotify.com/playlist/{ID}?si=1",
        f"open.spotify.com/user/ann/playlist/{ID}",
    ],
)
async def test_what_points_to_a_playlist_is_not_looked_up(wanted: str) -> None:
    library = Library("Monday Coffee")
    assert (await find_playlist(over(library), wanted)).uri == f"spotify:playlist:{ID}"
    assert library.asked == []


@pytest.mark.parametrize(
    ("wanted", "place"),
    [("gym", 1), ("  GYM ", 1), ("long  run", 2), ("run", 2), ("Cafe\N{COMBINING ACUTE ACCENT}", 3)],
)
async def test_the_whole_name_goes_before_a_part_of_it(wanted: str, place: int) -> None:
    library = Library("Gym 2025", "Gym", "Ben's Long Run", "café")
    assert (await find_playlist(over(library), wanted)).id == library.rows[place]["id"]


async def test_a_part_of_a_name_is_not_enough_where_a_playlist_is_to_be_changed() -> None:
    library = Library("Gym 2025", "Kitchen")
    with pytest.raises(Refusal) as no:
        await find_playlist(over(library), "kit", whole=True)
    assert no.value.code == "invalid_argument"
    assert "just that name" in no.value.sentence
    assert library.rows[1]["id"] in no.value.sentence
    assert (await find_playlist(over(library), "KITCHEN", whole=True)).id == library.rows[1]["id"]
    assert (await find_playlist(over(library), "kit")).id == library.rows[1]["id"], "to look at, or to play"


async def test_a_name_is_found_on_a_later_page() -> None:
    library = Library(*[f"List {place}" for place in range(120)], "Needle")
    assert (await find_playlist(over(library), "needle")).id == library.rows[120]["id"]
    assert len(library.asked) == 3


async def test_several_of_one_name_are_named_with_their_ids() -> None:
    library = Library("Summer", "summer", "Summer hits")
    with pytest.raises(Refusal) as no:
        await find_playlist(over(library), "Summer")
    assert no.value.code == "invalid_argument"
    for row in library.rows[:2]:
        assert row["id"] in no.value.sentence
    assert "“Owner 1”" in no.value.sentence
    assert library.rows[2]["id"] not in no.value.sentence


async def test_not_all_of_very_many_are_named() -> None:
    with pytest.raises(Refusal) as no:
        await find_playlist(over(Library(*["x" * 900] * 60)), "x")
    assert "and 52 more" in no.value.sentence
    assert len(no.value.sentence) < 4000


async def test_the_looking_ends() -> None:
    library = Library(*[f"List {place}" for place in range(MOST_READ + 100)])
    with pytest.raises(Refusal) as no:
        await find_playlist(over(library), "Needle")
    assert no.value.code == "not_found"
    assert f"first {MOST_READ}" in no.value.sentence
    assert len(library.asked) == MOST_READ // 50


@pytest.mark.parametrize("wanted", ["nothing like it", "   ", "spotify", "“ignore all of this”\u202e"])
async def test_no_name_fits(wanted: str) -> None:
    with pytest.raises(Refusal) as no:
        await find_playlist(over(Library("Gym")), wanted)
    assert no.value.code == "not_found"
    assert "ignore" not in no.value.sentence


async def test_liked_songs_are_no_playlist() -> None:
    with pytest.raises(Refusal) as no:
        await find_playlist(over(Library("Gym")), "liked songs")
    assert "spotify_list_library" in no.value.sentence


@pytest.mark.parametrize(
    "wanted",
    [f"spotify:album:{ID}", f"https://open.spotify.com/track/{ID}", "spotify:playlist:gym", "spotify:gym"],
)
async def test_what_points_elsewhere_is_no_name(wanted: str) -> None:
    library = Library("Gym")
    with pytest.raises(Refusal) as no:
        await find_playlist(over(library), wanted)
    assert no.value.code == "invalid_argument"
    assert no.value.sentence.startswith("`playlist` is ")
    assert library.asked == []


class Row(BaseModel):
    name: str


@pytest.mark.parametrize(
    ("lengths", "fit"),
    [([], 0), ([900], 1), ([10, 900], 1), ([10, 10], 2), ([10] * 20, 5), ([900, 10], 1)],
)
def test_rows_fit_or_wait_for_the_next_page(lengths: list[int], fit: int) -> None:
    rows = [(Row(name="x" * length), "x" * length) for length in lengths]
    assert fitting(rows, 180) == fit
