"""spotify_add_to_playlist, spotify_reorder_playlist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.arguments import PlaylistItems, PlaylistName, SnapshotId
from mcp_server.tools.spotify.batches import Partly, in_batches, rest_text
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.lists import find_playlist
from mcp_server.tools.spotify.playlists import Named, named
from mcp_server.tools.spotify.refs import references
from mcp_server.tools.spotify.undo import Undo
from mcp_server.tools.spotify.versions import editable
from mcp_server.tools.text import quoted
from providers.spotify import ReferenceKind
from providers.spotify.record import PLAYLISTS, PLAYLISTS_EDIT

ADDABLE: tuple[ReferenceKind, ...] = ("track", "episode")
NEEDS = PLAYLISTS | PLAYLISTS_EDIT
Place = Annotated[int, Field(ge=0, le=20_000)]


class Added(Partly):
    """What was added; `undo` removes it, and what of it was there before."""

    playlist: Named
    added: int
    position: Annotated[int, Field(description="Of the first one.")]
    snapshot_id: str | None = None
    undo: Undo | None = None


class Moved(BaseModel):
    """A move within a playlist; `moved` is false where the items stood there already."""

    playlist: Named
    moved: bool
    snapshot_id: str | None = None
    undo: Undo | None = None


@tool(
    service="spotify",
    access="write",
    needs=NEEDS,
    title="Add to a Spotify playlist",
    read_only=False,
    destructive=False,
    idempotent=False,
)
async def spotify_add_to_playlist(
    spotify: SpotifyClient,
    playlist: PlaylistName,
    items: PlaylistItems,
    position: Annotated[Place | None, Field(description="Of the first, from 0; default: the end.")] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Added]:
    """Add songs or podcast episodes in this order to an own or shared Spotify playlist, even if it has them
    already.
    """
    uris = [each.uri for each in references(items, ADDABLE)]
    target = await find_playlist(spotify, playlist)
    before = await editable(spotify, target.id)
    size = before.size or 0
    if position is not None and position > size:
        raise Refusal(
            "invalid_argument",
            f"`position` is beyond the end: the playlist has {size} items, so it can be {size} at most. "
            "Nothing was changed.",
        )

    async def send(batch: Sequence[str], done: int) -> str:
        at = None if position is None else position + done
        return await spotify.add_items(target.id, batch, position=at)

    outcome = await in_batches(uris, send)
    outcome.require_some()
    added = Added(
        playlist=named(before),
        added=len(outcome.done),
        position=size if position is None else position,
        snapshot_id=outcome.snapshot_id or None,
        undo=_taking_out(target.uri, outcome.done, outcome.snapshot_id) if outcome.done else None,
        **outcome.fields(),
    )
    return answer(added, _added_text(added))


@tool(
    service="spotify",
    access="write",
    needs=NEEDS,
    title="Reorder a Spotify playlist",
    read_only=False,
    destructive=True,
    idempotent=False,
)
async def spotify_reorder_playlist(
    spotify: SpotifyClient,
    playlist: PlaylistName,
    range_start: Annotated[Place, Field(description="First position to move, from 0.")],
    insert_before: Annotated[Place, Field(description="Old position to go in front of; the size: the end.")],
    snapshot_id: SnapshotId,
    range_length: Annotated[int, Field(ge=1, le=20_000, description="How many to move.")] = 1,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Moved]:
    """Move neighbouring items within an own or shared Spotify playlist."""
    target = await find_playlist(spotify, playlist)
    before = await editable(spotify, target.id, snapshot_id)
    size, end = before.size or 0, range_start + range_length
    if end > size or insert_before > size:
        raise Refusal(
            "invalid_argument",
            f"That is beyond the end: the playlist has {size} items, at positions 0 to {size - 1}. "
            "Nothing was changed."
            if size
            else "The playlist is empty, so there is nothing to move.",
        )
    if range_start <= insert_before <= end:
        still = Moved(playlist=named(before), moved=False, snapshot_id=before.snapshot_id or None)
        return answer(still, f"Nothing to move: they stand there already. {still.playlist.url}")
    after = await spotify.reorder_items(
        target.id,
        range_start=range_start,
        insert_before=insert_before,
        range_length=range_length,
        snapshot_id=before.snapshot_id or None,
    )
    down = insert_before > range_start
    back = {
        "playlist": target.uri,
        "range_start": insert_before - range_length if down else insert_before,
        "insert_before": range_start if down else end,
        "range_length": range_length,
        "snapshot_id": after,
    }
    moved = Moved(
        playlist=named(before),
        moved=True,
        snapshot_id=after or None,
        undo=Undo(tool="spotify_reorder_playlist", arguments=back) if after else None,
    )
    what = "1 item" if range_length == 1 else f"{range_length} items"
    return answer(
        moved,
        f"Moved {what} of {quoted(before.name)} from position {range_start} to {back['range_start']}. "
        f"snapshot_id is now {moved.snapshot_id or 'unknown'}. {moved.playlist.url}",
    )


def _taking_out(uri: str, uris: Sequence[str], snapshot_id: str) -> Undo:
    version = {"snapshot_id": snapshot_id} if snapshot_id else {}
    return Undo(
        tool="spotify_remove_from_playlist",
        arguments={"playlist": uri, "items": list(dict.fromkeys(uris)), **version},
    )


def _added_text(added: Added) -> str:
    count = "1 item" if added.added == 1 else f"{added.added} items"
    where = f" at position {added.position}" if added.added else ""
    head = f"Added {count} to {quoted(added.playlist.name)}{where}. {added.playlist.url}"
    return head + rest_text(added)
