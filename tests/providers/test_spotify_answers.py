"""Our types read every real answer of Spotify's that we have, through the very calls that tools make.

The files are of github.com/joostlek/python-spotify (MIT), recorded up to February 2026, and stand beside
Spotify's OpenAPI file (tests/providers/spec.py says where). They are not copied into the project.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from providers.base import NotFound, RateLimited
from providers.http import Answer, Http
from providers.model import read
from providers.spotify import EntryPage, Playback, Playlist, Spotify
from providers.transport import Transport
from tests.providers import spec

ID = "0" * 22
URI = f"spotify:track:{ID}"
FOLDER = spec.folder() / "answers"

Call = Callable[[Spotify], Awaitable[Any]]
Fact = Callable[[Any], object]

READ: dict[str, tuple[Call, Fact, object]] = {
    "album_tracks": (
        lambda s: s.album_tracks(ID),
        lambda page: (len(page.items), page.more, page.items[0].name, page.items[0].explicit),
        (18, False, "Global Warming (feat. Sensato)", True),
    ),
    "artist": (lambda s: s.artist(ID), lambda it: (it.name, len(it.images)), ("Pitbull", 3)),
    "artist_albums": (
        lambda s: s.artist_albums(ID),
        lambda page: (page.total, page.more, page.items[0].name, page.items[0].release_date),
        (918, True, "UNDERDOGS", "2025-08-29"),
    ),
    "audiobook": (
        lambda s: s.audiobook(ID),
        lambda it: (it.kind, it.authors, it.narrators, it.total_chapters, it.uri.split(":")[1]),
        ("audiobook", ("J.K. Rowling",), ("Stephen Fry",), 20, "show"),
    ),
    "audiobook_chapters": (
        lambda s: s.audiobook_chapters(ID),
        lambda page: (
            page.total,
            page.items[0].kind,
            page.items[0].chapter_number,
            page.items[0].duration_ms,
        ),
        (20, "chapter", 0, 23000),
    ),
    "chapter": (
        lambda s: s.chapter(ID),
        lambda it: (it.name, it.audiobook.name, it.resume_ms, it.finished, it.uri.split(":")[1]),
        ("Opening Credits", "Harry Potter and the Philosopher's Stone", 0, False, "episode"),
    ),
    "current_user": (
        lambda s: s.profile(),
        lambda me: (me.id, me.display_name, me.account_id),
        ("1112264649", "Joost Lekkerkerker", ""),
    ),
    "current_user_playlist_1": (
        lambda s: s.my_playlists(),
        lambda page: (page.total, page.items[0].name, page.items[0].size, page.items[0].owner_id),
        (94, "To find", 1, "1112264649"),
    ),
    "current_user_playlist_2": (
        lambda s: s.my_playlists(),
        lambda page: (len(page.items), page.items[0].size, page.items[0].owner),
        (47, 50, "Spotify"),
    ),
    "devices": (
        lambda s: s.devices(),
        lambda them: [(it.name, it.volume_percent, it.supports_volume, it.is_active) for it in them],
        [("DESKTOP-BKC5SIK", 69, True, False)],
    ),
    "episode": (
        lambda s: s.episode(ID),
        lambda it: (it.show.name, it.resume_ms, it.finished, it.release_date),
        ("Safety Third", 90000, False, "2024-07-26"),
    ),
    "followed_artists": (
        lambda s: s.followed_artists(),
        lambda part: (len(part.items), part.total, part.after, part.items[0].name),
        (48, 83, "7CajNmpbOovFoOoasH2HaY", "The Excellent Man from Minneapolis"),
    ),
    "get_album": (
        lambda s: s.album(ID),
        lambda it: (it.name, it.album_type, it.release_date, it.total_tracks, it.artists[0].name),
        ("SINGLARITY", "album", "2020-12-18", 11, "Area 11"),
    ),
    "library_contains": (lambda s: s.contains([URI, URI]), list, [False, False]),
    "new_playlist": (
        lambda s: s.create_playlist("New Playlist", public=False),
        lambda it: (it.name, it.public, it.images, it.owner, it.snapshot_id[:4]),
        ("New Playlist", False, (), "", "AAAB"),
    ),
    "playback_1": (
        lambda s: s.playback(),
        lambda it: (it.item.name, it.device.name, it.context_uri, it.repeat_state),
        ("WARRIORS, Pt. 1 (Final Stage)", "DESKTOP-BKC5SIK", "spotify:user:1112264649:collection", "off"),
    ),
    "playback_2": (
        lambda s: s.playback(),
        lambda it: (it.context_uri, it.disallows, it.device.supports_volume),
        (
            "spotify:user:rushofficial:playlist:2r35vbe6hHl6yDSMfjKgmm",
            frozenset({"skipping_prev", "toggling_repeat_track"}),
            None,
        ),
    ),
    "playback_3": (
        lambda s: s.playback(),
        lambda it: (it.device.id, it.device.is_restricted, it.device.name),
        (None, True, "Sonos Roam SL"),
    ),
    "playback_4": (  # a local file: no id, an album without a name, no context
        lambda s: s.playback(),
        lambda it: (it.item.id, it.item.uri[:13], it.item.album.name, it.item.url, it.context_uri),
        (None, "spotify:local", "", "", None),
    ),
    "playback_audiobook_1": (  # a chapter plays as an episode, from a show whose flags are null
        lambda s: s.playback(),
        lambda it: (it.item.kind, it.item.name, it.item.show.name, it.context_uri.split(":")[1]),
        ("episode", "Track 1", "De nomade", "show"),
    ),
    "playback_episode_1": (
        lambda s: s.playback(),
        lambda it: (it.item.kind, it.item.show.name, it.progress_ms),
        ("episode", "Safety Third", 5410),
    ),
    "playlist_1": (
        lambda s: s.playlist(ID),
        lambda it: (it.name, it.size, it.owner, it.public),
        ("To find", 1, "Joost Lekkerkerker", True),
    ),
    "playlist_2": (lambda s: s.playlist(ID), lambda it: (it.name, it.size), ("Starred", 2)),
    "playlist_3": (lambda s: s.playlist(ID), lambda it: (it.name, it.size), ("Pain", 3)),
    "playlist_items": (  # `track` and `item` side by side
        lambda s: s.playlist_items(ID),
        lambda page: [(row.item.name, row.is_local, row.added_at) for row in page.items],
        [("All I Need", False, "2025-07-29T21:11:55Z")],
    ),
    "playlist_update_items": (
        lambda s: s.add_items(ID, [URI]),
        lambda snapshot: snapshot,
        "AAAACG9jmE4O/USJ4XSA7mfhfXkaxawY",
    ),
    "recently_played_tracks": (
        lambda s: s.recently_played(),
        lambda it: (len(it.items), it.before, it.items[0].played_at, it.items[0].context_uri),
        (48, "1772028370058", "2026-02-25T20:15:20.497Z", "spotify:album:0sYsti82VA37zLESxDYVsm"),
    ),
    "saved_albums": (  # the thirteenth is null
        lambda s: s.saved_albums(),
        lambda page: (page.rows, page.places[11:13], page.items[0].item.name, page.items[0].added_at),
        (45, (11, 13), "Wildlive (Live at Olympiahalle) [Deluxe Version]", "2026-02-12T23:00:00Z"),
    ),
    "saved_audiobooks": (
        lambda s: s.saved_audiobooks(),
        lambda page: [(it.kind, it.name, it.uri.split(":")[1]) for it in page.items[:1]],
        [("audiobook", "De nomade", "show")],
    ),
    "saved_episodes": (  # the first is gone: an object full of nulls
        lambda s: s.saved_episodes(),
        lambda page: [(row.item.name, row.item.uri[:15], row.item.finished) for row in page.items],
        [("", "", False), ("Ep 26. Katherine Parkinson - S11 Ep.3", "spotify:episode", True)],
    ),
    "saved_shows": (
        lambda s: s.saved_shows(),
        lambda page: (len(page.items), page.items[0].item.name),
        (13, "Open Source Stories"),
    ),
    "saved_tracks": (
        lambda s: s.saved_tracks(),
        lambda page: (page.total, page.more, page.items[0].item.name, page.items[0].added_at),
        (5320, True, "Cold Silver", "2026-02-23T13:28:26Z"),
    ),
    "search": (
        lambda s: s.search("x", ["track"]),
        lambda found: (found.tracks.total, found.tracks.items[0].name, found.albums),
        (16, "Never Gonna Give You Up", None),
    ),
    "show": (
        lambda s: s.show(ID),
        lambda it: (it.kind, it.name, it.total_episodes, it.description[:12]),
        ("show", "Safety Third", 159, "Safety Third"),
    ),
    "show_episodes": (
        lambda s: s.show_episodes(ID),
        lambda page: (page.total, page.items[0].name, page.items[0].duration_ms),
        (395, "The Great War - Fallout Lorecast EP 1", 2193893),
    ),
    "top_artists": (
        lambda s: s.top_artists(),
        lambda page: (page.total, page.more, page.items[0].name),
        (198, True, "Machinae Supremacy"),
    ),
    "top_tracks": (
        lambda s: s.top_tracks(),
        lambda page: (page.total, page.items[0].name, page.items[0].is_playable),
        (2742, "My Sanctuary", True),
    ),
}
"""File, the call that is answered with it, and what of it tells that it was understood."""

REFUSALS = {"playlist_not_found": (404, NotFound), "rate_limit": (429, RateLimited)}

UNCALLED = {
    "current_playing_track": "read by hand below: tools ask /me/player, which tells the same and the device",
    "audio_features": "the endpoint went in November 2024",
    "playlist_cover_image": "no tool reads or sets the picture of a playlist by itself",
}


def real(name: str) -> bytes:
    path: Path = FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"NOT READ: Spotify's real answers are absent; {FOLDER} should hold them")
    return path.read_bytes()


def answering(status: int, body: bytes) -> Spotify:
    upstream = httpx2.MockTransport(lambda request: httpx2.Response(status, content=body))
    return Spotify(Http(Transport(upstream), sleep=_at_once), SecretStr("token"))


async def _at_once(seconds: float) -> None:
    """The pause before a limit is asked again."""


@pytest.mark.parametrize("name", READ)
async def test_a_real_answer_is_understood(name: str) -> None:
    call, fact, told = READ[name]
    assert fact(await call(answering(200, real(name)))) == told


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_real_refusal_is_understood(name: str) -> None:
    status, error = REFUSALS[name]
    with pytest.raises(error):
        await answering(status, real(name)).playlist(ID)


def test_what_no_call_asks_for_is_read_as_what_it_is() -> None:
    playing = read(Playback, Answer("spotify", "test", 200, {}, real("current_playing_track")))
    assert playing.item is not None
    assert (playing.item.name, playing.device, playing.context_uri) == (
        "Witte Was", None, "spotify:artist:6mS5GeFyhea6w9OKo8PO3p",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("playlist_1", [("track", "All I Need", False)]),
        ("playlist_2", [("track", "No Woman, No Cry", True), ("track", "You and I", False)]),
        ("playlist_3", [("track", "Nothing To Lose", False), ("track", "Borrowed Time", False),
                        ("episode", "Toni Delivers Semen", False)]),
    ],
)  # fmt: skip
def test_what_a_whole_playlist_holds(name: str, rows: list[tuple[str, str, bool]]) -> None:
    """A playlist that is asked for without `fields` brings its items along, under either name."""
    whole = Answer("spotify", "test", 200, {}, real(name)).json()
    assert isinstance(whole, dict)
    page = EntryPage.model_validate(whole.get("items") or whole["tracks"])
    assert [(row.item.kind, row.item.name, row.is_local) for row in page.items if row.item] == rows
    assert Playlist.model_validate(whole).size == len(rows)


def test_no_real_answer_is_left_out() -> None:
    if not FOLDER.exists():
        pytest.skip(f"NOT READ: Spotify's real answers are absent; {FOLDER} should hold them")
    known = {*READ, *REFUSALS, *UNCALLED}
    assert {path.stem for path in FOLDER.glob("*.json")} == known
    assert len(known) == 42
