"""api.spotify.com/v1/me/player: the remote control, in front of the rules of `player`."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.emulator.spotify import shapes
from providers.emulator.spotify.books import MARKETS
from providers.emulator.spotify.catalog import LOCAL, Album, Artist, Chapter, Track, is_id
from providers.emulator.spotify.guard import HOST, Caller, Handler, guarded, json_object, market, whole
from providers.emulator.spotify.player import Player, View
from providers.emulator.spotify.refusal import Refusal

if TYPE_CHECKING:
    from providers.emulator.spotify.upstream import Spotify

STATE = "user-read-playback-state"
PLAYING = "user-read-currently-playing"
MODIFY = "user-modify-playback-state"


class Remote:
    """The routes; state lives in `spotify`."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify
        self._catalog = spotify.catalog

    def routes(self) -> list[Route]:
        """What this file answers."""
        reads: list[tuple[str, Handler, tuple[str, ...]]] = [
            ("", self._playback, (STATE,)),
            ("/devices", self._devices, (STATE,)),
            ("/currently-playing", self._currently_playing, (PLAYING,)),
            ("/queue", self._queue, (PLAYING, STATE)),
        ]
        commands: list[tuple[str, str, Handler]] = [
            ("PUT", "", self._transfer),
            ("PUT", "/play", self._play),
            ("PUT", "/pause", self._pause),
            ("POST", "/next", self._next),
            ("POST", "/previous", self._previous),
            ("PUT", "/seek", self._seek),
            ("PUT", "/repeat", self._repeat),
            ("PUT", "/shuffle", self._shuffle),
            ("PUT", "/volume", self._volume),
            ("POST", "/queue", self._add),
        ]
        path = f"{HOST}/me/player"
        return [
            *(Route(path + tail, guarded(self._spotify, handler, *scopes), methods=["GET"])
              for tail, handler, scopes in reads),
            *(Route(path + tail, guarded(self._spotify, handler, MODIFY), methods=[method])
              for method, tail, handler in commands),
        ]  # fmt: skip

    # Reads

    async def _playback(self, request: Request, caller: Caller) -> Response:
        player, view = self._view(caller)
        if view.device is None:
            return Response(status_code=204)
        return JSONResponse(
            {
                "device": shapes.device(view.device, active=True),
                "repeat_state": view.session.repeat,
                "shuffle_state": view.session.shuffle,
                **self._now(request, player, view),
            }
        )

    async def _currently_playing(self, request: Request, caller: Caller) -> Response:
        player, view = self._view(caller)
        if view.device is None:
            return Response(status_code=204)
        return JSONResponse(self._now(request, player, view))

    async def _devices(self, request: Request, caller: Caller) -> Response:
        _, view = self._view(caller)
        active = view.session.device
        return JSONResponse({"devices": [shapes.device(d, active=d.id == active) for d in view.devices]})

    async def _queue(self, request: Request, caller: Caller) -> Response:
        player, view = self._view(caller)
        if view.device is None or view.session.current is None:
            return JSONResponse({"currently_playing": None, "queue": []})
        ahead = [self._item(uri) for uri in player.upcoming(view.session)]
        return JSONResponse({"currently_playing": self._item(view.session.current), "queue": ahead})

    def _view(self, caller: Caller) -> tuple[Player, View]:
        player = self._spotify.players[caller.person.key]
        return player, player.view()

    def _now(self, request: Request, player: Player, view: View) -> shapes.Json:
        """The part both reads share. An episode is shown only to who asks for episodes."""
        session, market_applies = view.session, market(request)
        kind = session.current.split(":")[1].replace("local", "track") if session.current else "unknown"
        known = {"track", *request.query_params.get("additional_types", "").split(",")}
        shown = session.current if kind in known else None
        return {
            "timestamp": int(session.changed_at * 1000),
            "context": shapes.context(session.context) if session.context else None,
            "progress_ms": session.position_ms,
            "item": self._item(shown, market=market_applies) if shown else None,
            "currently_playing_type": kind,
            "actions": {"disallows": player.disallows(session)},
            "is_playing": session.playing,
        }

    def _item(self, uri: str, *, market: str | None = None) -> shapes.Json:
        if uri.startswith(LOCAL):
            return shapes.local(uri)
        thing = self._catalog.item(uri)
        if thing is None:
            raise Refusal(404, "Resource not found")
        return shapes.item(thing, market=market)

    # Commands

    async def _play(self, request: Request, caller: Caller) -> Response:
        body = await json_object(request)
        context, uris = body.get("context_uri"), body.get("uris")
        position_ms = _position(body)
        if context is not None and uris is not None:
            raise Refusal(400, "Can't specify both context_uri and uris")
        playable: list[str] | None = None
        if context is not None:
            playable = self._context(caller, context)
        elif uris is not None:
            playable = [self._playable(caller, uri) for uri in _texts(uris, "uris")]
        at = _offset(body.get("offset"), playable, context)
        if playable is not None:
            playable, at = self._sounding(caller, playable, at)
        self._player(caller).play(_device(request), playable, context, at, position_ms)
        return self._done()

    async def _pause(self, request: Request, caller: Caller) -> Response:
        self._player(caller).pause(_device(request))
        return self._done()

    async def _next(self, request: Request, caller: Caller) -> Response:
        self._player(caller).next(_device(request))
        return self._done()

    async def _previous(self, request: Request, caller: Caller) -> Response:
        self._player(caller).previous(_device(request))
        return self._done()

    async def _seek(self, request: Request, caller: Caller) -> Response:
        self._player(caller).seek(_device(request), whole(request, "position_ms", None, 0))
        return self._done()

    async def _repeat(self, request: Request, caller: Caller) -> Response:
        state = _choice(request, "state", "track", "context", "off")
        self._player(caller).repeat(_device(request), state)
        return Response(status_code=204)

    async def _shuffle(self, request: Request, caller: Caller) -> Response:
        state = _choice(request, "state", "true", "false")
        self._player(caller).shuffle(_device(request), state == "true")
        return Response(status_code=204)

    async def _volume(self, request: Request, caller: Caller) -> Response:
        percent = whole(request, "volume_percent", None, 0, 100)
        self._player(caller).volume(_device(request), percent)
        return Response(status_code=204)

    async def _add(self, request: Request, caller: Caller) -> Response:
        uri = request.query_params.get("uri")
        if uri is None:
            raise Refusal(400, "Required parameter uri missing")
        self._player(caller).queue(_device(request), self._playable(caller, uri))
        return Response(status_code=204)

    async def _transfer(self, request: Request, caller: Caller) -> Response:
        body = await json_object(request)
        devices = _texts(body.get("device_ids"), "device_ids")
        play = body.get("play")
        if len(devices) > 1:
            raise Refusal(400, "Only one device_id is currently supported")
        if play is not None and not isinstance(play, bool):
            raise Refusal(400, "Malformed json")
        self._player(caller).transfer(devices[0], play)
        return Response(status_code=204)

    def _player(self, caller: Caller) -> Player:
        return self._spotify.players[caller.person.key]

    def _done(self) -> Response:
        """204 as documented, or the 200 with a token that is no JSON (web-playback clients, since 2024)."""
        if self._spotify.settings.command_bodies:
            return Response(secrets.token_urlsafe(18), 200, media_type="application/json; charset=utf-8")
        return Response(status_code=204)

    def _playable(self, caller: Caller, uri: str) -> str:
        """The URI of what sounds for a track, episode or chapter that exists and may sound here."""
        kind, id_ = _parts(uri)
        if kind not in {"track", "episode"} or not is_id(id_):
            raise Refusal(400, f"Invalid track uri: {uri}")
        item = self._catalog.item(uri)
        if item is None or (isinstance(item, Chapter) and caller.person.country not in MARKETS):
            raise Refusal(404, "Resource not found")
        if not isinstance(item, Track):
            return uri
        if not item.here(caller.person.country).plays_in(caller.person.country):
            raise Refusal(403, "Player command failed: Restriction violated", "UNKNOWN")
        return item.here(caller.person.country).uri

    def _context(self, caller: Caller, uri: Any) -> list[str]:
        """The items of an album, artist, playlist, show or audiobook."""
        kind, id_ = _parts(uri)
        if kind not in {"album", "artist", "playlist", "show"} or not is_id(id_):
            raise Refusal(400, "Invalid context uri")
        finders: dict[str, Callable[[], list[str] | None]] = {
            "album": lambda: _tracks(self._catalog.albums.get(id_)),
            "artist": lambda: _tracks(self._catalog.artists.get(id_)),
            "show": lambda: self._episodes(caller, id_),
            "playlist": lambda: self._listed(caller, id_),
        }
        found = finders[kind]()
        if not found:
            raise Refusal(404, "Resource not found")
        return list(found)

    def _episodes(self, caller: Caller, show_id: str) -> list[str] | None:
        book = self._catalog.audiobooks.get(show_id)
        if book is not None and caller.person.country in MARKETS:
            return [f"spotify:episode:{chapter.id}" for chapter in book.chapters]
        show = self._catalog.shows.get(show_id)
        return None if show is None else [f"spotify:episode:{episode.id}" for episode in show.episodes]

    def _listed(self, caller: Caller, playlist_id: str) -> list[str] | None:
        playlist = self._spotify.playlist(caller.person.key, playlist_id)
        return None if playlist is None else playlist.uris

    def _sounding(self, caller: Caller, uris: list[str], at: int) -> tuple[list[str], int]:
        """Without what cannot sound: local files, what is gone or not licensed. `at` goes on to what can."""
        country = caller.person.country
        heard: list[str | None] = []
        for uri in uris:
            thing = self._catalog.item(uri)
            if isinstance(thing, Track):
                here = thing.here(country)
                heard.append(here.uri if here.plays_in(country) else None)
            else:
                heard.append(None if thing is None else uri)
        playable = [uri for uri in heard if uri is not None]
        if not playable:
            raise Refusal(404, "Resource not found")
        return playable, sum(uri is not None for uri in heard[:at]) % len(playable)


