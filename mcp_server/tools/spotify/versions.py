"""Guarding an edit: whether the playlist is still the version that it is meant for, and what stands where.

Spotify makes an edit that carries an older `snapshot_id` all the same, on what is there by now (reference of
"Remove Playlist Items"). Whoever counted places would then hit others, so it is looked at here first; the
edit carries the version that was found, so that one made at the same moment is still told apart by Spotify.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mcp_server.errors import Refusal
from mcp_server.tools.text import quoted
from providers.spotify import Playlist, Spotify

MOST_LOOKED_AT = 1000
"""Items that are read before an edit; each fifty are a request."""

MOST_GLANCED_AT = 250
"""The same before an addition, which needs it only for its undo."""

_PAGE = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """A playlist and what stands at each place, as URI and name; `places` is None where it is too long."""

    playlist: Playlist
    places: list[tuple[str, str]] | None


async def editable(spotify: Spotify, id_: str, snapshot_id: str | None = None) -> Playlist:
    """The playlist, of that version where one is given. Raises Refusal where it can't be edited so."""
    playlist = await spotify.playlist(id_)
    if playlist.size is None:
        whose = f" It belongs to {quoted(playlist.owner)}." if playlist.owner else ""
        raise Refusal(
            "invalid_argument",
            f"Only its owner and collaborators can change that playlist.{whose} Nothing was changed. "
            "Make one of the person's own with spotify_create_playlist.",
        )
    if snapshot_id is not None and snapshot_id.strip() != playlist.snapshot_id:
        raise Refusal(
            "conflict",
            "The playlist has changed since that `snapshot_id` was read, so its positions may be others now. "
            "Nothing was changed. Read it again with spotify_get_playlist.",
        )
    return playlist


async def standing(spotify: Spotify, id_: str, snapshot_id: str | None) -> Standing:
    """What stands in it, all read of one version. Raises Refusal where it does not hold still."""
    playlist = await editable(spotify, id_, snapshot_id)
    for _ in range(2):
        if (playlist.size or 0) > MOST_LOOKED_AT:
            return Standing(playlist, None)
        places = await _places(spotify, id_)
        again = await editable(spotify, id_, snapshot_id)
        if again.snapshot_id == playlist.snapshot_id:
            return Standing(playlist, places)
        playlist = again
    raise Refusal(
        "conflict",
        "Somebody else is changing this playlist right now. Nothing was changed. Try again in a moment.",
    )


async def holding(spotify: Spotify, id_: str, size: int, uris: Collection[str]) -> set[str] | None:
    """Which of these stand in a playlist of that size; None where it is too long to look."""
    if size > MOST_GLANCED_AT:
        return None
    places = await _places(spotify, id_) if size else []
    return {uri for uri, _ in places} & set(uris)


async def _places(spotify: Spotify, id_: str) -> list[tuple[str, str]]:
    places: list[tuple[str, str]] = []
    for offset in range(0, MOST_LOOKED_AT, _PAGE):
        page = await spotify.playlist_places(id_, limit=_PAGE, offset=offset)
        places += [(entry.item.uri, entry.item.name) if entry.item else ("", "") for entry in page.items]
        if not page.items or offset + _PAGE >= page.total:
            break
    return places
