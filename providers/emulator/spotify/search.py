"""Search over the catalogue: words and field filters, the best match first.

Every word must begin a word of the name, the artists or the album (accents and case do not matter),
as every filter of the reference must hold: artist, album, track, year, genre, isrc, upc, tag.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from providers.emulator.spotify.catalog import Album, Artist, Audiobook, Catalog, Episode, Show, Track
from providers.emulator.spotify.revisions import Playlist

FIELD = re.compile(r'\b(artist|album|track|year|genre|isrc|upc|tag):("[^"]*"|)', re.IGNORECASE)
FILLERS = frozenset(
    {"a", "an", "and", "by", "feat", "featuring", "ft", "from", "song", "the", "track", "with"}
)

T = TypeVar("T")


@dataclass
class Query:
    """What was asked: free words, and filters by field name."""

    words: list[str]
    filters: dict[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing was asked at all."""
        return not self.words and not self.filters


@dataclass
class Facts:
    """What a thing can be found by."""

    name: str
    near: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    popularity: int = 0


def parse(q: str) -> Query:
    """Split a query. An unquoted filter takes everything up to the next one."""
    words: list[str] = []
    filters: dict[str, str] = {}
    matches = list(FIELD.finditer(q))
    words += fold(q[: matches[0].start()] if matches else q)
    ends = [match.start() for match in matches[1:]] + [len(q)]
    for match, end in zip(matches, ends, strict=False):
        rest = q[match.end() : end]
        quoted = match[2].strip('"')
        filters[match[1].lower()] = quoted or rest.strip()
        if quoted:
            words += fold(rest)
    return Query(words, filters)


def fold(text: str) -> list[str]:
    """The words of a text without case, accents or punctuation."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.findall(r"\w+", plain.casefold().replace("'", "").replace("’", ""))


def tracks(catalog: Catalog, query: Query) -> list[Track]:
    """Matching tracks."""
    return _ranked(query, catalog.tracks.values(), _track)


def albums(catalog: Catalog, query: Query) -> list[Album]:
    """Matching albums."""
    return _ranked(query, catalog.albums.values(), _album)


def artists(catalog: Catalog, query: Query) -> list[Artist]:
    """Matching artists."""
    return _ranked(
        query,
        catalog.artists.values(),
        lambda a: Facts(a.name, fields={"artist": a.name, "genre": a.genre}, popularity=a.popularity),
    )


def shows(catalog: Catalog, query: Query) -> list[Show]:
    """Matching podcasts."""
    return _ranked(query, catalog.shows.values(), lambda s: Facts(s.name, s.about))


def episodes(catalog: Catalog, query: Query) -> list[Episode]:
    """Matching episodes."""
    return _ranked(query, catalog.episodes.values(), lambda e: Facts(e.name, f"{e.show.name} {e.about}"))


def audiobooks(catalog: Catalog, query: Query) -> list[Audiobook]:
    """Matching audiobooks."""
    return _ranked(
        query,
        catalog.audiobooks.values(),
        lambda b: Facts(b.name, " ".join([*b.authors, *b.narrators, b.about])),
    )


def playlists(found: Iterable[Playlist], query: Query) -> list[Playlist]:
    """Matching playlists among those given."""
    return _ranked(query, found, lambda p: Facts(p.name, p.description))


def _track(track: Track) -> Facts:
    makers = " ".join(artist.name for artist in track.artists)
    fields = {
        "track": track.name,
        "artist": makers,
        "album": track.album.name,
        "year": track.album.released,
        "genre": track.artists[0].genre,
        "isrc": track.isrc,
    }
    return Facts(track.name, f"{makers} {track.album.name}", fields, track.popularity)


def _album(album: Album) -> Facts:
    makers = " ".join(artist.name for artist in album.artists)
    fields = {"album": album.name, "artist": makers, "year": album.released, "upc": album.upc}
    return Facts(album.name, makers, fields, max(t.popularity for t in album.tracks))


def _ranked(query: Query, things: Iterable[T], facts: Callable[[T], Facts]) -> list[T]:
    scored = [(_score(query, facts(thing)), thing) for thing in things]
    found = [(score, thing) for score, thing in scored if score is not None]
    return [thing for _, thing in sorted(found, key=lambda pair: -pair[0])]


def _score(query: Query, facts: Facts) -> float | None:
    """None where it does not match; an exact name beats a whole name beats a part of one."""
    for name, value in query.filters.items():
        if name not in facts.fields or not _holds(name, value, facts.fields[name]):
            return None
    title, near = fold(facts.name), fold(facts.near)
    if not query.words:
        return facts.popularity
    hits = 0
    for word in query.words:
        if _begins(word, title):
            hits += 1
        elif not _begins(word, near) and word not in FILLERS:
            return None
    exact = 300 if title == query.words else 0
    whole = 150 if set(title) <= set(query.words) else 0
    return exact + whole + 100 * hits / len(query.words) + facts.popularity / 2


def _holds(name: str, value: str, content: str) -> bool:
    if name == "year":
        years = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", value)
        return years is not None and years[1] <= content[:4] <= (years[2] or years[1])
    if name in {"isrc", "upc"}:
        return value.upper() == content
    return all(_begins(word, fold(content)) for word in fold(value))


def _begins(word: str, words: list[str]) -> bool:
    return any(candidate.startswith(word) for candidate in words)
