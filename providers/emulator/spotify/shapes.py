"""The JSON of things, as an app in development mode gets it: no field the API removed in February 2026."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, unquote_plus, urlencode

from providers.emulator.spotify.catalog import Album, Artist, Chapter, Episode, Show, Track
from providers.emulator.spotify.people import Device, Person
from providers.emulator.spotify.revisions import Entry, Playlist

API = "https://api.spotify.com/v1"
COVERS = "image-cdn-fa.spotifycdn.com"
Json = dict[str, Any]
T = TypeVar("T")

PICTURES = {
    "album": (("ab67616d0000b273", 640), ("ab67616d00001e02", 300), ("ab67616d00004851", 64)),
    "artist": (("ab6761610000e5eb", 640), ("ab67616100005174", 320), ("ab6761610000f178", 160)),
    "audiobook": (("ab676663000022a8", 640), ("ab6766630000db5b", 300), ("ab6766630000703b", 64)),
    "show": (("ab6765630000ba8a", 640), ("ab67656300005f1f", 300), ("ab6765630000f68d", 64)),
    "user": (("ab6775700000ee85", 300), ("ab67757000003b82", 64)),
}


def page(
    path: str,
    found: Sequence[T],
    limit: int,
    offset: int,
    shape: Callable[[T], Json | None],
    query: Mapping[str, str] | None = None,
) -> Json:
    """One page of a list, with the links to its neighbours."""

    def link(at: int) -> str:
        params = urlencode({"offset": at, "limit": limit, **(query or {})}, quote_via=quote)
        return f"{API}{path}?{params}"

    return {
        "href": link(offset),
        "limit": limit,
        "next": link(offset + limit) if offset + limit < len(found) else None,
        "offset": offset,
        "previous": link(max(0, offset - limit)) if offset else None,
        "total": len(found),
        "items": [shape(thing) for thing in found[offset : offset + limit]],
    }


def artist_brief(artist: Artist) -> Json:
    """SimplifiedArtistObject."""
    return {**_named("artist", artist.id), "name": artist.name}


def artist(artist: Artist) -> Json:
    """ArtistObject."""
    return {**artist_brief(artist), "images": pictures("artist", artist.id)}


def album_brief(album: Album) -> Json:
    """SimplifiedAlbumObject."""
    return {
        "album_type": album.kind,
        "artists": [artist_brief(a) for a in album.artists],
        **_named("album", album.id),
        "images": pictures("album", album.id),
        "name": album.name,
        "release_date": album.released,
        "release_date_precision": "day",
        "total_tracks": len(album.tracks),
    }


def album(album: Album, *, market: str | None = None) -> Json:
    """AlbumObject, with its tracks."""
    year = album.released[:4]
    shape = functools.partial(track_brief, market=market)
    return {
        **album_brief(album),
        "tracks": page(f"/albums/{album.id}/tracks", album.tracks, 50, 0, shape),
        "copyrights": [{"text": f"{year} Emulated Records", "type": kind} for kind in ("C", "P")],
        "external_ids": {"upc": album.upc},
    }


def track_brief(track: Track, *, market: str | None = None) -> Json:
    """SimplifiedTrackObject.

    `is_playable` and `restrictions` stand there only where a market applies. Then it may also be another
    release of the recording than the one asked for; since February 2026 nothing says which that was.
    """
    track = track if market is None else track.here(market)
    body = {
        "artists": [artist_brief(a) for a in track.artists],
        "disc_number": 1,
        "duration_ms": track.ms,
        "explicit": track.explicit,
        **_named("track", track.id),
        "is_local": False,
        "name": track.name,
        "track_number": track.number,
    }
    if market is not None:
        body["is_playable"] = track.plays_in(market)
        if not body["is_playable"]:
            body["restrictions"] = {"reason": "market"}
    return body


def track(track: Track, *, market: str | None = None) -> Json:
    """TrackObject."""
    track = track if market is None else track.here(market)
    return {
        **track_brief(track, market=market),
        "album": album_brief(track.album),
        "external_ids": {"isrc": track.isrc},
    }


def show_brief(show: Show) -> Json:
    """SimplifiedShowObject."""
    return {
        "copyrights": [],
        "description": show.about,
        "explicit": False,
        **_named("show", show.id),
        "html_description": f"<p>{show.about}</p>",
        "images": pictures("show", show.id),
        "is_externally_hosted": False,
        "languages": [show.language],
        "media_type": "audio",
        "name": show.name,
        "total_episodes": len(show.episodes),
    }


def show(show: Show) -> Json:
    """ShowObject, with its episodes."""
    episodes = page(f"/shows/{show.id}/episodes", show.episodes, 50, 0, episode_brief)
    return {**show_brief(show), "episodes": episodes}


def episode_brief(episode: Episode) -> Json:
    """SimplifiedEpisodeObject."""
    return {
        "description": episode.about,
        "duration_ms": episode.ms,
        "explicit": False,
        **_named("episode", episode.id),
        "html_description": f"<p>{episode.about}</p>",
        "images": pictures("show", episode.show.id),
        "is_externally_hosted": False,
        "is_playable": True,
        "languages": [episode.show.language],
        "name": episode.name,
        "release_date": episode.released,
        "release_date_precision": "day",
        "resume_point": {"fully_played": False, "resume_position_ms": 0},
    }


def episode(episode: Episode) -> Json:
    """EpisodeObject, with its show."""
    return {**episode_brief(episode), "show": show_brief(episode.show)}


def chapter_playing(chapter: Chapter) -> Json:
    """A chapter as the player tells it: an episode of a show about which little is known (real answers)."""
    book = chapter.book
    told = ("copyrights", "description", "explicit", "html_description", "languages", "media_type", "name")
    show = {key: value for key, value in show_brief(book).items() if key in told}
    body = episode_brief(chapter)
    del body["is_playable"]
    return {
        **body,
        "images": pictures("audiobook", book.id),
        "languages": [""],
        "release_date": "0000",
        "release_date_precision": "year",
        "show": {
            **show,
            **_named("show", book.id),
            "images": pictures("audiobook", book.id),
            "is_externally_hosted": None,
            "total_episodes": None,
        },
    }


def item(item: Track | Episode, *, market: str | None = None) -> Json:
    """TrackObject or EpisodeObject."""
    if isinstance(item, Track):
        return track(item, market=market)
    return chapter_playing(item) if isinstance(item, Chapter) else episode(item)


def user_brief(person: Person) -> Json:
    """PlaylistUserObject: the public name of an account."""
    return _named("user", person.id)


def me(person: Person) -> Json:
    """PrivateUserObject without what was removed: no country, no product, no e-mail address."""
    return {
        "account_id": person.account_id,
        "display_name": person.name,
        **_named("user", person.id),
        "images": pictures("user", person.id),
    }


def playlist_brief(playlist: Playlist, people: Mapping[str, Person], reader: Person) -> Json:
    """SimplifiedPlaylistObject; the reference to the items stands only for those who may edit them."""
    named = _named("playlist", playlist.id)
    owner = people[playlist.owner]
    body = {
        "collaborative": playlist.collaborative,
        "description": playlist.description,
        **named,
        "images": covers(playlist) or None,
        "name": playlist.name,
        "owner": {**user_brief(owner), "display_name": owner.name},
        "public": playlist.public,
        "snapshot_id": playlist.snapshot,
    }
    if playlist.edited_by(reader.key):
        body["items"] = {"href": f"{named['href']}/items", "total": len(playlist.entries)}
    return body


def covers(playlist: Playlist) -> list[Json]:
    """The picture somebody gave it, of unknown size; else one of what is in it; none of an empty one."""
    if playlist.cover is not None:
        url = f"https://{COVERS}/image/{cover_id(playlist.cover)}"
        return [{"url": url, "height": None, "width": None}]
    return pictures("album", playlist.id)[:1] if playlist.entries else []


def cover_id(cover: str) -> str:
    """The id of an uploaded picture (base64): 40 hexadecimal digits."""
    return f"ab67706c0000bebb{hashlib.sha256(cover.encode()).hexdigest()[:24]}"


def playlist_item(entry: Entry, thing: Track | Episode | None, adder: Person, *, market: str | None) -> Json:
    """PlaylistTrackObject; the item of a track that is gone is null.

    Of an episode nothing says whether it plays where no market applies (real answers).
    """
    is_local = entry.uri.startswith("spotify:local:")
    known = None if thing is None else item(thing, market=market)
    if known is not None and market is None:
        known.pop("is_playable", None)
    return {
        "added_at": entry.added_at,
        "added_by": user_brief(adder),
        "is_local": is_local,
        "item": local(entry.uri) if is_local else known,
    }


def local(uri: str) -> Json:
    """A file of the person's own, `spotify:local:artist:album:title:seconds`: nothing in it has an id."""
    artist, album, title, seconds = (unquote_plus(part) for part in uri.split(":")[2:])
    nothing: Json = {"external_urls": {}, "href": None, "id": None}
    return {
        "album": {
            "album_type": None, "artists": [], **nothing, "images": [], "name": album,
            "release_date": None, "release_date_precision": None, "type": "album", "uri": None,
        },
        "artists": [{**nothing, "name": artist, "type": "artist", "uri": None}],
        "disc_number": 0, "duration_ms": int(seconds) * 1000, "explicit": False, "external_ids": {},
        **nothing, "is_local": True, "name": title, "track_number": 0, "type": "track", "uri": uri,
    }  # fmt: skip


def device(device: Device, *, active: bool) -> Json:
    """DeviceObject; a restricted one shows no id."""
    return {
        "id": None if device.restricted else device.id,
        "is_active": active,
        "is_private_session": False,
        "is_restricted": device.restricted,
        "name": device.name,
        "supports_volume": device.supports_volume,
        "type": device.type,
        "volume_percent": device.volume,
    }


def context(uri: str) -> Json:
    """ContextObject of an album, artist, playlist or show; an audiobook is a show here."""
    kind, id_ = uri.split(":")[1:3]
    named = _named(kind, id_)
    return {key: named[key] for key in ("external_urls", "href", "type", "uri")}


def pictures(kind: str, id_: str) -> list[Json]:
    """ImageObjects, largest first, at addresses that stay the same."""
    tail = hashlib.sha256(f"picture:{id_}".encode()).hexdigest()[:24]
    return [
        {"url": f"https://i.scdn.co/image/{head}{tail}", "height": size, "width": size}
        for head, size in PICTURES[kind]
    ]


def _named(kind: str, id_: str) -> Json:
    return {
        "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{id_}"},
        "href": f"{API}/{kind}s/{id_}",
        "id": id_,
        "type": kind,
        "uri": f"spotify:{kind}:{id_}",
    }
