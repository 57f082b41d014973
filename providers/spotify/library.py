"""What is a person's own: profile, library, follows, top items, and what they heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from providers.base import Unavailable
from providers.http import Answer, Params
from providers.model import read
from providers.spotify.answers import Artist, Audiobook, Page, Profile, Track
from providers.spotify.call import Caller
from providers.spotify.personal import (
    Cursored,
    Following,
    History,
    SavedAlbum,
    SavedEpisode,
    SavedShow,
    SavedTrack,
)
from providers.spotify.record import (
    FOLLOW,
    FOLLOWED,
    HISTORY,
    LIBRARY,
    LIBRARY_EDIT,
    PLAYLISTS,
    POSITION,
    PUBLIC_PLAYLISTS_EDIT,
    TOP,
)

TimeRange = Literal["short_term", "medium_term", "long_term"]
MOST_URIS = 40
"""URIs in one call to the library."""

_FLAGS = TypeAdapter(list[bool])


class LibraryCalls(Caller):
    """Pages take `limit` (20 by default, 50 at most) and `offset`, from 0."""

    async def profile(self) -> Profile:
        """GET /me, which since February 2026 tells no country, no product and no address."""
        return read(Profile, await self._get("profile", "/me"))

    async def top_tracks(
        self, time_range: TimeRange | None = None, *, limit: int | None = None, offset: int | None = None
    ) -> Page[Track]:
        """GET /me/top/tracks over about 4 weeks, 6 months (default) or a year."""
        params: Params = {"time_range": time_range, "limit": limit, "offset": offset}
        return read(Page[Track], await self._get("top_tracks", "/me/top/tracks", TOP, params))

    async def top_artists(
        self, time_range: TimeRange | None = None, *, limit: int | None = None, offset: int | None = None
    ) -> Page[Artist]:
        """GET /me/top/artists."""
        params: Params = {"time_range": time_range, "limit": limit, "offset": offset}
        return read(Page[Artist], await self._get("top_artists", "/me/top/artists", TOP, params))

    async def recently_played(
        self, *, limit: int | None = None, after: int | None = None, before: int | None = None
    ) -> History:
        """GET /me/player/recently-played, latest first. `after` or `before`, never both, in Unix ms."""
        params: Params = {"limit": limit, "after": after, "before": before}
        answer = await self._get("recently_played", "/me/player/recently-played", HISTORY, params)
        return read(History, answer)

    async def saved_tracks(self, *, limit: int | None = None, offset: int | None = None) -> Page[SavedTrack]:
        """GET /me/tracks, what was saved last first."""
        return read(Page[SavedTrack], await self._saved("tracks", limit, offset))

    async def saved_albums(self, *, limit: int | None = None, offset: int | None = None) -> Page[SavedAlbum]:
        """GET /me/albums. Each comes with its tracks: fifty weigh some 2 MB."""
        return read(Page[SavedAlbum], await self._saved("albums", limit, offset))

    async def saved_shows(self, *, limit: int | None = None, offset: int | None = None) -> Page[SavedShow]:
        """GET /me/shows."""
        return read(Page[SavedShow], await self._saved("shows", limit, offset))

    async def saved_episodes(
        self, *, limit: int | None = None, offset: int | None = None
    ) -> Page[SavedEpisode]:
        """GET /me/episodes."""
        return read(Page[SavedEpisode], await self._saved("episodes", limit, offset, LIBRARY | POSITION))

    async def saved_audiobooks(
        self, *, limit: int | None = None, offset: int | None = None
    ) -> Page[Audiobook]:
        """GET /me/audiobooks: the books themselves, without a date."""
        return read(Page[Audiobook], await self._saved("audiobooks", limit, offset))

    async def followed_artists(
        self, *, limit: int | None = None, after: str | None = None
    ) -> Cursored[Artist]:
        """GET /me/following. `after` is the cursor of the page before."""
        params: Params = {"type": "artist", "limit": limit, "after": after}
        return read(Following, await self._get("followed_artists", "/me/following", FOLLOWED, params)).artists

    async def contains(self, uris: Sequence[str]) -> list[bool]:
        """GET /me/library/contains: for each of at most 40 URIs, whether it is saved or followed."""
        answer = await self._get("contains", "/me/library/contains", _reading(uris), {"uris": ",".join(uris)})
        flags = _flags(answer)
        if len(flags) != len(uris):
            raise Unavailable(answer.provider, answer.operation, "unreadable answer")
        return flags

    async def save(self, uris: Sequence[str]) -> None:
        """PUT /me/library: save or follow at most 40 things."""
        await self._send("save", "PUT", "/me/library", _editing(uris), {"uris": ",".join(uris)})

    async def remove(self, uris: Sequence[str]) -> None:
        """DELETE /me/library: no longer save or follow at most 40 things."""
        await self._send("remove", "DELETE", "/me/library", _editing(uris), {"uris": ",".join(uris)})

    async def _saved(
        self, kind: str, limit: int | None, offset: int | None, scopes: frozenset[str] = LIBRARY
    ) -> Answer:
        return await self._get(f"saved_{kind}", f"/me/{kind}", scopes, {"limit": limit, "offset": offset})


def _flags(answer: Answer) -> list[bool]:
    try:
        return _FLAGS.validate_python(answer.json(), strict=True)
    except ValidationError:
        raise Unavailable(answer.provider, answer.operation, "unreadable answer") from None


def _kinds(uris: Sequence[str]) -> set[str]:
    return {uri.split(":")[1] if uri.count(":") >= 2 else "" for uri in uris}


def _reading(uris: Sequence[str]) -> frozenset[str]:
    return _by_kind(uris, LIBRARY, FOLLOWED, PLAYLISTS)


def _editing(uris: Sequence[str]) -> frozenset[str]:
    return _by_kind(uris, LIBRARY_EDIT, FOLLOW, PUBLIC_PLAYLISTS_EDIT)


def _by_kind(
    uris: Sequence[str], saved: frozenset[str], followed: frozenset[str], playlists: frozenset[str]
) -> frozenset[str]:
    """The scopes that a call about these URIs needs: they depend on the kinds of things."""
    named = {"artist": followed, "user": followed, "playlist": playlists}
    return frozenset().union(*(named.get(kind, saved) for kind in _kinds(uris)))
