"""api.spotify.com/v1: playlists. What an edit does is in `revisions`, what is shown of one in `shapes`.

`additional_types` changes nothing: a real answer to `additional_types=track` shows episodes, too.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from providers.emulator.spotify import fields, shapes
from providers.emulator.spotify.catalog import Track, is_id, spotify_id
from providers.emulator.spotify.guard import HOST, Caller, Handler, guarded, market, path_id, whole
from providers.emulator.spotify.refusal import Refusal
from providers.emulator.spotify.revisions import Entry, Playlist

if TYPE_CHECKING:
    from providers.emulator.spotify.upstream import Spotify

READ = "playlist-read-private"
COVER_BYTES = 256 * 1024
PER_REQUEST = 100


class Playlists:
    """The routes; state lives in `spotify`."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify

    def routes(self) -> list[Route]:
        """What this file answers."""
        served: list[tuple[str, str, Handler, tuple[str, ...]]] = [
            ("GET", "/me/playlists", self._mine, (READ,)),
            ("POST", "/me/playlists", self._create, ()),
            ("GET", "/playlists/{id}", self._playlist, ()),
            ("PUT", "/playlists/{id}", self._change, ()),
            ("GET", "/playlists/{id}/items", self._items, (READ,)),
            ("POST", "/playlists/{id}/items", self._add, ()),
            ("PUT", "/playlists/{id}/items", self._update, ()),
            ("DELETE", "/playlists/{id}/items", self._remove, ()),
            ("GET", "/playlists/{id}/images", self._images, ()),
            ("PUT", "/playlists/{id}/images", self._upload, ("ugc-image-upload",)),
        ]
        return [
            *(Route(HOST + path, guarded(self._spotify, handler, *scopes), methods=[method])
              for method, path, handler, scopes in served),
            Route(f"/{shapes.COVERS}/image/{{id}}", self._cover, methods=["GET"]),
        ]  # fmt: skip

    # Reads

    async def _mine(self, request: Request, caller: Caller) -> Response:
        """Collaborative ones are only there for who may see them (Scopes, playlist-read-collaborative)."""
        collaborative = "playlist-read-collaborative" in caller.scopes
        seen = [p for p in self._spotify.listed(caller.person) if collaborative or not p.collaborative]
        limit, offset = whole(request, "limit", 20, 1, 50), whole(request, "offset", 0, 0, 100_000)
        return JSONResponse(shapes.page("/me/playlists", seen, limit, offset, self._brief(caller)))

    async def _playlist(self, request: Request, caller: Caller) -> Response:
        playlist = self._visible(request, caller)
        return _filtered(request, self._whole(playlist, caller, market=market(request)))

    async def _items(self, request: Request, caller: Caller) -> Response:
        playlist = self._visible(request, caller)
        if not playlist.edited_by(caller.person.key):
            raise Refusal(403, "Forbidden")
        limit, offset = whole(request, "limit", 20, 1, 50), whole(request, "offset", 0, 0)
        asked = {
            name: request.query_params[name]
            for name in ("market", "fields", "additional_types")
            if name in request.query_params
        }
        shape = self._entry(market=market(request))
        path = f"/playlists/{playlist.id}/items"
        return _filtered(request, shapes.page(path, playlist.entries, limit, offset, shape, asked))

    async def _images(self, request: Request, caller: Caller) -> Response:
        return JSONResponse(shapes.covers(self._visible(request, caller)))

    async def _cover(self, request: Request) -> Response:
        for person in self._spotify.people.values():
            for cover in (playlist.cover for playlist in person.playlists):
                if cover is not None and shapes.cover_id(cover) == request.path_params["id"]:
                    return Response(base64.b64decode(cover), media_type="image/jpeg")
        raise HTTPException(404)

    def _whole(self, playlist: Playlist, caller: Caller, *, market: str | None) -> shapes.Json:
        body = self._brief(caller)(playlist)
        if "items" in body:
            path = f"/playlists/{playlist.id}/items"
            body["items"] = shapes.page(path, playlist.entries, 100, 0, self._entry(market=market))
        body["followers"] = {"href": None, "total": 0}
        return body

    def _visible(self, request: Request, caller: Caller) -> Playlist:
        playlist = self._spotify.playlist(caller.person.key, path_id(request))
        if playlist is None:
            raise Refusal(404, "Resource not found")
        return playlist

    def _brief(self, caller: Caller) -> Callable[[Playlist], shapes.Json]:
        return lambda playlist: shapes.playlist_brief(playlist, self._spotify.people, caller.person)

    def _entry(self, *, market: str | None) -> Callable[[Entry], shapes.Json]:
        catalog, people = self._spotify.catalog, self._spotify.people
        return lambda entry: shapes.playlist_item(
            entry, catalog.item(entry.uri), people[entry.by], market=market
        )

    # Changes

    async def _create(self, request: Request, caller: Caller) -> Response:
        details = _details(await _object(request))
        if not details.get("name"):
            raise Refusal(400, "Missing required field: name")
        person = caller.person
        id_ = spotify_id("playlist", f"{person.key}/made/{len(person.playlists)}/{details['name']}")
        made = Playlist(id_, details["name"], "", person.key, public=True)
        _may_be(details, made)
        for name, value in details.items():
            setattr(made, name, value)
        _hold(caller, public=made.public, both=made.collaborative)
        person.playlists.append(made)
        return JSONResponse(self._whole(made, caller, market=None) | {"images": []}, 201)

    async def _change(self, request: Request, caller: Caller) -> Response:
        playlist = self._visible(request, caller)
        _hold(caller, public=playlist.public)
        self._own(playlist, caller)
        details = _details(await _object(request))
        if details.get("name") == "":
            raise Refusal(400, "Missing required field: name")
        _may_be(details, playlist)
        _hold(caller, public=details.get("public", playlist.public), both=details.get("collaborative", False))
        if details:
            playlist.change(**details)
        return Response(status_code=200)

    async def _add(self, request: Request, caller: Caller) -> Response:
        playlist = self._editable(request, caller, "add tracks to")
        body = await _object(request, "uris")
        uris = self._addable(caller, _uris(request, body) or [])
        if not uris:
            raise Refusal(400, "No uris provided")
        text = request.query_params.get("position")
        position = _integer(body, "position") if text is None else _number(text)
        if position is not None and position < 0:
            raise Refusal(400, "Invalid position, must be positive")
        playlist.insert(uris, position, self._now(), caller.person.key)
        return JSONResponse({"snapshot_id": playlist.snapshot}, 201)

    async def _update(self, request: Request, caller: Caller) -> Response:
        playlist = self._editable(request, caller, "reorder tracks in")
        body = await _object(request)
        uris = _uris(request, body)
        moving = body.keys() & {"range_start", "insert_before", "range_length"}
        if uris is not None and moving:
            raise Refusal(400, "Can't reorder and replace items in one request")
        if uris is not None:
            playlist.replace(self._addable(caller, uris), self._now(), caller.person.key)
            return JSONResponse({"snapshot_id": playlist.snapshot})
        start, before = _integer(body, "range_start"), _integer(body, "insert_before")
        length = _integer(body, "range_length")
        if start is None or before is None:
            missing = "uris" if not moving else "range_start" if start is None else "insert_before"
            raise Refusal(400, f"Missing required field: {missing}")
        length = 1 if length is None else length
        if min(start, before) < 0 or length < 1:
            raise Refusal(400, "Invalid position, must be positive")
        playlist.move(start, length, before, _text(body, "snapshot_id"))
        return JSONResponse({"snapshot_id": playlist.snapshot})

    async def _remove(self, request: Request, caller: Caller) -> Response:
        playlist = self._editable(request, caller, "remove tracks from")
        body = await _object(request)
        rows = body.get("items")
        if rows is None:
            raise Refusal(400, "Missing required field: items")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _malformed()
        if len(rows) > PER_REQUEST:
            raise Refusal(400, "You can remove a maximum of 100 tracks per request.")
        uris = [_text(row, "uri") or "" for row in rows]
        for uri in uris:
            if not uri.startswith("spotify:local:"):
                _track_or_episode(uri)
        playlist.remove(uris, _text(body, "snapshot_id"))
        return JSONResponse({"snapshot_id": playlist.snapshot})

    async def _upload(self, request: Request, caller: Caller) -> Response:
        playlist = self._visible(request, caller)
        _hold(caller, public=playlist.public)
        self._own(playlist, caller)
        sent = await request.body()
        if len(sent) > COVER_BYTES:
            return PlainTextResponse("Request Entity Too Large", 413)
        try:
            picture = base64.b64decode(sent, validate=True)
        except binascii.Error:
            picture = b""
        if not picture.startswith(b"\xff\xd8\xff"):
            raise Refusal(400, "Bad request.")
        playlist.change(cover=sent.decode("ascii"))
        return Response(status_code=202)

    # Rules

    def _editable(self, request: Request, caller: Caller, doing: str) -> Playlist:
        """The playlist of the path, for who may change its items."""
        playlist = self._visible(request, caller)
        _hold(caller, public=playlist.public)
        if not playlist.edited_by(caller.person.key):
            raise Refusal(403, f"You cannot {doing} a playlist you don't own.")
        return playlist

    def _own(self, playlist: Playlist, caller: Caller) -> None:
        if playlist.owner != caller.person.key:
            raise Refusal(403, "You cannot change a playlist you don't own.")

    def _addable(self, caller: Caller, uris: list[str]) -> list[str]:
        """Tracks and episodes that are there and licensed; no local files."""
        if len(uris) > PER_REQUEST:
            raise Refusal(400, "You can add a maximum of 100 tracks per request.")
        for uri in uris:
            _track_or_episode(uri)
            thing = self._spotify.catalog.item(uri)
            country = caller.person.country
            if thing is None or (isinstance(thing, Track) and not thing.here(country).plays_in(country)):
                raise Refusal(400, "Payload contains a non-existing ID")
        return uris

    def _now(self) -> str:
        now = datetime.fromtimestamp(self._spotify.clock.now(), UTC)
        return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _hold(caller: Caller, *, public: bool, both: bool = False) -> None:
    """Whether the token may change public or private playlists; a collaborative one takes both scopes."""
    needed = {"playlist-modify-public" if public else "playlist-modify-private"}
    if both:
        needed = {"playlist-modify-public", "playlist-modify-private"}
    if not caller.scopes.issuperset(needed):
        raise Refusal(403, "Insufficient client scope")


