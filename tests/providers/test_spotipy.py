"""spotipy, code nobody here wrote, drives the emulator unchanged: only addresses and tokens are ours.

After each call the emulator is asked what is truly so now; Spotify's file judges each answer.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from typing import Any

import pytest
import spotipy
from spotipy.cache_handler import MemoryCacheHandler
from spotipy.oauth2 import SpotifyOAuth, SpotifyOauthError

from providers.emulator.spotify.accounts import SCOPES
from tests.providers.detour import session
from tests.support.emulator import AUTHORIZE, CLIENT, REDIRECT, SECRET, TOKEN, EmulatorProcess

JPEG = base64.b64encode(b"\xff\xd8\xff\xe0 a small picture \xff\xd9").decode()
PATIENCE = 60
"""Seconds spotipy waits for an answer: it has 5 by default, too few for a busy machine."""


@pytest.fixture
def emulator(process: EmulatorProcess, caplog: pytest.LogCaptureFixture) -> EmulatorProcess:
    caplog.set_level(logging.CRITICAL, "spotipy")  # it logs each refusal as an error
    process.reset()
    process.settings(lag_ms=0)
    return process


@pytest.fixture
def sign_in(emulator: EmulatorProcess) -> Callable[..., SpotifyOAuth]:
    def sign_in(account: str = "ana") -> SpotifyOAuth:
        """The whole flow as spotipy does it; the person agrees."""
        oauth = SpotifyOAuth(
            CLIENT, SECRET, REDIRECT, state="s" * 8, scope=" ".join(SCOPES), open_browser=False,
            cache_handler=MemoryCacheHandler(), requests_session=session(emulator),
            requests_timeout=PATIENCE,
        )  # fmt: skip
        oauth.OAUTH_AUTHORIZE_URL = emulator.url(AUTHORIZE["spotify"])
        oauth.OAUTH_TOKEN_URL = emulator.url(TOKEN["spotify"])
        callback = emulator.agree(oauth.get_authorize_url(), account)
        oauth.get_access_token(oauth.parse_response_code(callback), as_dict=False, check_cache=False)
        return oauth

    return sign_in


@pytest.fixture
def client(emulator: EmulatorProcess, sign_in: Callable[..., SpotifyOAuth]) -> Callable[..., spotipy.Spotify]:
    """spotipy as somebody; nothing is tried twice."""

    def client(account: str = "ana") -> spotipy.Spotify:
        client = spotipy.Spotify(
            auth_manager=sign_in(account), requests_session=session(emulator), requests_timeout=PATIENCE
        )
        client.prefix = emulator.url("https://api.spotify.com/v1/")
        return client

    return client


@pytest.fixture
def ana(client: Callable[..., spotipy.Spotify]) -> spotipy.Spotify:
    return client("ana")


def first(spotify: spotipy.Spotify, q: str, kind: str = "track") -> Any:
    return spotify.search(q, type=kind)[f"{kind}s"]["items"][0]


def uris(spotify: spotipy.Spotify, *titles: str) -> list[str]:
    return [first(spotify, title)["uri"] for title in titles]


def refused(call: Callable[[], Any]) -> tuple[int, str | None]:
    with pytest.raises(spotipy.SpotifyException) as refusal:
        call()
    return refusal.value.http_status, refusal.value.reason


# Signing in


def test_it_signs_in_and_refreshes_its_token(
    emulator: EmulatorProcess, sign_in: Callable[..., SpotifyOAuth]
) -> None:
    oauth = sign_in("ben")
    held = oauth.cache_handler.get_cached_token()
    assert (held["access_token"], held["refresh_token"]) == (
        emulator.tokens()["access"][-1], emulator.tokens()["refresh"][-1],
    )  # fmt: skip
    assert oauth.get_access_token(as_dict=False) == held["access_token"]
    assert emulator.refreshes() == 0
    held["expires_at"] = 0
    emulator.settings(rotate=True)
    fresh = oauth.get_access_token(as_dict=False)
    assert (fresh, emulator.refreshes()) == (emulator.tokens()["access"][-1], 1)
    assert fresh != held["access_token"]
    emulator.revoke("ben")
    held = oauth.cache_handler.get_cached_token()
    assert held["refresh_token"] == emulator.tokens()["refresh"][-1]
    held["expires_at"] = 0
    with pytest.raises(SpotifyOauthError, match="invalid_grant"):
        oauth.get_access_token(as_dict=False)


def test_it_says_no_where_the_person_does(
    emulator: EmulatorProcess, sign_in: Callable[..., SpotifyOAuth]
) -> None:
    oauth = sign_in("ana")
    callback = emulator.agree(oauth.get_authorize_url(), "ana", decision="cancel")
    with pytest.raises(SpotifyOauthError, match="access_denied"):
        oauth.parse_response_code(callback)


# Reading


def test_search_and_its_pages(ana: spotipy.Spotify) -> None:
    kinds = "track,album,artist,playlist,show,episode,audiobook"
    found = ana.search("a", limit=2, type=kinds)
    assert {f"{kind}s" for kind in kinds.split(",")} == found.keys()
    page = ana.search("a", limit=10, type="track")["tracks"]
    seen: list[str] = []
    while page:
        seen += [track["id"] for track in page["items"]]
        last, following = page, ana.next(page)
        page = following and following["tracks"]
    assert len(seen) == len(set(seen)) == last["total"] > 10
    back = ana.previous(last)["tracks"]
    assert back["offset"] == last["offset"] - 10
    assert refused(lambda: ana.search("a", limit=50)) == (400, None)


def test_the_catalogue_one_by_one(ana: spotipy.Spotify) -> None:
    track = ana.track(first(ana, "despacito")["external_urls"]["spotify"], market="PT")
    assert (track["name"], track["is_playable"]) == ("Despacito", True)
    album = ana.album(track["album"]["uri"])
    assert [row["id"] for row in ana.album_tracks(album["id"])["items"]] == [track["id"]]
    artist = ana.artist(first(ana, "queen", "artist")["id"])
    assert [row["name"] for row in ana.artist_albums(artist["id"], limit=10)["items"]] == [
        "A Night at the Opera"
    ]
    assert refused(lambda: ana.artist_albums(artist["id"])) == (400, None), (
        "its default limit is too much now"
    )
    show = ana.show(first(ana, "kettle", "show")["uri"])
    newest = ana.show_episodes(show["id"], limit=1)["items"][0]
    assert ana.episode(newest["uri"])["show"]["name"] == show["name"] == "The Slow Kettle"
    assert refused(lambda: ana.track("0" * 22)) == (404, None)


def test_audiobooks_where_they_are_sold(client: Callable[..., spotipy.Spotify]) -> None:
    """Ben lives in Ireland, Ana in Portugal."""
    ben = client("ben")
    book = ben.get_audiobook(first(ben, "a", "audiobook")["id"], market="IE")
    chapters = ben.get_audiobook_chapters(book["id"], limit=2)
    assert (book["total_chapters"], len(chapters["items"])) == (chapters["total"], 2)
    assert refused(lambda: client("ana").get_audiobook(book["id"])) == (404, None)


def test_profile_and_favourites(emulator: EmulatorProcess, ana: spotipy.Spotify) -> None:
    known = emulator.accounts()["ana"]
    me = ana.current_user()
    assert (me["id"], me["account_id"], me["display_name"]) == (
        known["id"],
        known["account_id"],
        "Ana Duarte",
    )
    for top in (ana.current_user_top_artists, ana.current_user_top_tracks):
        page = top(limit=2, time_range="short_term")
        assert len(page["items"]) == 2 < page["total"]
        assert ana.next(page)["offset"] == 2


# The library


def saved(emulator: EmulatorProcess, account: str = "ana") -> list[str]:
    return list(emulator.read("library", account=account)["saved"])


@pytest.mark.parametrize(
    ("kind", "q"),
    [("track", "limbo"), ("album", "barrio fino"), ("show", "signal"), ("episode", "shovel")],
)
def test_the_library_keeps_what_is_saved(
    emulator: EmulatorProcess, ana: spotipy.Spotify, kind: str, q: str
) -> None:
    def call(tail: str) -> Any:
        return getattr(ana, f"current_user_saved_{kind}s{tail}")

    thing = first(ana, q, kind)
    if thing["uri"] in saved(emulator):
        emulator.control("library", account="ana", remove=[thing["uri"]])
    assert ana.current_user_saved_items([thing["uri"]]) == [False]
    assert call("_add")([thing["id"]]) is None
    assert thing["uri"] in saved(emulator)
    if kind != "episode":  # there spotipy still asks a removed route
        assert call("_contains")([thing["external_urls"]["spotify"]]) == [True]
    assert call("")(limit=1)["items"][0][kind]["id"] == thing["id"]
    call("_delete")([thing["uri"]])
    assert thing["uri"] not in saved(emulator)
    assert ana.current_user_saved_items([thing["uri"]]) == [False]


def test_artists_are_followed(emulator: EmulatorProcess, ana: spotipy.Spotify) -> None:
    artists = [first(ana, name, "artist") for name in ("björk", "stromae", "rosalía")]
    ids = [artist["id"] for artist in artists]
    ana.user_follow_artists(ids)
    assert {artist["uri"] for artist in artists} <= set(saved(emulator))
    assert ana.current_user_following_artists(ids) == [True] * 3
    seen, page = [], ana.current_user_followed_artists(limit=1)["artists"]
    while page:
        seen += [artist["id"] for artist in page["items"]]
        following = ana.next(page)
        page = following and following["artists"]
    assert set(ids) <= set(seen)
    assert len(seen) == len(set(seen))
    ana.user_unfollow_artists(ids[:2])
    assert ana.current_user_following_artists(ids) == [False, False, True]
    assert artists[0]["uri"] not in saved(emulator)


# Playlists


def test_a_playlist_from_its_making_to_its_cover(emulator: EmulatorProcess, ana: spotipy.Spotify) -> None:
    id_ = ana.current_user_playlist_create("Sunday", public=False, description="Slow.")["id"]

    def truly() -> Any:
        return next(row for row in emulator.playlists() if row["id"] == id_)

    def names() -> list[str]:
        return [row["name"] for row in truly()["items"]]

    assert (truly()["public"], truly()["description"]) == (False, "Slow.")
    tracks = uris(ana, "limbo", "gasolina", "chan chan")
    episode = first(ana, "harbour", "episode")["uri"]
    ana.playlist_add_items(id_, [*tracks, episode])
    ana.playlist_add_items(id_, tracks[:1], position=2)
    assert names() == ["Limbo", "Gasolina", "Limbo", "Chan Chan", "What the harbour eats"]
    assert [row["item"]["uri"] for row in ana.playlist_items(id_, limit=3)["items"]] == [
        *tracks[:2],
        tracks[0],
    ]
    snapshot = ana.playlist_reorder_items(id_, 3, 0, range_length=2)["snapshot_id"]
    assert snapshot == truly()["snapshot_id"]
    assert names()[:2] == ["Chan Chan", "What the harbour eats"]
    ana.playlist_remove_all_occurrences_of_items(id_, tracks[:1], snapshot)
    assert names() == ["Chan Chan", "What the harbour eats", "Gasolina"]
    ana.playlist_replace_items(id_, tracks[1:])
    assert names() == ["Gasolina", "Chan Chan"]
    ana.playlist_change_details(id_, name="Monday", public=True)
    assert ana.playlist(id_, fields="name,public") == {"name": "Monday", "public": True}
    assert (truly()["name"], truly()["public"]) == ("Monday", True)
    assert ana.playlist_upload_cover_image(id_, JPEG) is None
    assert truly()["has_cover"]
    assert ana.playlist_cover_image(id_)[0]["width"] is None
    assert ana.playlist(f"https://open.spotify.com/playlist/{id_}")["items"]["total"] == 2


def test_all_of_a_long_playlist(emulator: EmulatorProcess, client: Callable[..., spotipy.Spotify]) -> None:
    dana = client("dana")
    page = dana.current_user_playlists()
    long = next(row for row in page["items"] if row["name"] == "Everything, Twice")
    seen, items = [], dana.playlist_items(long["id"])
    while items:
        seen += [row["item"]["uri"] for row in items["items"]]
        items = dana.next(items)
    truly = next(row for row in emulator.playlists("dana") if row["id"] == long["id"])
    assert seen == [row["uri"] for row in truly["items"]]


def test_the_playlists_of_others(emulator: EmulatorProcess, ana: spotipy.Spotify) -> None:
    theirs = emulator.accounts()["ben"]["playlists"]["Ben's Long Run"]
    assert "items" not in ana.playlist(theirs)
    assert refused(lambda: ana.playlist_items(theirs)) == (403, None)
    assert refused(lambda: ana.playlist_add_items(theirs, uris(ana, "limbo"))) == (403, None)
    ana.current_user_follow_playlist(theirs)
    assert theirs in emulator.read("library", account="ana")["playlists"]
    assert theirs in [row["id"] for row in ana.current_user_playlists()["items"]]
    assert refused(lambda: ana.current_user_unfollow_playlist(theirs)) == (403, None), "a removed route"


# The player


def test_the_player_does_what_it_is_told(emulator: EmulatorProcess, ana: spotipy.Spotify) -> None:
    truly = emulator.player
    mac, speaker, _ = (device["id"] for device in ana.devices()["devices"])
    limbo, chan, sola = uris(ana, "limbo", "chan chan", "sola")
    ana.start_playback(uris=[limbo, chan, sola], position_ms=1000)
    assert (truly()["current"], truly()["is_playing"]) == (limbo, True)
    assert ana.current_user_playing_track()["item"]["uri"] == limbo
    ana.pause_playback()
    assert ana.current_playback()["is_playing"] is truly()["is_playing"] is False
    ana.seek_track(30_000)
    assert ana.currently_playing()["progress_ms"] == truly()["progress_ms"] == 30_000
    ana.next_track()
    assert truly()["current"] == chan
    ana.previous_track()
    assert truly()["current"] == limbo
    ana.add_to_queue(sola)
    assert truly()["queued"] == [sola]
    queue = ana.queue()
    assert [row["uri"] for row in (queue["currently_playing"], queue["queue"][0])] == [limbo, sola]
    ana.shuffle(True)
    ana.repeat("track")
    ana.volume(11)
    assert (truly()["shuffle"], truly()["repeat"], truly()["devices"][0]["volume"]) == (True, "track", 11)
    ana.transfer_playback(speaker, force_play=False)
    assert (truly()["active"], truly()["devices"][1]["id"]) == (speaker, speaker)
    album = first(ana, "opera", "album")["uri"]
    ana.start_playback(device_id=mac, context_uri=album, offset={"position": 2})
    assert (truly()["active"], truly()["context"], truly()["current_name"]) == (
        mac,
        album,
        "Bohemian Rhapsody",
    )
    emulator.advance(400)
    assert "Bohemian Rhapsody" in [
        row["track"]["name"] for row in ana.current_user_recently_played(limit=5)["items"]
    ]


def test_commands_are_done_where_their_answer_is_no_json(
    emulator: EmulatorProcess, ana: spotipy.Spotify
) -> None:
    emulator.settings(command_bodies=True)
    assert ana.pause_playback() is None
    assert emulator.player()["is_playing"] is False


def test_refusals_carry_their_reason(
    emulator: EmulatorProcess, client: Callable[..., spotipy.Spotify]
) -> None:
    ana, ben, cleo, dana = (client(name) for name in ("ana", "ben", "cleo", "dana"))
    assert refused(ben.pause_playback) == (404, "NO_ACTIVE_DEVICE")
    assert refused(cleo.next_track) == (403, "PREMIUM_REQUIRED")
    assert dana.current_playback() is None
    ana.pause_playback()
    assert refused(ana.pause_playback) == (403, "UNKNOWN")
    emulator.fault("GET api.spotify.com/v1/me/player*", kind="status", status=429, retry_after=3)
    with pytest.raises(spotipy.SpotifyException) as limited:
        ana.current_playback()
    assert (limited.value.http_status, limited.value.headers["retry-after"]) == (429, "3")


# What is gone


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("tracks", (["0" * 22],)),
        ("albums", (["0" * 22],)),
        ("artists", (["0" * 22],)),
        ("shows", (["0" * 22],)),
        ("episodes", (["0" * 22],)),
        ("get_audiobooks", (["0" * 22],)),
        ("current_user_saved_episodes_contains", (["0" * 22],)),
        ("artist_top_tracks", ("0" * 22,)),
        ("artist_related_artists", ("0" * 22,)),
        ("user", ("31abc",)),
        ("user_playlists", ("31abc",)),
        ("user_playlist_create", ("31abc", "x")),
        ("current_user_unfollow_playlist", ("0" * 22,)),
        ("new_releases", ()),
        ("featured_playlists", ()),
        ("categories", ()),
        ("category", ("dinner",)),
        ("category_playlists", ("dinner",)),
        ("recommendations", (["0" * 22],)),
        ("recommendation_genre_seeds", ()),
        ("audio_features", (["0" * 22],)),
        ("audio_analysis", ("0" * 22,)),
        ("available_markets", ()),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_spotify_removed_is_refused(ana: spotipy.Spotify, name: str, given: tuple[Any, ...]) -> None:
    with pytest.raises(spotipy.SpotifyException, match="Forbidden") as refusal:
        getattr(ana, name)(*given)
    assert refusal.value.http_status == 403
