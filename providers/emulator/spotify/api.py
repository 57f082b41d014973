"""api.spotify.com/v1, the reading half: profile, catalogue, search; and what is gone."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.emulator.spotify import audiobooks, search, shapes
from providers.emulator.spotify.books import MARKETS
from providers.emulator.spotify.guard import HOST, Caller, Handler, guarded, market, path_id, whole
from providers.emulator.spotify.listing import found, paged
from providers.emulator.spotify.oddities import EDITORIAL
from providers.emulator.spotify.refusal import Refusal
from providers.emulator.spotify.revisions import Playlist

if TYPE_CHECKING:
    from providers.emulator.spotify.upstream import Spotify

KINDS = ("album", "artist", "playlist", "track", "show", "episode", "audiobook")

REMOVED = """
    GET /albums /artists /tracks /shows /episodes /audiobooks /chapters
    GET /artists/{id}/top-tracks /artists/{id}/related-artists
    PUT,DELETE /me/albums /me/tracks /me/episodes /me/shows /me/audiobooks /me/following
    GET /me/albums/contains /me/tracks/contains /me/episodes/contains /me/shows/contains
    GET /me/audiobooks/contains /me/following/contains /playlists/{id}/followers/contains
    GET /users/{id} /markets /recommendations /recommendations/available-genre-seeds
    GET,POST /users/{id}/playlists
    GET,POST,PUT,DELETE /playlists/{id}/tracks
    PUT,DELETE /playlists/{id}/followers
    GET /browse/featured-playlists /browse/new-releases
    GET /browse/categories /browse/categories/{id} /browse/categories/{id}/playlists
    GET /audio-features /audio-features/{id} /audio-analysis/{id}
"""
"""Gone for apps in development mode: 403 Forbidden (changes of February 2026 and November 2024)."""


class Api:
    """The routes; state lives in `spotify`."""

    def __init__(self, spotify: Spotify) -> None:
        self._spotify = spotify
        self._catalog = spotify.catalog

    def routes(self) -> list[Route]:
        """What this file answers."""
        served: list[tuple[str, Handler, tuple[str, ...]]] = [
            ("/me", self._me, ()),
            ("/search", self._search, ()),
            ("/tracks/{id}", self._track, ()),
            ("/albums/{id}", self._album, ()),
            ("/albums/{id}/tracks", self._album_tracks, ()),
            ("/artists/{id}", self._artist, ()),
            ("/artists/{id}/albums", self._artist_albums, ()),
            ("/shows/{id}", self._show, ("user-read-playback-position",)),
            ("/shows/{id}/episodes", self._show_episodes, ("user-read-playback-position",)),
            ("/episodes/{id}", self._episode, ("user-read-playback-position",)),
        ]
        return [
            *(Route(HOST + path, guarded(self._spotify, handler, *scopes), methods=["GET"])
              for path, handler, scopes in served),
            *self._removed(),
        ]  # fmt: skip

    def _removed(self) -> list[Route]:
        endpoint = guarded(self._spotify, self._forbidden)
        lines = (line.split() for line in REMOVED.strip().splitlines())
        return [
            Route(HOST + path, endpoint, methods=methods.split(","))
            for methods, *paths in lines
            for path in paths
        ]

    async def _forbidden(self, request: Request, caller: Caller) -> Response:
        raise Refusal(403, "Forbidden")

    async def _me(self, request: Request, caller: Caller) -> Response:
        return JSONResponse(shapes.me(caller.person))

    async def _track(self, request: Request, caller: Caller) -> Response:
        track = found(self._catalog.tracks, path_id(request))
        return JSONResponse(shapes.track(track, market=market(request)))

    async def _album(self, request: Request, caller: Caller) -> Response:
        album = found(self._catalog.albums, path_id(request))
        return JSONResponse(shapes.album(album, market=market(request)))

    async def _album_tracks(self, request: Request, caller: Caller) -> Response:
        album = found(self._catalog.albums, path_id(request))
        shape = functools.partial(shapes.track_brief, market=market(request))
        return paged(request, f"/albums/{album.id}/tracks", album.tracks, shape)

    async def _artist(self, request: Request, caller: Caller) -> Response:
        return JSONResponse(shapes.artist(found(self._catalog.artists, path_id(request))))

    async def _artist_albums(self, request: Request, caller: Caller) -> Response:
        artist = found(self._catalog.artists, path_id(request))
        groups = {"album", "single", "appears_on", "compilation"}
        wanted = set(request.query_params.get("include_groups", ",".join(groups)).split(","))
        if not wanted <= groups:
            raise Refusal(400, "Invalid album type")
        albums = [album for album in artist.albums if album.kind in wanted]
        newest = sorted(albums, key=lambda album: album.released, reverse=True)
        return paged(request, f"/artists/{artist.id}/albums", newest, shapes.album_brief, default=5, most=10)

    async def _show(self, request: Request, caller: Caller) -> Response:
        return JSONResponse(shapes.show(found(self._catalog.shows, path_id(request))))

    async def _show_episodes(self, request: Request, caller: Caller) -> Response:
        show = found(self._catalog.shows, path_id(request))
        return paged(request, f"/shows/{show.id}/episodes", show.episodes, shapes.episode_brief)

    async def _episode(self, request: Request, caller: Caller) -> Response:
        return JSONResponse(shapes.episode(found(self._catalog.episodes, path_id(request))))

    # Search

    async def _search(self, request: Request, caller: Caller) -> Response:
        q = request.query_params.get("q") or request.query_params.get("query", "")  # as its own links say it
        query = search.parse(q)
        if query.empty:
            raise Refusal(400, "No search query")
        kinds = _kinds(request)
        limit = whole(request, "limit", 5, 1, 10)
        offset = whole(request, "offset", 0, 0, 1000)
        market_applies = market(request)
        finders: Mapping[str, Callable[[], tuple[list[Any], Callable[[Any], shapes.Json | None]]]] = {
            "album": lambda: (search.albums(self._catalog, query), shapes.album_brief),
            "artist": lambda: (search.artists(self._catalog, query), shapes.artist),
            "track": lambda: (
                search.tracks(self._catalog, query),
                lambda track: shapes.track(track, market=market_applies),
            ),
            "show": lambda: (search.shows(self._catalog, query), shapes.show_brief),
            "episode": lambda: (search.episodes(self._catalog, query), shapes.episode_brief),
            "playlist": lambda: (
                search.playlists([*self._spotify.playlists(""), *EDITORIAL], query),
                lambda playlist: self._listed(playlist, caller),
            ),
            "audiobook": lambda: (
                search.audiobooks(self._catalog, query) if caller.person.country in MARKETS else [],
                audiobooks.brief,
            ),
        }
        answer = {}
        for kind in kinds:
            matching, shape = finders[kind]()
            answer[f"{kind}s"] = shapes.page(
                "/search", matching, limit, offset, shape, {"query": q, "type": ",".join(kinds)}
            )
        return JSONResponse(answer)

    def _listed(self, playlist: Playlist, caller: Caller) -> shapes.Json | None:
        """Null stands for one of Spotify's own: apps in development mode get none (November 2024)."""
        if playlist in EDITORIAL:
            return None
        return shapes.playlist_brief(playlist, self._spotify.people, caller.person)


def _kinds(request: Request) -> list[str]:
    text = request.query_params.get("type")
    if not text:
        raise Refusal(400, "Missing parameter type")
    kinds = text.split(",")
    for kind in kinds:
        if kind not in KINDS:
            raise Refusal(400, f"Bad search type field {kind}")
    return list(dict.fromkeys(kinds))
