"""spotify_create_playlist, spotify_update_playlist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_server.answers import answer
from mcp_server.errors import Refusal
from mcp_server.inject import AccountLabel
from mcp_server.toolbox import tool
from mcp_server.tools.spotify.arguments import PlaylistName, Ref
from mcp_server.tools.spotify.batches import Outcome, Partly, in_batches, rest_text, unread
from mcp_server.tools.spotify.client import SpotifyClient
from mcp_server.tools.spotify.edits import ADDABLE, NEEDS
from mcp_server.tools.spotify.lists import find_playlist
from mcp_server.tools.spotify.playlists import Named, head, named
from mcp_server.tools.spotify.refs import references
from mcp_server.tools.text import clip, quoted
from mcp_server.tools.undo import Undo
from providers.spotify import Playlist, Spotify
from providers.spotify.record import PLAYLISTS_EDIT

# Spotify's reference names no limits; its apps take this much (a name of 100, a description of 300).
Name = Annotated[str, Field(max_length=100)]
Description = Annotated[str, Field(min_length=1, max_length=300, description="A line about it.")]


class Created(Partly):
    """The new playlist, and how many of the items were added."""

    playlist: Named
    public: bool
    added: int
    snapshot_id: str | None = None
    undo: Undo


class Details(BaseModel):
    """Those details that were changed."""

    name: str | None = None
    description: str | None = None
    public: bool | None = None
    collaborative: bool | None = None


class Updated(BaseModel):
    """What was changed; `changed` is false where all was so already."""

    playlist: Named
    changed: bool
    before: Details
    after: Details
    undo: Undo | None = None


@tool(
    service="spotify",
    access="write",
    needs=PLAYLISTS_EDIT,
    title="Create a Spotify playlist",
    read_only=False,
    destructive=False,
    idempotent=False,
)
async def spotify_create_playlist(
    spotify: SpotifyClient,
    name: Name,
    description: Description | None = None,
    public: Annotated[bool, Field(description="On the person's profile.")] = False,
    items: Annotated[
        list[Ref] | None,
        Field(max_length=300, description="URIs, links or track ids."),
    ] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Created]:
    """Make a Spotify playlist for the person, empty or with items in this order."""
    uris = [each.uri for each in references(items or (), ADDABLE)]
    if not clip(name):
        raise Refusal("invalid_argument", "`name` is blank. Give the playlist a name.")
    made = await spotify.create_playlist(name, public=public, description=description)
    outcome = await _filled(spotify, made, uris)
    created = Created(
        playlist=named(made),
        public=public,
        added=len(outcome.done),
        snapshot_id=outcome.snapshot_id or clip(made.snapshot_id) or None,
        undo=Undo(tool="spotify_remove_from_library", arguments={"items": [clip(made.uri)]}).at(account),
        **outcome.fields(),
    )
    kind = "public" if public else "private"
    count = f" with {created.added} of {len(uris)} items" if uris else ", still empty"
    text = f"Made the {kind} playlist {quoted(created.playlist.name)}{count}. {created.playlist.url}"
    doubt = unread(outcome.snapshot_id) if outcome.done else ""
    return answer(created, text + doubt + rest_text(created))


async def _filled(spotify: Spotify, made: Playlist, uris: Sequence[str]) -> Outcome:
    async def send(batch: Sequence[str], done: int) -> str:
        return await spotify.add_items(made.id or "", batch)

    return await in_batches(uris, send)


@tool(
    service="spotify",
    access="write",
    needs=NEEDS,
    title="Change a Spotify playlist",
    read_only=False,
    destructive=True,
    idempotent=True,
)
async def spotify_update_playlist(
    spotify: SpotifyClient,
    playlist: PlaylistName,
    name: Name | None = None,
    description: Annotated[
        str | None, Field(min_length=1, max_length=300, description="Can't be emptied.")
    ] = None,
    public: Annotated[bool | None, Field(description="On the person's profile.")] = None,
    collaborative: Annotated[
        bool | None, Field(description="Others may edit it; only if not public.")
    ] = None,
    account: AccountLabel = None,
) -> Annotated[CallToolResult, Updated]:
    """Change the details of a Spotify playlist of the person's own."""
    wanted = Details(name=name, description=description, public=public, collaborative=collaborative)
    if wanted == Details():
        raise Refusal("invalid_argument", "Give at least one of name, description, public, collaborative.")
    if name is not None and not clip(name):
        raise Refusal("invalid_argument", "`name` is blank. Give the playlist a name.")
    target = await find_playlist(spotify, playlist, whole=True)
    whole = await spotify.playlist(target.id)
    await _require_own(spotify, whole)
    _require_one_kind(whole, wanted)
    given = wanted.model_dump(exclude_none=True)
    was = _details(whole)
    changed = {key: value for key, value in given.items() if value != was.get(key)}
    await spotify.change_playlist(target.id, **given)
    before = {key: was[key] for key in changed if was.get(key) is not None}
    back = {key: value for key, value in before.items() if value != ""}
    updated = Updated(
        playlist=named(whole).model_copy(update={"name": clip(name)} if name else {}),
        changed=bool(changed),
        before=Details(**before),
        after=Details(**changed),
        undo=Undo(tool="spotify_update_playlist", arguments={"playlist": target.uri, **back}).at(account)
        if back
        else None,
    )
    return answer(updated, _updated_text(updated))


async def _require_own(spotify: Spotify, playlist: Playlist) -> None:
    if not playlist.owner_id or playlist.owner_id == (await spotify.profile()).id:
        return
    whose = f" It belongs to {quoted(playlist.owner)}." if playlist.owner else ""
    raise Refusal(
        "invalid_argument",
        f"Only its owner can change that playlist's details.{whose} Nothing was changed.",
    )


def _require_one_kind(playlist: Playlist, wanted: Details) -> None:
    """Raise Refusal where it would be public and collaborative, which Spotify does not have."""
    public = playlist.public if wanted.public is None else wanted.public
    collaborative = playlist.collaborative if wanted.collaborative is None else wanted.collaborative
    if not (public and collaborative):
        return
    other = "`collaborative`" if wanted.public else "`public`"
    raise Refusal(
        "invalid_argument",
        f"A collaborative playlist can't be public. Set {other} to false in the same call. "
        "Nothing was changed.",
    )


def _details(playlist: Playlist) -> dict[str, Any]:
    shown = head(playlist)
    return {
        "name": shown.name,
        "description": shown.description or "",
        "public": playlist.public,
        "collaborative": playlist.collaborative,
    }


def _updated_text(updated: Updated) -> str:
    if not updated.changed:
        return f"It was so already: {quoted(updated.playlist.name)} {updated.playlist.url}"
    parts = [f"{key} from {_said(was)} to {_said(now)}" for key, was, now in _pairs(updated)]
    head = f"Changed {quoted(updated.playlist.name)}: {'; '.join(parts)}."
    lasting = " The description can't be emptied again from here." if updated.before.description == "" else ""
    return f"{head}{lasting} {updated.playlist.url}"


def _pairs(updated: Updated) -> list[tuple[str, object, object]]:
    before, after = updated.before.model_dump(), updated.after.model_dump(exclude_none=True)
    return [(key, before[key], value) for key, value in after.items()]


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return quoted(value) if isinstance(value, str) and value else "nothing"
