"""What a model gets to see of Spotify's answers: little, typed, clipped, each item with its link."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from mcp_server.tools.text import clip, listed, quoted, span
from providers.spotify import (
    Album,
    Artist,
    Audiobook,
    Chapter,
    Device,
    Episode,
    Playback,
    Playlist,
    Show,
    Track,
)

Kind = Literal["track", "album", "artist", "playlist", "show", "episode", "audiobook", "chapter"]
Thing = Track | Album | Artist | Playlist | Show | Episode | Audiobook | Chapter


_PAGE = re.compile(r"https://open\.spotify\.com/[A-Za-z0-9/_-]{1,100}")
_URI = re.compile(r"spotify:[!-~]{1,200}")


class Item(BaseModel):
    """A thing on Spotify; a show is a podcast."""

    kind: Kind
    name: str
    by: Annotated[list[str], Field(description="Artists, authors, the playlist's owner, or the show.")] = []
    album: str | None = None
    duration_ms: int | None = None
    released: str | None = None
    playable: Annotated[bool | None, Field(description="False where this account can't play it.")] = None
    uri: Annotated[str, Field(description="Pass this to spotify_play.")]
    url: Annotated[str, Field(description="The page on Spotify.")]


class Player(BaseModel):
    """A device that can play."""

    id: str | None = None
    name: str
    type: str
    active: bool
    controllable: bool
    volume_percent: int | None = None
    supports_volume: bool | None = None


class Now(BaseModel):
    """What plays. With `is_active` false nothing is playing anywhere and the rest is absent."""

    is_active: bool
    is_playing: bool = False
    item: Item | None = None
    progress_ms: int | None = None
    device: Player | None = None
    context_uri: Annotated[str | None, Field(description="The album or playlist it plays from.")] = None
    shuffle: bool | None = None
    repeat: str | None = None
    queue: Annotated[list[Item] | None, Field(description="What plays next, if it was asked for.")] = None


def item(thing: Thing) -> Item:
    """The view of one catalogue object."""
    return Item(
        kind=thing.kind,
        name=clip(thing.name),
        by=_by(thing),
        album=clip(thing.album.name, 100) or None if isinstance(thing, Track) and thing.album else None,
        duration_ms=thing.duration_ms or None if isinstance(thing, Track | Episode | Chapter) else None,
        released=clip(thing.release_date, 10) or None if isinstance(thing, Album | Episode) else None,
        playable=_playable(thing),
        uri=thing.uri if is_uri(thing.uri) else "",
        url=link(thing),
    )


def _playable(thing: Thing) -> bool | None:
    """False, or nothing: that something can be played goes without saying."""
    known = thing.is_playable if isinstance(thing, Track | Episode | Chapter) else None
    return False if known is False else None


def is_uri(text: str) -> bool:
    """Whether it looks like one of Spotify's URIs. A local file's is one too."""
    return _URI.fullmatch(text) is not None


def page_on_spotify(url: str) -> str:
    """A thing's page, only where it is one of Spotify's: a link is something people click."""
    return url if _PAGE.fullmatch(url) else "https://open.spotify.com"


def link(thing: Thing) -> str:
    """Its page on Spotify."""
    return page_on_spotify(thing.url)


def _by(thing: Thing) -> list[str]:
    if isinstance(thing, Track | Album):
        return [clip(artist.name, 60) for artist in thing.artists[:5] if artist.name]
    if isinstance(thing, Playlist):
        return [clip(thing.owner, 60)] if thing.owner else []
    if isinstance(thing, Audiobook):
        return [clip(author, 60) for author in thing.authors[:5]]
    if isinstance(thing, Episode):
        return [clip(thing.show.name, 100)] if thing.show else []
    if isinstance(thing, Chapter):
        return [clip(thing.audiobook.name, 100)] if thing.audiobook else []
    return []


def brief(thing: Thing) -> Item:
    """The view of one of many: shorter, so that a list stays readable whatever the names are."""
    whole = item(thing)
    return Item(
        kind=whole.kind,
        name=clip(whole.name, 100),
        by=[clip(name, 40) for name in whole.by[:3]],
        duration_ms=whole.duration_ms,
        uri=whole.uri,
        url=whole.url,
    )


def player(device: Device) -> Player:
    """The view of one device."""
    return Player(
        id=clip(device.id, 100) if device.id else None,
        name=clip(device.name, 100),
        type=clip(device.type, 40),
        active=device.is_active,
        controllable=usable(device),
        volume_percent=device.volume_percent,
        supports_volume=device.supports_volume,
    )


def usable(device: Device) -> bool:
    """Whether a device takes commands from here: it has an id and is not restricted."""
    return device.id is not None and not device.is_restricted


def now(playback: Playback | None) -> Now:
    """The view of the player's state. The player card is made of it, too."""
    if playback is None:
        return Now(is_active=False)
    return Now(
        is_active=True,
        is_playing=playback.is_playing,
        item=item(playback.item) if playback.item is not None else None,
        progress_ms=playback.progress_ms,
        device=player(playback.device) if playback.device is not None else None,
        context_uri=clip(playback.context_uri, 200) if playback.context_uri else None,
        shuffle=playback.shuffle_state,
        repeat=clip(playback.repeat_state, 20) or None,
    )


def line(view: Item) -> str:
    """One item in one short line, with its link; the fields have it at length."""
    by = f" by {listed(clip(name, 40) for name in view.by[:3])}" if view.by else ""
    length = f" ({span(view.duration_ms)})" if view.duration_ms else ""
    not_here = ", not playable here" if view.playable is False else ""
    return f"{quoted(view.name, 100)}{by}{length}{not_here} {view.url or view.uri}"


def sentence(view: Now) -> str:
    """The player's state in a sentence."""
    if not view.is_active:
        return "Nothing is playing on any device."
    what = line(view.item) if view.item else "something without a name, such as an advertisement"
    where = f" on {quoted(view.device.name)}" if view.device else ""
    at = f" at {span(view.progress_ms)}" if view.progress_ms is not None else ""
    return f"{'Playing' if view.is_playing else 'Paused'}{where}{at}: {what}"


def report(view: Now) -> str:
    """All of the player's state, in lines: what a reader needs who sees no more than this."""
    if not view.is_active:
        return sentence(view)
    album = f"Album: {quoted(view.item.album)}." if view.item and view.item.album else ""
    modes = [
        f"shuffle {'on' if view.shuffle else 'off'}" if view.shuffle is not None else "",
        f"repeat {view.repeat}" if view.repeat else "",
        f"volume {view.device.volume_percent}%"
        if view.device and view.device.volume_percent is not None
        else "",
        f"from {view.context_uri}" if view.context_uri else "",
    ]
    settings = ", ".join(each for each in modes if each)
    details = [album, f"{settings[:1].upper()}{settings[1:]}." if settings else ""]
    lines = [sentence(view), " ".join(each for each in details if each)]
    if view.queue is not None:
        lines += ["Next:" if view.queue else "Nothing follows.", *numbered(view.queue)]
    return "\n".join(each for each in lines if each)


def numbered(items: Sequence[Item]) -> list[str]:
    """One line for each, with its place."""
    return [f"{place}. {line(each)}" for place, each in enumerate(items, 1)]
