"""Which result "play X" means, and how other people's text is made harmless."""

from __future__ import annotations

import pytest

from mcp_server.tools.spotify.pick import best
from mcp_server.tools.text import clip, listed, quoted, span
from providers.spotify import Artist, Track


def song(title: str, *artists: str, playable: bool | None = None) -> Track:
    by = tuple(Artist(name=name) for name in artists)
    return Track(id="x", uri=f"spotify:track:{title}", name=title, artists=by, is_playable=playable)


@pytest.mark.parametrize(
    ("query", "found", "meant"),
    [
        ("Despacito", [("Despacito - Remix", "Luis Fonsi"), ("Despacito", "Luis Fonsi")], 1),
        ("despacito remix", [("Despacito", "Luis Fonsi"), ("Despacito - Remix", "Luis Fonsi")], 1),
        ("Despacito", [("Despacito (feat. Justin Bieber)", "Luis Fonsi"), ("Despacito", "Somebody")], 0),
        (
            "bohemian rhapsody",
            [("Bohemian Rhapsody - Remastered 2011", "Queen"), ("Bohemian Rhapsody", "X")],
            0,
        ),
        ("bohemian rhapsody", [("Bohemian Rhapsody - Live Aid", "Queen"), ("Bohemian Rhapsody", "Queen")], 1),
        ("hello by adele", [("Hello", "Lionel Richie"), ("Hello", "Adele")], 1),
        ("Hello Adele", [("Hello", "Lionel Richie"), ("Adele Says Hello There", "X"), ("Hello", "Adele")], 2),
        ("live forever", [("Live Forever", "Oasis"), ("Forever", "X")], 0),
        ("Beyoncé halo", [("Halo", "Depeche Mode"), ("Halo", "Beyoncé")], 1),
        ("beyonce halo", [("Halo", "Depeche Mode"), ("Halo", "Beyoncé")], 1),
        ("queen", [("Bohemian Rhapsody", "Queen"), ("Innuendo", "Queen")], 0),
        ("the the", [("This Is the Day", "The The"), ("Uncertain Smile", "The The")], 0),
        ("99 Luftballons", [("99 Red Balloons", "Nena"), ("99 Luftballons", "Nena")], 1),
        ("лето", [("Зима", "Кино"), ("Лето", "Кино")], 1),
        ("夜に駆ける", [("アイドル", "YOASOBI"), ("夜に駆ける", "YOASOBI")], 1),
        ("!!!", [("Must Be the Moon", "!!!"), ("Heart of Hearts", "!!!")], 0),
    ],
)
def test_what_is_meant(query: str, found: list[tuple[str, str]], meant: int) -> None:
    songs = [song(*each) for each in found]
    assert best(query, songs) is songs[meant]


def test_what_can_not_be_played_is_not_chosen() -> None:
    gone, there = song("Despacito", "Luis Fonsi", playable=False), song("Despacito - Remix", "Luis Fonsi")
    assert best("Despacito", [gone, there]) is there
    assert best("Despacito", [gone]) is None
    assert best("Despacito", [song("Despacito").model_copy(update={"id": None})]) is None
    assert best("Despacito", []) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        (" a \n b\t\x00c ", "a b c"),
        ("a\u202eb\u200bc\ufeff", "abc"),
        ("\ud800x", "x"),
        ("x" * 300, "x" * 199 + "…"),
        ("a\u2028b", "a b"),
    ],
)
def test_clip(text: str, shown: str) -> None:
    assert clip(text) == shown


def test_quotes_can_not_be_closed_from_inside() -> None:
    assert quoted("a” then “b") == '“a" then "b”'


def test_words_and_times() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [span(ms) for ms in (0, 999, 61_000, 3_727_000, -5)] == ["0:00", "0:00", "1:01", "1:02:07", "0:00"]
