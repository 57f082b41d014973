"""The catalogue: search, and one thing or its parts by id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from providers.http import Params
from providers.model import read
from providers.spotify.answers import (
    Album,
    Artist,
    Audiobook,
    Chapter,
    Episode,
    Page,
    SearchResults,
    Show,
    Track,
)
from providers.spotify.call import Caller
from providers.spotify.record import POSITION

SearchKind = Literal["track", "album", "artist", "playlist", "show", "episode", "audiobook"]
AlbumGroup = Literal["album", "single", "appears_on", "compilation"]


class CatalogueCalls(Caller):
    """`market` is an ISO 3166-1 alpha-2 code; the country of the person's account overrides it.

    Pages take `limit` (20 by default and 50 at most, unless it says otherwise) and `offset`, from 0.
    """

    async def search(
        self,
        query: str,
        types: Sequence[SearchKind],
        *,
        limit: int | None = None,
        offset: int | None = None,
        market: str | None = None,
    ) -> SearchResults:
        """GET /search. `limit` is per kind, 5 by default and 10 at most; `offset` is 1000 at most."""
        params: Params = {
            "q": query, "type": ",".join(types), "limit": limit, "offset": offset, "market": market,
        }  # fmt: skip
        return read(SearchResults, await self._get("search", "/search", params=params))

    async def track(self, id_: str, *, market: str | None = None) -> Track:
        """GET /tracks/{id}."""
        return read(Track, await self._get("track", f"/tracks/{id_}", params={"market": market}))

    async def album(self, id_: str, *, market: str | None = None) -> Album:
        """GET /albums/{id}."""
        return read(Album, await self._get("album", f"/albums/{id_}", params={"market": market}))

    async def artist(self, id_: str) -> Artist:
        """GET /artists/{id}."""
        return read(Artist, await self._get("artist", f"/artists/{id_}"))

    async def show(self, id_: str, *, market: str | None = None) -> Show:
        """GET /shows/{id}."""
        return read(Show, await self._get("show", f"/shows/{id_}", POSITION, {"market": market}))

    async def episode(self, id_: str, *, market: str | None = None) -> Episode:
        """GET /episodes/{id}."""
        return read(Episode, await self._get("episode", f"/episodes/{id_}", POSITION, {"market": market}))

    async def audiobook(self, id_: str, *, market: str | None = None) -> Audiobook:
        """GET /audiobooks/{id}, in the few markets that have them (US UK CA IE NZ AU)."""
        return read(Audiobook, await self._get("audiobook", f"/audiobooks/{id_}", params={"market": market}))

    async def chapter(self, id_: str, *, market: str | None = None) -> Chapter:
        """GET /chapters/{id}."""
        return read(Chapter, await self._get("chapter", f"/chapters/{id_}", params={"market": market}))

    async def album_tracks(
        self, id_: str, *, limit: int | None = None, offset: int | None = None, market: str | None = None
    ) -> Page[Track]:
        """GET /albums/{id}/tracks."""
        params: Params = {"limit": limit, "offset": offset, "market": market}
        return read(Page[Track], await self._get("album_tracks", f"/albums/{id_}/tracks", params=params))

    async def artist_albums(
        self,
        id_: str,
        *,
        groups: Sequence[AlbumGroup] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        market: str | None = None,
    ) -> Page[Album]:
        """GET /artists/{id}/albums. `limit` is 5 by default and 10 at most."""
        params: Params = {
            "include_groups": ",".join(groups) if groups else None,
            "limit": limit, "offset": offset, "market": market,
        }  # fmt: skip
        return read(Page[Album], await self._get("artist_albums", f"/artists/{id_}/albums", params=params))

    async def show_episodes(
        self, id_: str, *, limit: int | None = None, offset: int | None = None, market: str | None = None
    ) -> Page[Episode]:
        """GET /shows/{id}/episodes, newest first."""
        params: Params = {"limit": limit, "offset": offset, "market": market}
        answer = await self._get("show_episodes", f"/shows/{id_}/episodes", POSITION, params)
        return read(Page[Episode], answer)

    async def audiobook_chapters(
        self, id_: str, *, limit: int | None = None, offset: int | None = None, market: str | None = None
    ) -> Page[Chapter]:
        """GET /audiobooks/{id}/chapters, in order."""
        params: Params = {"limit": limit, "offset": offset, "market": market}
        answer = await self._get("audiobook_chapters", f"/audiobooks/{id_}/chapters", params=params)
        return read(Page[Chapter], answer)