def _may_be(details: shapes.Json, playlist: Playlist) -> None:
    """A collaborative playlist is not public."""
    now = {"public": playlist.public, "collaborative": playlist.collaborative, **details}
    if now["public"] and now["collaborative"]:
        raise Refusal(400, "Collaborative playlists can only be private")


def _details(body: shapes.Json) -> shapes.Json:
    """Name, description, public and collaborative as far as they are there."""
    kinds = {"name": str, "description": str, "public": bool, "collaborative": bool}
    given = {name: body[name] for name in kinds if body.get(name) is not None}
    if not all(isinstance(value, kinds[name]) for name, value in given.items()):
        raise _malformed()
    return given


def _uris(request: Request, body: shapes.Json) -> list[str] | None:
    """From the query, which goes before the body, or from the body; None where neither has any."""
    text = request.query_params.get("uris")
    if text is not None:
        return [uri.strip() for uri in text.split(",") if uri.strip()]
    uris = body.get("uris")
    if uris is None:
        return None
    if not isinstance(uris, list) or not all(isinstance(uri, str) for uri in uris):
        raise _malformed()
    return uris


def _track_or_episode(uri: str) -> None:
    parts = uri.split(":")
    if len(parts) != 3 or parts[:2] not in (["spotify", "track"], ["spotify", "episode"]):
        raise Refusal(400, f"Invalid track uri: {uri}")
    if not is_id(parts[2]):
        raise Refusal(400, f"Invalid track uri: {uri}")


def _integer(body: shapes.Json, name: str) -> int | None:
    value = body.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise _malformed()
    return value


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Refusal(400, "Invalid position") from None


def _text(body: shapes.Json, name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise _malformed()
    return value


async def _object(request: Request, bare: str | None = None) -> shapes.Json:
    """The body as an object. A bare array is what is called `bare`, as older clients send URIs to add."""
    raw = await request.body()
    try:
        value: Any = json.loads(raw) if raw else {}
    except ValueError:
        raise _malformed() from None
    if bare is not None and isinstance(value, list):
        return {bare: value}
    if not isinstance(value, dict):
        raise _malformed()
    return value


def _malformed() -> Refusal:
    return Refusal(400, "Error parsing JSON.")


def _filtered(request: Request, body: shapes.Json) -> Response:
    """The answer, or what `fields` wants of it."""
    wanted = request.query_params.get("fields")
    return JSONResponse(fields.parse(wanted).of(body) if wanted else body)
