"""The catalogue: what the table in `music` becomes, and how it is looked up."""

from __future__ import annotations

import hashlib
import string
from dataclasses import dataclass, field

from providers.emulator.spotify.books import AUDIOBOOKS
from providers.emulator.spotify.music import ALBUMS, SHOWS

LOCAL = "spotify:local:"
"""How the URI of a file on somebody's machine begins; artist, album, title and seconds follow."""

ALPHABET = string.digits + string.ascii_lowercase + string.ascii_uppercase


@dataclass(eq=False)
class Artist:
    """Who made it. `genre` is only searched: the API no longer answers it."""

    id: str
    name: str
    genre: str
    popularity: int = 0
    albums: list[Album] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)


@dataclass(eq=False)
class Album:
    """A record, with its tracks in order."""

    id: str
    name: str
    artists: list[Artist]
    released: str
    kind: str
    upc: str
    tracks: list[Track] = field(default_factory=list)


@dataclass(eq=False)
class Track:
    """One track of an album; `ms` is its length.

    `barred` are the countries where it is not licensed, `*` for all of them. `twins` are other releases of
    the same recording: where this one is barred, one of them may stand in for it.
    """

    id: str
    name: str
    album: Album
    artists: list[Artist]
    ms: int
    popularity: int
    explicit: bool
    barred: frozenset[str]
    number: int
    isrc: str
    twins: list[Track] = field(default_factory=list)

    @property
    def uri(self) -> str:
        """`spotify:track:…`"""
        return f"spotify:track:{self.id}"

    def plays_in(self, country: str) -> bool:
        """Whether it is licensed there (ISO 3166-1 alpha-2)."""
        return not self.barred & {country, "*"}

    def here(self, country: str) -> Track:
        """What a person of that country gets for it: itself, or the twin that plays there (relinking)."""
        return next((track for track in (self, *self.twins) if track.plays_in(country)), self)


@dataclass(eq=False)
class Show:
    """A podcast, newest episode first as the API lists them."""

    id: str
    name: str
    language: str
    about: str
    episodes: list[Episode] = field(default_factory=list)


@dataclass(eq=False)
class Episode:
    """One episode of a podcast; `ms` is its length."""

    id: str
    name: str
    show: Show
    ms: int
    released: str
    about: str


@dataclass(eq=False)
class Audiobook(Show):
    """A book that is read aloud. To the player it is a show: its URI is `spotify:show:…`."""

    authors: list[str] = field(default_factory=list)
    narrators: list[str] = field(default_factory=list)
    released: str = ""
    chapters: list[Chapter] = field(default_factory=list)


@dataclass(eq=False)
class Chapter(Episode):
    """A chapter, counted from 0. To the player it is an episode: its URI is `spotify:episode:…`."""

    book: Audiobook
    number: int


