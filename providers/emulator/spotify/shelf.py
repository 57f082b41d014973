"""What everybody has saved, followed and heard when the world begins.

| key  | library                                                        | heard              |
|------|----------------------------------------------------------------|--------------------|
| ana  | nearly every track, albums, podcasts, episodes, artists          | for most of a year |
| ben  | a little of each kind, and audiobooks: they exist in Ireland     | for some weeks     |
| cleo | a few tracks and artists                                         | a little           |
| dana | nothing at all                                                   | nothing            |
| emil | an album, an episode that are gone, and Ana's playlist           | a little           |
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from providers.emulator.spotify.catalog import Catalog, spotify_id
from providers.emulator.spotify.people import Person, Play

DAY = 86400.0
GONE = spotify_id("album", "taken off the shelf")


def stocked(everybody: dict[str, Person], catalog: Catalog, now: float) -> dict[str, Person]:
    """Fill the shelves of `people`, as they are at `now` (epoch seconds)."""
    tracks, albums, artists = list(catalog.tracks), list(catalog.albums), list(catalog.artists)
    shows, episodes, books = list(catalog.shows), list(catalog.episodes), list(catalog.audiobooks)
    barred = [track.id for track in catalog.tracks.values() if "DE" in track.barred]
    names = {
        "ana": [*_uris("track", tracks[:60]), *_uris("album", albums[4:16]), *_uris("show", shows),
                *_uris("episode", episodes[1:4]), *_uris("artist", artists[:27])],
        "ben": [*_uris("track", tracks[20:30]), *_uris("album", albums[7:9]), *_uris("show", shows[1:]),
                *_uris("episode", episodes[4:6]), *_uris("audiobook", books[:2]),
                *_uris("artist", artists[9:14])],
        "cleo": [*_uris("track", tracks[40:44]), *_uris("artist", artists[20:22])],
        "emil": [*_uris("album", [albums[19], GONE]), *_uris("episode", [GONE, episodes[5]]),
                 *_uris("track", barred), *_uris("playlist", [everybody["ana"].playlists[1].id])],
    }  # fmt: skip
    for key, uris in names.items():
        first = now - 400 * DAY
        everybody[key].library = {
            uri: float(int(first + number * 400 * DAY / (len(uris) + 1))) for number, uri in enumerate(uris)
        }
    for key, count, days in (("ana", 240, 340), ("ben", 60, 50), ("cleo", 12, 10), ("emil", 6, 90)):
        person = everybody[key]
        person.played = _heard(person, catalog, count, now - days * DAY, now - DAY / 24)
    return everybody


def _uris(kind: str, ids: Iterable[str]) -> list[str]:
    return [f"spotify:{kind}:{id_}" for id_ in ids]


def _heard(person: Person, catalog: Catalog, count: int, first: float, last: float) -> list[Play]:
    """Plays between two times, closer together toward the end, of other tracks all the time."""
    lists = [(uri, f"spotify:playlist:{p.id}") for p in person.playlists for uri in p.uris if "track" in uri]
    shelf = [(track.uri, f"spotify:album:{track.album.id}") for track in catalog.tracks.values()]
    played = []
    for number in range(count):
        chance = int.from_bytes(hashlib.sha256(f"{person.key}/{number}".encode()).digest()[:4])
        share = (number + 1) / count
        begin = int((len(shelf) - 20) * (1 - share))
        pool = lists if chance % 100 < 100 * share else shelf[begin : begin + 20]
        uri, context = pool[chance // 100 % len(pool)]
        at = last - (last - first) * (1 - share) ** 2
        played.append(Play(uri, context if chance % 7 else None, int(at * 1000) + number))
    return played
