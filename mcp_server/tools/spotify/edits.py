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
from mcp_server.tools.spotify.batches import Outcome, Partly, in_batches, rest_text, unread
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.lists import find_playlist
from mcp_server.tools.spotify.playlists import Named, named
from mcp_server.tools.spotify.refs import references
from mcp_server.tools.spotify.versions import MOST_GLANCED_AT, editable, holding
from mcp_server.tools.text import quoted
from mcp_server.tools.undo import Undo
from providers.spotify import ReferenceKind
from providers.spotify.record import PLAYLISTS, PLAYLISTS_EDIT

ADDABLE: tuple[ReferenceKind, ...] = ("track", "episode")
NEEDS = PLAYLISTS | PLAYLISTS_EDIT
_UNREAD = (
    f"Removing takes out every copy of an item, and with more than {MOST_GLANCED_AT} items it was not looked "
    "whether some were there before."
)
Place = Annotated[int, Field(ge=0, le=20_000)]


class Added(Partly):
    """What was added; `undo` removes what of it was not there before."""

    playlist: Named
    added: int
    position: Annotated[int, Field(description="Of the first one.")]
    snapshot_id: str | None = None
    undo: Undo | None = None
    not_undoable: Annotated[str | None, Field(description="What `undo` does not remove.")] = None


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
    target = await find_playlist(spotify, playlist, whole=True)
    before = await editable(spotify, target.id)
    size = before.size or 0
    if position is not None and position > size:
        raise Refusal(
            "invalid_argument",
            f"`position` is beyond the end: the playlist has {size} items, so it can be {size} at most. "
            "Nothing was changed.",
        )

    stood = await holding(spotify, target.id, size, uris)

    async def send(batch: Sequence[str], done: int) -> str:
        at = None if position is None else position + done
        return await spotify.add_items(target.id, batch, position=at)

    outcome = await in_batches(uris, send)
    outcome.require_some()
    back, lost = _taking_out(target.uri, outcome, stood)
    added = Added(
        playlist=named(before),
        added=len(outcome.done),
        position=size if position is None else position,
        snapshot_id=outcome.snapshot_id or None,
        undo=back.at(account) if back else None,
        not_undoable=lost,
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
    target = await find_playlist(spotify, playlist, whole=True)
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
        undo=Undo(tool="spotify_reorder_playlist", arguments=back).at(account) if after else None,
    )
    what = "1 item" if range_length == 1 else f"{range_length} items"
    return answer(
        moved,
        f"Moved {what} of {quoted(before.name)} from position {range_start} to {back['range_start']}. "
        f"snapshot_id is now {moved.snapshot_id or 'unknown'}. {moved.playlist.url}"
        + unread(moved.snapshot_id),
    )


def _taking_out(uri: str, outcome: Outcome, stood: set[str] | None) -> tuple[Undo | None, str | None]:
    """The call that takes them out again, and what it leaves in: Spotify removes every copy of an item."""
    if stood is None:
        return None, _UNREAD
    fresh = [each for each in dict.fromkeys(outcome.done) if each not in stood]
    again = len(set(outcome.done)) - len(fresh)
    lost = f"{_copies(again)} there before, and removing takes out every copy." if again else None
    if not fresh:
        return None, lost
    version = {"snapshot_id": outcome.snapshot_id} if outcome.snapshot_id else {}
    arguments = {"playlist": uri, "items": fresh, **version}
    return Undo(tool="spotify_remove_from_playlist", arguments=arguments), lost


def _copies(count: int) -> str:
    return "1 of the items was" if count == 1 else f"{count} of the items were"


def _added_text(added: Added) -> str:
    count = "1 item" if added.added == 1 else f"{added.added} items"
    where = f" at position {added.position}" if added.added else ""
    head = f"Added {count} to {quoted(added.playlist.name)}{where}. {added.playlist.url}"
    lost = f" Can't be undone: {added.not_undoable}" if added.not_undoable else ""
    return head + lost + unread(added.snapshot_id) + rest_text(added)