class Catalog:
    """Everything on the shelf, by kind and id. The same ids on every start."""

    def __init__(self) -> None:
        self.artists: dict[str, Artist] = {}
        self.albums: dict[str, Album] = {}
        self.tracks: dict[str, Track] = {}
        self.shows: dict[str, Show] = {}
        self.episodes: dict[str, Episode] = {}
        self.audiobooks: dict[str, Audiobook] = {}
        self.chapters: dict[str, Chapter] = {}
        for head, rows in _blocks(ALBUMS):
            self._album(head, rows)
        for head, rows in _blocks(SHOWS):
            self._show(head, rows)
        for head, rows in _blocks(AUDIOBOOKS):
            self._audiobook(head, rows)

    def item(self, uri: str) -> Track | Episode | None:
        """The track, episode or chapter of a `spotify:track:` or `spotify:episode:` URI."""
        _, _, rest = uri.partition(":")
        kind, _, id_ = rest.partition(":")
        if kind == "track":
            return self.tracks.get(id_)
        return self.episodes.get(id_) or self.chapters.get(id_) if kind == "episode" else None

    def duration(self, uri: str) -> int:
        """The length of a track, episode, chapter or local file in ms. Raises KeyError."""
        if uri.startswith(LOCAL):
            return int(uri.rpartition(":")[2]) * 1000
        item = self.item(uri)
        if item is None:
            raise KeyError(uri)
        return item.ms

    def named(self, name: str) -> Track:
        """The first track of exactly that name. Raises KeyError."""
        for track in self.tracks.values():
            if track.name == name:
                return track
        raise KeyError(name)

    def _album(self, head: list[str], rows: list[list[str]]) -> None:
        name, artists, released, kind, genre = head
        makers = [self._artist(artist, genre) for artist in artists.split(", ")]
        upc = f"{4_000_000_000_000 + len(self.albums)}"
        album = Album(spotify_id("album", f"{artists}/{name}"), name, makers, released, kind, upc)
        self.albums[album.id] = album
        for maker in makers:
            maker.albums.append(album)
        for number, row in enumerate(rows, 1):
            title, length, popularity, others, flags = (*row, "", "")[:5]
            by = [self._artist(a, genre) for a in others.split(", ")] if others else makers
            track = Track(
                spotify_id("track", f"{artists}/{name}/{title}"), title, album, by, _ms(length),
                int(popularity), "e" in flags.split(), _barred(flags), number,
                f"QZEMU26{len(self.tracks) + 1:05d}",
            )  # fmt: skip
            if "r" in flags.split():
                self._released_anew(track)
            self.tracks[track.id] = track
            album.tracks.append(track)
            for maker in by:
                maker.tracks.append(track)
                maker.popularity = max(maker.popularity, track.popularity)

    def _released_anew(self, track: Track) -> None:
        """It is the recording of an earlier track of that name by the same artists: one ISRC."""
        for twin in self.tracks.values():
            if twin.name == track.name and twin.artists == track.artists:
                track.isrc = twin.isrc
                track.twins.append(twin)
                twin.twins.append(track)

    def _artist(self, name: str, genre: str) -> Artist:
        id_ = spotify_id("artist", name)
        return self.artists.setdefault(id_, Artist(id_, name, genre))

    def _show(self, head: list[str], rows: list[list[str]]) -> None:
        name, language, about = head
        show = Show(spotify_id("show", name), name, language, about)
        self.shows[show.id] = show
        for title, length, released, text in reversed(rows):
            id_ = spotify_id("episode", f"{name}/{title}")
            episode = Episode(id_, title, show, _ms(length), released, text)
            self.episodes[id_] = episode
            show.episodes.append(episode)

    def _audiobook(self, head: list[str], rows: list[list[str]]) -> None:
        name, authors, narrators, language, released, about = head
        book = Audiobook(
            spotify_id("audiobook", name), name, language, about,
            authors=authors.split(", "), narrators=narrators.split(", "), released=released,
        )  # fmt: skip
        self.audiobooks[book.id] = book
        for number, (title, length) in enumerate(rows):
            id_ = spotify_id("chapter", f"{name}/{title}")
            chapter = Chapter(id_, title, book, _ms(length), released, "", book, number)
            self.chapters[id_] = chapter
            book.chapters.append(chapter)


def spotify_id(kind: str, name: str) -> str:
    """A 22-character base62 id, 128 bits like the real ones, always the same for the same thing."""
    number = int.from_bytes(hashlib.sha256(f"{kind}:{name}".encode()).digest()[:16])
    digits = []
    for _ in range(22):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def is_id(text: str) -> bool:
    """Whether that is 22 characters of base62."""
    return len(text) == 22 and all(c in ALPHABET for c in text)


def _blocks(table: str) -> list[tuple[list[str], list[list[str]]]]:
    blocks: list[tuple[list[str], list[list[str]]]] = []
    for line in table.strip().splitlines():
        cells = [cell.strip() for cell in line[2:].split("|")]
        if line.startswith("-"):
            blocks[-1][1].append(cells)
        else:
            blocks.append((cells, []))
    return blocks


def _barred(flags: str) -> frozenset[str]:
    """`x` bars everywhere, `xDE` in Germany."""
    return frozenset(flag[1:] or "*" for flag in flags.split() if flag.startswith("x"))


def _ms(length: str) -> int:
    minutes, seconds = length.split(":")
    return (int(minutes) * 60 + int(seconds)) * 1000
