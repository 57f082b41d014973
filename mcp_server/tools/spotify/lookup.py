"""What a reference may mean, and the thing itself, whatever kind it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from mcp_server.tools.spotify.refs import reference
from mcp_server.tools.spotify.views import Thing
from providers.base import NotFound
from providers.spotify import Reference, ReferenceKind, Spotify, parse_reference

T = TypeVar("T")

EVERY: tuple[ReferenceKind, ...] = (
    "track", "album", "artist", "playlist", "show", "episode", "audiobook", "chapter",
)  # fmt: skip
_TWINS: dict[ReferenceKind, ReferenceKind] = {"show": "audiobook", "episode": "chapter"}
"""An audiobook's own URI reads `spotify:show:`, and a chapter's `spotify:episode:`."""


def candidates(text: str, bare: Sequence[ReferenceKind]) -> list[Reference]:
    """What `text` may mean, the likeliest first: of a URI or link what it says, of an id any kind in `bare`.

    Raises Refusal where it is none of these.
    """
    by_id = [one for kind in bare if (one := parse_reference(text, kind))]
    if parse_reference(text) is None and by_id:
        return by_id
    wanted = reference(text, EVERY)
    return meanings(wanted)


def meanings(wanted: Reference) -> list[Reference]:
    """The thing, and where its URI may be that of another kind, that one too."""
    twin = _TWINS.get(wanted.kind)
    return [wanted, Reference(twin, wanted.id)] if twin else [wanted]


async def first(wanted: Iterable[Reference], ask: Callable[[Reference], Awaitable[T]]) -> tuple[Reference, T]:
    """The first of these that Spotify has, and its answer. Raises NotFound where it has none of them."""
    missing: NotFound | None = None
    for one in wanted:
        try:
            return one, await ask(one)
        except NotFound as error:
            missing = missing or error
    assert missing is not None, "nothing was asked for"
    raise missing


async def fetch(spotify: Spotify, wanted: Reference) -> Thing:
    """The thing itself. Raises ProviderError."""
    calls: dict[ReferenceKind, Callable[[str], Awaitable[Thing]]] = {
        "track": spotify.track,
        "album": spotify.album,
        "artist": spotify.artist,
        "playlist": spotify.playlist,
        "show": spotify.show,
        "episode": spotify.episode,
        "audiobook": spotify.audiobook,
        "chapter": spotify.chapter,
    }
    return await calls[wanted.kind](wanted.id)