def _tracks(owner: Album | Artist | None) -> list[str] | None:
    """An album's tracks in order, or an artist's by popularity."""
    if owner is None:
        return None
    tracks = list(owner.tracks)
    if isinstance(owner, Artist):
        tracks.sort(key=lambda track: -track.popularity)
    return [track.uri for track in tracks]


def _parts(uri: Any) -> tuple[str, str]:
    parts = uri.split(":") if isinstance(uri, str) else []
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == "spotify" else ("", "")


def _offset(offset: Any, playable: list[str] | None, context: str | None) -> int:
    """Where to start, from `{"position": n}` or `{"uri": …}`."""
    if offset is None:
        return 0
    if not isinstance(offset, dict) or len(offset.keys() & {"position", "uri"}) != 1 or playable is None:
        raise Refusal(400, "Invalid offset")
    if context is not None and context.startswith("spotify:artist:"):
        raise Refusal(400, "Can't have offset for context type: ARTIST")
    if "uri" in offset:
        if offset["uri"] not in playable:
            raise Refusal(400, "Invalid offset")
        return playable.index(offset["uri"])
    position = offset["position"]
    if not isinstance(position, int) or isinstance(position, bool) or not 0 <= position < len(playable):
        raise Refusal(400, "Invalid offset")
    return position


def _position(body: dict[str, Any]) -> int | None:
    value = body.get("position_ms")
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refusal(400, "Invalid position_ms")
    return value


def _texts(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        raise Refusal(400, f"Missing required field: {name}")
    return value


def _choice(request: Request, name: str, *choices: str) -> str:
    value = request.query_params.get(name)
    if value is None:
        raise Refusal(400, f"Required parameter {name} missing")
    if value not in choices:
        raise Refusal(400, f"Invalid {name}")
    return value


def _device(request: Request) -> str | None:
    return request.query_params.get("device_id") or None
