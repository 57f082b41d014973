"""Playlists: reading them, making them, and editing what is in them."""

from __future__ import annotations

from collections.abc import Sequence

from providers.base import Unavailable
from providers.http import Answer, Params, decoded
from providers.model import read
from providers.spotify.answers import Playlist
from providers.spotify.call import Caller
from providers.spotify.personal import EntryPage, PlaylistPage, Snapshot
from providers.spotify.record import PLAYLISTS, PLAYLISTS_EDIT
from providers.spotify.reference import parse_reference

MOST_ITEMS = 100
"""Items in one edit of a playlist."""

LONGEST_SNAPSHOT = 200
"""Characters of what names a version; real ones have some 50."""

_HEAD = "id,uri,name,type,external_urls,description,public,collaborative,snapshot_id,owner(id,display_name)"
_HEAD_FIELDS = f"{_HEAD},images,items(total)"
_PLACES = "items(item(type,uri,name)),limit,offset,total"


class PlaylistCalls(Caller):
    """`snapshot_id` names a version of a playlist; an edit that carries one is meant for that version."""

    async def my_playlists(self, *, limit: int | None = None, offset: int | None = None) -> PlaylistPage:
        """GET /me/playlists: the person's own, and those they follow. A null is an empty one."""
        params: Params = {"limit": limit, "offset": offset}
        return read(PlaylistPage, await self._get("my_playlists", "/me/playlists", PLAYLISTS, params))

    async def playlist(self, id_: str) -> Playlist:
        """GET /playlists/{id}, without its items. `size` is absent where it is neither owned nor shared."""
        params: Params = {"fields": _HEAD_FIELDS}
        return read(Playlist, await self._get("playlist", f"/playlists/{id_}", PLAYLISTS, params))

    async def playlist_items(
        self, id_: str, *, limit: int | None = None, offset: int | None = None
    ) -> EntryPage:
        """GET /playlists/{id}/items, `limit` 20 by default and 50 at most.

        Spotify answers 403 to who neither owns it nor may add to it.
        """
        params: Params = {"limit": limit, "offset": offset, "additional_types": "track,episode"}
        answer = await self._get("playlist_items", f"/playlists/{id_}/items", PLAYLISTS, params)
        return read(EntryPage, answer)

    async def playlist_places(
        self, id_: str, *, limit: int | None = None, offset: int | None = None
    ) -> EntryPage:
        """GET /playlists/{id}/items reduced to which item stands at which place: its URI and name."""
        params: Params = {
            "limit": limit, "offset": offset, "fields": _PLACES, "additional_types": "track,episode",
        }  # fmt: skip
        answer = await self._get("playlist_places", f"/playlists/{id_}/items", PLAYLISTS, params)
        return read(EntryPage, answer)

    async def create_playlist(
        self,
        name: str,
        *,
        public: bool,
        collaborative: bool | None = None,
        description: str | None = None,
    ) -> Playlist:
        """POST /me/playlists. Without `public` Spotify would make it public, so it is always sent.

        What it returns has an id.
        """
        body = _given(name=name, public=public, collaborative=collaborative, description=description)
        answer = await self._send("create_playlist", "POST", "/me/playlists", PLAYLISTS_EDIT, body=body)
        made = _made(answer)
        if made is None:
            raise Unavailable(answer.provider, answer.operation, "unreadable answer", ambiguous=True)
        return made

    async def change_playlist(
        self,
        id_: str,
        *,
        name: str | None = None,
        public: bool | None = None,
        collaborative: bool | None = None,
        description: str | None = None,
    ) -> None:
        """PUT /playlists/{id}. None leaves a detail as it is."""
        body = _given(name=name, public=public, collaborative=collaborative, description=description)
        await self._send("change_playlist", "PUT", f"/playlists/{id_}", PLAYLISTS_EDIT, body=body)

    async def add_items(self, id_: str, uris: Sequence[str], *, position: int | None = None) -> str:
        """POST /playlists/{id}/items: at most 100, in this order, at `position` (from 0) or at the end.

        Returns the new `snapshot_id`, as every edit does: empty where Spotify did not say it.
        """
        body = _given(uris=list(uris), position=position)
        return await self._edit("add_items", "POST", id_, body)

    async def remove_items(self, id_: str, uris: Sequence[str], *, snapshot_id: str | None = None) -> str:
        """DELETE /playlists/{id}/items: at most 100 URIs, each wherever it stands."""
        body = _given(items=[{"uri": uri} for uri in uris], snapshot_id=snapshot_id)
        return await self._edit("remove_items", "DELETE", id_, body)

    async def reorder_items(
        self,
        id_: str,
        *,
        range_start: int,
        insert_before: int,
        range_length: int = 1,
        snapshot_id: str | None = None,
    ) -> str:
        """PUT /playlists/{id}/items: move a range in front of a place, both counted before the move."""
        body = _given(
            range_start=range_start,
            insert_before=insert_before,
            range_length=range_length,
            snapshot_id=snapshot_id,
        )
        return await self._edit("reorder_items", "PUT", id_, body)

    async def _edit(self, operation: str, method: str, id_: str, body: dict[str, object]) -> str:
        answer = await self._send(operation, method, f"/playlists/{id_}/items", PLAYLISTS_EDIT, body=body)
        value = decoded(answer.body)  # the edit is done, whatever the body is
        snapshot = Snapshot.model_validate(value).snapshot_id if isinstance(value, dict) else ""
        return snapshot if len(snapshot) <= LONGEST_SNAPSHOT else ""


def _made(answer: Answer) -> Playlist | None:
    try:
        made = read(Playlist, answer)
    except Unavailable:
        return None
    return made if parse_reference(made.id or "", "playlist") else None


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
