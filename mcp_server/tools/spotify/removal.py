"""spotify_remove_from_playlist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.room import fitting
from mcp_server.tools.spotify.arguments import PlaylistItems, PlaylistName, SnapshotId
from mcp_server.tools.spotify.batches import Outcome, Partly, in_batches, rest_text, some, unread
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.edits import ADDABLE, NEEDS
from mcp_server.tools.spotify.lists import find_playlist
from mcp_server.tools.spotify.playlists import Named, named
from mcp_server.tools.spotify.refs import references
from mcp_server.tools.spotify.versions import MOST_LOOKED_AT, Standing, standing
from mcp_server.tools.text import clip, quoted
from mcp_server.tools.undo import Undo
from providers.spotify import MOST_ITEMS, Spotify

_LOCAL = re.compile(r"spotify:local:[!-~]{1,194}")
_ANY = f"spotify:track:{'0' * 22}"
_MOST_PLACES = 20
_MOST_STEPS = 25
_MOST_PUT_BACK = 120
_ROOM = 7_000


_UNREAD = f"Where they stood was not read: the playlist has more than {MOST_LOOKED_AT} items."
_LOCALS = "Local files: only Spotify's own apps can add them."


class Gone(BaseModel):
    """An item that was removed. `positions` are the first 20 of the `count` places it stood at."""

    uri: str
    name: str | None = None
    count: int | None = None
    positions: list[int] | None = None


class Removed(Partly):
    """What was removed; `undo` puts it back, call by call in this order."""

    playlist: Named
    removed: list[Gone]
    not_shown: Annotated[int | None, Field(description="Removed too, but left out of `removed`.")] = None
    not_found: list[str] | None = None
    snapshot_id: str | None = None
    undo: list[Undo]
    not_undoable: Annotated[str | None, Field(description="What `undo` does not put back.")] = None


@tool(
    service="spotify",
    access="write",
    needs=NEEDS,
    title="Remove from a Spotify playlist",
    read_only=False,
    destructive=True,
    idempotent=True,
)
async def spotify_remove_from_playlist(
    spotify: SpotifyClient,
    playlist: PlaylistName,
    items: PlaylistItems,
    snapshot_id: SnapshotId | None = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Removed]:
    """Remove songs or episodes, every copy of each, from an own or shared Spotify playlist. To delete a
    playlist use spotify_remove_from_library.
    """
    uris = _uris(items)
    target = await find_playlist(spotify, playlist, whole=True)
    found = await standing(spotify, target.id, snapshot_id)
    present = uris if found.places is None else _present(uris, found.places)
    outcome = await _remove(spotify, target.id, present, found.playlist.snapshot_id)
    if outcome.trouble is not None and not outcome.done:
        raise outcome.trouble
    if not outcome.done and not outcome.left:
        raise Refusal(
            "not_found",
            "None of these items stands in that playlist, so nothing was changed. See what does with "
            "spotify_get_playlist.",
        )
    absent = [uri for uri in uris if uri not in present] + outcome.refused
    return _answer(found, target.uri, outcome, absent, account)


def _uris(items: Sequence[str]) -> list[str]:
    """What is meant, each once. A local file has no id or link: only its whole URI will do."""
    local = [text.strip() if _LOCAL.fullmatch(text.strip()) else None for text in items]
    # One that will do stands in for a local file, so that a refusal names the places as they were given.
    others = references([_ANY if own else text for own, text in zip(local, items, strict=True)], ADDABLE)
    return list(dict.fromkeys(own or other.uri for own, other in zip(local, others, strict=True)))


def _present(uris: Iterable[str], places: Iterable[tuple[str, str]]) -> list[str]:
    there = {uri for uri, _ in places}
    return [uri for uri in uris if uri in there]


async def _remove(spotify: Spotify, id_: str, uris: Sequence[str], snapshot_id: str) -> Outcome:
    """Take them out of that version, and further ones out of the version that this makes."""
    latest = snapshot_id

    async def send(batch: Sequence[str], done: int) -> str:
        nonlocal latest
        latest = await spotify.remove_items(id_, batch, snapshot_id=latest or None)
        return latest

    return await in_batches(uris, send)


@dataclass(frozen=True, slots=True)
class _Stood:
    name: str
    positions: list[int]


def _answer(
    found: Standing, uri: str, outcome: Outcome, absent: list[str], account: str | None
) -> CallToolResult:
    stood = None if found.places is None else _stood(found.places, outcome.done)
    gone = [_gone(each, stood[each] if stood else None) for each in outcome.done]
    shown = [(row, _line(row)) for row in gone]
    fit = fitting(shown, _ROOM)
    undo, lost = ([], _UNREAD) if stood is None else _putting_back(uri, stood)
    removed = Removed(
        playlist=named(found.playlist),
        removed=gone[:fit],
        not_shown=len(gone) - fit or None,
        not_found=absent or None,
        snapshot_id=outcome.snapshot_id or None,
        undo=[each.at(account) for each in undo],
        not_undoable=lost,
        **outcome.fields() | {"refused": None},
    )
    return answer(removed, _text(removed, [line for _, line in shown[:fit]]))


def _stood(places: Iterable[tuple[str, str]], uris: Iterable[str]) -> dict[str, _Stood]:
    """Each of the URIs with its name and the places it stood at."""
    found: dict[str, _Stood] = {uri: _Stood("", []) for uri in uris}
    for position, (uri, name) in enumerate(places):
        if uri in found:
            before = found[uri]
            found[uri] = _Stood(before.name or name, [*before.positions, position])
    return found


def _gone(uri: str, stood: _Stood | None) -> Gone:
    if stood is None:
        return Gone(uri=uri)
    name = clip(stood.name, 60) or None
    return Gone(uri=uri, name=name, count=len(stood.positions), positions=stood.positions[:_MOST_PLACES])


def _putting_back(uri: str, stood: Mapping[str, _Stood]) -> tuple[list[Undo], str | None]:
    """The calls that put them back where they stood, and what they leave out.

    Each neighbouring run goes in at its old position, the first one first, so each position is right by
    then.
    A local file can't be added from here: what follows it moves up by one.
    """
    rows = sorted((position, each) for each, was in stood.items() for position in was.positions)
    back = [(position, each) for position, each in rows if not _LOCAL.fullmatch(each)]
    lost = [position for position, each in rows if _LOCAL.fullmatch(each)]
    runs: list[tuple[int, list[str]]] = []
    for position, each in back[:_MOST_PUT_BACK]:
        at = position - sum(1 for other in lost if other < position)
        if runs and runs[-1][0] + len(runs[-1][1]) == at and len(runs[-1][1]) < MOST_ITEMS:
            runs[-1][1].append(each)
        else:
            runs.append((at, [each]))
    steps = [
        Undo(
            tool="spotify_add_to_playlist",
            arguments={"playlist": uri, "position": at, "items": items},
        )
        for at, items in runs[:_MOST_STEPS]
    ]
    missing = len(back) - sum(len(items) for _, items in runs[:_MOST_STEPS])
    said = [_LOCALS] if lost else []
    if missing:
        said.append(f"The last {missing} of the {len(back)} places, for there are too many.")
    return steps, " ".join(said) or None


def _line(row: Gone) -> str:
    what = quoted(row.name) if row.name else row.uri
    if not row.positions:
        return what
    further = (row.count or 0) - len(row.positions)
    more = f" and {further} more" if further else ""
    return f"{what} (at {', '.join(map(str, row.positions))}{more})"


def _text(removed: Removed, lines: Sequence[str]) -> str:
    count = len(removed.removed) + (removed.not_shown or 0)
    what = "1 item" if count == 1 else f"{count} items"
    parts = [f"Removed {what} from {quoted(removed.playlist.name)}: {'; '.join(lines)}."]
    if removed.not_shown:
        parts.append(f"{removed.not_shown} more are not shown.")
    if removed.not_found:
        parts.append(f"Not in it: {some(removed.not_found)}.")
    if removed.not_undoable:
        parts.append(f"Can't be undone: {removed.not_undoable}")
    return " ".join([*parts, removed.playlist.url]) + unread(removed.snapshot_id) + rest_text(removed)
